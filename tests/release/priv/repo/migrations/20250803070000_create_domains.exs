defmodule Mast.Repo.Migrations.CreateDomains do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE domains (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        app_id uuid NOT NULL REFERENCES apps ON DELETE CASCADE,
        name citext NOT NULL UNIQUE,
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE domains"]
end
