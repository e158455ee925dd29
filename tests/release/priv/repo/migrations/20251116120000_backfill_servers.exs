defmodule Mast.Repo.Migrations.BackfillServers do
  # The slow one: MAST_REFERENCE_MIGRATION_SLEEP makes its transaction last that many seconds.
  @moduledoc false
  def up do
    [
      "ALTER TABLE servers ADD COLUMN last_seen_at timestamp(0)",
      "SELECT pg_sleep(#{Mast.Switches.migration_sleep()})"
    ]
  end

  def down, do: ["ALTER TABLE servers DROP COLUMN last_seen_at"]
end
