defmodule Mast.Repo.Migrations.CreateSamples do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE samples (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        server_id uuid NOT NULL REFERENCES servers ON DELETE CASCADE,
        kind text NOT NULL,
        value double precision NOT NULL,
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """,
      "CREATE INDEX samples_server_id_kind_index ON samples (server_id, kind)"
    ]
  end

  def down, do: ["DROP TABLE samples"]
end
