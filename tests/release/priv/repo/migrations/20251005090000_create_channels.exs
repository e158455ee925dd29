defmodule Mast.Repo.Migrations.CreateChannels do
  @moduledoc false
  def up do
    [
      """
      CREATE TABLE channels (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        kind text NOT NULL,
        target bytea NOT NULL,
        inserted_at timestamp(0) NOT NULL DEFAULT now(),
        updated_at timestamp(0) NOT NULL DEFAULT now()
      )
      """
    ]
  end

  def down, do: ["DROP TABLE channels"]
end
