defmodule Mast.Release do
  @moduledoc """
  What an operator runs with `bin/mast eval`: migrations forward and back, their list, and seeds.

  The locking is Ecto's, since that is what an observer of the database sees: one connection holds
  SHARE UPDATE EXCLUSIVE on schema_migrations in a transaction for the whole run, while a second one runs each
  migration in a transaction of its own, which also records the version.
  """

  alias Mast.Repo
  alias Mast.Repo.Connection

  @table """
  CREATE TABLE IF NOT EXISTS schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0) NOT NULL)
  """

  @doc "Applies every migration that the database does not have yet, oldest first."
  @spec migrate() :: :ok
  def migrate do
    locked(fn connection, applied ->
      for {version, _name, path} <- files(), version not in applied, do: up(connection, version, path)
    end)
  end

  @doc "Takes back the applied migrations from the newest down to and including `to`."
  @spec rollback(module, integer) :: :ok
  def rollback(Mast.Repo, to) do
    locked(fn connection, applied ->
      for {version, _name, path} <- Enum.reverse(files()), version in applied, version >= to do
        down(connection, version, path)
      end
    end)
  end

  @doc "Every migration that the release or the database knows, as `{:up | :down, version, name}`."
  @spec migrations() :: [{:up | :down, integer, String.t()}]
  def migrations do
    applied =
      Repo.connected!(fn connection ->
        Connection.query!(connection, @table)
        applied(connection)
      end)

    files = for {version, name, _path} <- files(), into: %{}, do: {version, name}

    for version <- Enum.sort(Enum.uniq(Map.keys(files) ++ applied)) do
      {if(version in applied, do: :up, else: :down), version, files[version] || "** FILE NOT FOUND **"}
    end
  end

  @doc "Inserts what a new installation starts with; running it again changes nothing."
  @spec seed() :: :ok
  def seed do
    Repo.connected!(fn connection ->
      sql = "INSERT INTO settings (key, value) VALUES ('instance_name', 'Mast') ON CONFLICT (key) DO NOTHING"
      Connection.query!(connection, sql)
    end)

    :ok
  end

  defp locked(fun) do
    Repo.connected!(fn lock ->
      Connection.query!(lock, @table)

      Connection.transaction!(lock, fn ->
        sql = "LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE"
        Connection.query!(lock, sql, [], :infinity)
        applied = applied(lock)
        Repo.connected!(fn connection -> fun.(connection, applied) end)
      end)
    end)

    :ok
  end

  defp applied(connection) do
    for [version] <- Connection.query!(connection, "SELECT version FROM schema_migrations") do
      String.to_integer(version)
    end
  end

  defp files do
    [Application.app_dir(:mast, "priv/repo/migrations"), "**", "*.exs"]
    |> Path.join()
    |> Path.wildcard()
    |> Enum.map(fn path ->
      {version, "_" <> name} = path |> Path.basename(".exs") |> Integer.parse()
      {version, name, path}
    end)
    |> Enum.sort()
  end

  defp up(connection, version, path) do
    step(connection, version, path, :up, fn ->
      sql = "INSERT INTO schema_migrations (version, inserted_at) VALUES ($1, now() AT TIME ZONE 'utc')"
      Connection.query!(connection, sql, [version])
    end)
  end

  defp down(connection, version, path) do
    step(connection, version, path, :down, fn ->
      Connection.query!(connection, "DELETE FROM schema_migrations WHERE version = $1", [version])
    end)
  end

  defp step(connection, version, path, direction, record) do
    [{module, _bytecode} | _] = Code.compile_file(path)
    Mast.Log.write(:info, "== Running #{version} #{inspect(module)}.#{direction}/0")

    Connection.transaction!(connection, fn ->
      for sql <- apply(module, direction, []), do: Connection.query!(connection, sql, [], :infinity)
      record.()
    end)

    Mast.Log.write(:info, "== Migrated #{version}")
  end
end
