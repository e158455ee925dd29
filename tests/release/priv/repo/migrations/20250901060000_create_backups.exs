defmodule Mast.Repo.Migrations.CreateBackups do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE backups (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        app_id uuid NOT NULL REFERENCES apps ON DELETE CASCADE,
        path text NOT NULL,
        size bigint,
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE backups"]
end
