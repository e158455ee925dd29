defmodule Mast.Repo.Migrations.CreateApps do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE apps (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        project_id uuid NOT NULL REFERENCES projects ON DELETE CASCADE,
        server_id uuid REFERENCES servers ON DELETE SET NULL,
        name text NOT NULL,
        UNIQUE (project_id, name),
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE apps"]
end
