defmodule Mast.Repo.Migrations.CreateServers do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE servers (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        name text NOT NULL UNIQUE CHECK (char_length(name) <= 64),
        host text NOT NULL,
        "user" text NOT NULL DEFAULT 'ubuntu',
        port integer NOT NULL DEFAULT 22 CHECK (port BETWEEN 1 AND 65535),
        status text NOT NULL DEFAULT 'unknown',
        unreachable_count integer NOT NULL DEFAULT 0,
        private_key_id uuid REFERENCES private_keys ON DELETE SET NULL,
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE servers"]
end
