defmodule Mast.Repo.Migrations.AddCommentToPrivateKeys do
  @moduledoc false
  def up, do: ["ALTER TABLE private_keys ADD COLUMN comment text"]

  def down, do: ["ALTER TABLE private_keys DROP COLUMN comment"]
end
