defmodule Mast.Repo.Migrations.AddPublicKeyToPrivateKeys do
  @moduledoc false
  def up, do: ["ALTER TABLE private_keys ADD COLUMN public_key text"]

  def down, do: ["ALTER TABLE private_keys DROP COLUMN public_key"]
end
