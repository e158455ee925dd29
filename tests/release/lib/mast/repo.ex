defmodule Mast.Repo do
  @moduledoc """
  The configured database, with Mast's patience: whoever asks for a connection waits about six seconds for one. Each
  failed attempt meanwhile says its cause as a JSON line on stdout, and the exception at the end says none.

  Within `connected!` there is what Mast's contexts and Mast.Bootstrap ask of Ecto's repo, with DBConnection's deadline:
  whoever has checked a connection out may keep it for so long, and then it is closed under his hands.
  """

  alias Mast.Repo.{Connection, URL, Wire}

  @patience 6_000
  @backoff 700..1_300

  @doc "What the configuration says about the connection. Raises where the URL is not one."
  @spec options() :: keyword
  def options do
    {url, options} = :mast |> Application.fetch_env!(__MODULE__) |> Keyword.pop!(:url)
    # The query of a URL may repeat an option (`pool_size`), and then it is the URL that counts.
    URL.parse(url) ++ options
  end

  @doc "Opens a connection for the time of `fun`, whose own queries go by it."
  @spec connected!((Wire.t() -> result)) :: result when result: var
  def connected!(fun) do
    connection = open!()
    outer = Process.put(__MODULE__, connection)

    try do
      fun.(connection)
    after
      Process.put(__MODULE__, outer)
      Connection.close(connection)
    end
  end

  @doc """
  Runs `fun` in a transaction. The deadline is the checkout's and so this call's alone: `timeout:` here
  (DBConnection.Holder.checkout/3), 15 s where it is not given. What a query within asks for has no effect.
  """
  @spec transaction((() -> result), keyword) :: {:ok, result} when result: var
  def transaction(fun, options \\ []) do
    connection = connection()
    watch = spawn_deadline(connection, Keyword.get(options, :timeout, Mast.Switches.checkout_timeout()))
    Process.put({__MODULE__, :checked_out}, true)

    try do
      {:ok, Connection.transaction!(connection, fun)}
    after
      Process.delete({__MODULE__, :checked_out})
      Process.exit(watch, :kill)
    end
  end

  @doc "Runs one statement, with Postgrex's result as far as anybody looks at it."
  @spec query!(String.t(), list, keyword) :: %{rows: [[String.t() | nil]]}
  def query!(sql, parameters \\ [], options \\ []) do
    timeout =
      if Process.get({__MODULE__, :checked_out}),
        do: :infinity,
        else: Keyword.get(options, :timeout, Mast.Switches.checkout_timeout())

    %{rows: Connection.query!(connection(), sql, parameters, timeout)}
  end

  @doc false
  def rows(sql, parameters \\ []), do: query!(sql, parameters).rows

  @doc "Writes a changeset of `Mast.Fleet.change_server/2`."
  def update(changeset), do: Mast.Fleet.update(changeset)

  defp connection, do: Process.get(__MODULE__) || raise("the repo has not been started")

  defp spawn_deadline(connection, timeout) do
    spawn(fn ->
      receive do
      after
        timeout -> Wire.close(connection)
      end
    end)
  end

  @spec open!() :: Wire.t()
  defp open!, do: retry(options(), now() + @patience)

  defp retry(options, deadline) do
    case Connection.open(options, max(deadline - now(), 1)) do
      {:ok, connection} ->
        connection

      {:error, :timeout} ->
        give_up!()

      {:error, error} ->
        log_failure(error)
        pause = Enum.random(@backoff)
        Process.sleep(min(pause, max(deadline - now(), 0)))
        if now() < deadline, do: retry(options, deadline), else: give_up!()
    end
  end

  @doc "Says why a connection failed, in the form that Mast's database driver gives it."
  @spec log_failure(Exception.t()) :: :ok
  def log_failure(error) do
    Mast.Log.write(
      :error,
      "Postgrex.Protocol (#{inspect(self())}) failed to connect: " <> Exception.format_banner(:error, error)
    )
  end

  @spec give_up!() :: no_return
  defp give_up! do
    raise DBConnection.ConnectionError,
          "connection not available and request was dropped from queue after #{@patience}ms"
  end

  defp now, do: System.monotonic_time(:millisecond)
end
