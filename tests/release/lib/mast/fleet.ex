defmodule Mast.Fleet do
  @moduledoc """
  Mast's servers, by the functions that Mast has for them. It has none that changes how a server is reached: that goes
  by a changeset and the repo.
  """

  alias Mast.Repo

  @columns ~s(id, name, host, "user", port::text, private_key_id)

  @doc "All servers by name."
  def list_servers, do: Enum.map(Repo.rows("SELECT #{@columns} FROM servers ORDER BY name"), &load/1)

  def create_server(%{name: name, host: host, user: user, port: port, private_key_id: key}) do
    sql = """
    INSERT INTO servers (name, host, "user", port, private_key_id)
    VALUES ($1, $2, $3, $4, $5::text::uuid) RETURNING #{@columns}
    """

    [row] = Repo.rows(sql, [name, host, user, port, key])
    {:ok, load(row)}
  end

  @doc "A changeset of what may be changed, for `Mast.Repo.update/1`."
  def change_server(server, attributes) do
    changes = Map.take(attributes, [:name, :host, :user, :port, :private_key_id])
    %{data: server, changes: Map.reject(changes, fn {key, value} -> Map.get(server, key) == value end)}
  end

  @doc false
  def update(%{data: server, changes: changes}) do
    new = Map.merge(server, changes)

    sql = """
    UPDATE servers SET name = $2, host = $3, "user" = $4, port = $5, updated_at = now()
     WHERE id = $1::text::uuid RETURNING #{@columns}
    """

    [row] = Repo.rows(sql, [new.id, new.name, new.host, new.user, new.port])
    {:ok, load(row)}
  end

  defp load([id, name, host, user, port, key]) do
    %{id: id, name: name, host: host, user: user, port: String.to_integer(port), private_key_id: key}
  end
end
