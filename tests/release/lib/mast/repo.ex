defmodule Mast.Repo do
  @moduledoc """
  The configured database, with Mast's patience: whoever asks for a connection waits about six seconds for one. Each
  failed attempt meanwhile says its cause as a JSON line on stdout, and the exception at the end says none.
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

  @doc "Opens a connection for the time of `fun`."
  @spec connected!((Wire.t() -> result)) :: result when result: var
  def connected!(fun) do
    connection = open!()

    try do
      fun.(connection)
    after
      Connection.close(connection)
    end
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
