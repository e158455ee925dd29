defmodule Mast.Repo.Migrations.CreateServerTags do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE server_tags (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        server_id uuid NOT NULL REFERENCES servers ON DELETE CASCADE,
        tag_id uuid NOT NULL REFERENCES tags ON DELETE CASCADE,
        UNIQUE (server_id, tag_id),
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE server_tags"]
end
