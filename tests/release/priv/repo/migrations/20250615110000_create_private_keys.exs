defmodule Mast.Repo.Migrations.CreatePrivateKeys do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE private_keys (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        name text NOT NULL UNIQUE,
        body bytea NOT NULL,
        fingerprint text NOT NULL UNIQUE,
        algorithm text NOT NULL,
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE private_keys"]
end
