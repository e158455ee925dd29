defmodule Mast.Repo.Migrations.CreateVariables do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE variables (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        app_id uuid NOT NULL REFERENCES apps ON DELETE CASCADE,
        name text NOT NULL,
        value bytea NOT NULL,
        UNIQUE (app_id, name),
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE variables"]
end
