# What nix/bootstrap.ex takes for granted about Mast's libraries. Mast's own side of it, the contexts
# and the vault, is the reference release's.

defmodule Jason do
  @moduledoc false
  # The reference's encoder writes objects from keyword lists.
  def encode!(%{} = object), do: object |> ordered() |> Mast.JSON.encode()

  defp ordered(%{} = object), do: for({key, value} <- object, do: {key, ordered(value)})
  defp ordered(value), do: value
end

defmodule Ecto.Migrator do
  @moduledoc false

  def with_repo(Mast.Repo, fun, pool_size: _) do
    Mast.Repo.connected!(fn _connection -> {:ok, fun.(Mast.Repo), [:mast]} end)
  end
end
