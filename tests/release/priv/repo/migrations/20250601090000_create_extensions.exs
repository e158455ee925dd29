defmodule Mast.Repo.Migrations.CreateExtensions do
  @moduledoc false
  def up do
    [
      "CREATE EXTENSION IF NOT EXISTS citext",
      "CREATE EXTENSION IF NOT EXISTS pgcrypto"
    ]
  end

  def down do
    [
      "DROP EXTENSION citext",
      "DROP EXTENSION pgcrypto"
    ]
  end
end
