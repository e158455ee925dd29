defmodule Mast.Repo.Connection do
  @moduledoc """
  One connection to PostgreSQL, used by the process that opened it: open, query, transaction, close.

  The messages are p1_pgsql's: its codec writes and reads them. p1_pgsql's own connection process is left aside,
  because it knows no Unix sockets, and crashes where a socket closes early instead of saying what happened.
  How a server is authenticated to is in `Handshake`, the bytes are in `Wire`, and retrying is `Mast.Repo`'s.
  """

  alias Mast.Repo.{Handshake, Wire}

  @type error :: %Postgrex.Error{} | %DBConnection.ConnectionError{} | :timeout

  @doc """
  Opens a connection. Each wait for the network ends after `timeout` milliseconds at the latest, with
  `{:error, :timeout}`, since a server that says nothing gives no cause that could be told.
  """
  @spec open(keyword, timeout) :: {:ok, Wire.t()} | {:error, error}
  def open(options, timeout) do
    {address, port, where} = endpoint(options)
    family = Keyword.get(options, :socket_options, [])

    case connect(address, port, [:binary, active: false, nodelay: true] ++ family, timeout) do
      {:ok, socket} ->
        Handshake.run(%Wire{transport: :gen_tcp, socket: socket}, options, timeout)

      {:error, :timeout} ->
        {:error, :timeout}

      {:error, reason} ->
        message = "tcp connect (#{where}): #{:inet.format_error(reason)} - #{inspect(reason)}"
        {:error, %DBConnection.ConnectionError{message: message}}
    end
  end

  @doc "Takes leave of the server, which may be gone already."
  @spec close(Wire.t()) :: :ok
  def close(connection) do
    connection.transport.send(connection.socket, :pgsql_proto.encode_message(:terminate, []))
    Wire.close(connection)
  end

  @doc """
  Runs one statement with parameters ($1 …: integers or binaries) and returns its rows, every column as text or nil.
  `timeout` (milliseconds) bounds each wait for the server.
  """
  @spec query!(Wire.t(), String.t(), [binary | integer | nil], timeout) :: [[String.t() | nil]]
  def query!(connection, sql, parameters \\ [], timeout \\ 15_000) do
    parameters = Enum.map(parameters, fn value -> if is_nil(value), do: :null, else: value end)

    Wire.send!(connection, [
      :pgsql_proto.encode_message(:parse, {"", sql, []}),
      :pgsql_proto.encode_message(:bind, {"", "", parameters, [:text]}),
      :pgsql_proto.encode_message(:execute, {"", 0}),
      :pgsql_proto.encode_message(:sync, [])
    ])

    rows!(connection, timeout, [], nil)
  end

  @doc "Runs `fun` in a transaction; an exception rolls it back and is raised again."
  @spec transaction!(Wire.t(), (() -> result)) :: result when result: var
  def transaction!(connection, fun) do
    query!(connection, "BEGIN")

    try do
      fun.()
    rescue
      error ->
        rollback(connection)
        reraise error, __STACKTRACE__
    else
      result ->
        query!(connection, "COMMIT")
        result
    end
  end

  # A lost connection has rolled back by itself, and the first error is the one to tell.
  defp rollback(connection) do
    query!(connection, "ROLLBACK")
  rescue
    DBConnection.ConnectionError -> :ok
  end

  # Where to connect to, and how a log line calls it. The port names the socket's file when there is a directory.
  defp endpoint(options) do
    port = Keyword.get(options, :port) || String.to_integer(System.get_env("PGPORT", "5432"))
    directory = options[:socket_dir]

    case options[:socket] || (directory && Path.join(directory, ".s.PGSQL.#{port}")) do
      nil ->
        host = options[:hostname] || System.get_env("PGHOST", "localhost")
        {String.to_charlist(host), port, "#{host}:#{port}"}

      path ->
        {{:local, path}, 0, path}
    end
  end

  defp connect(address, port, options, timeout) do
    address =
      case is_list(address) && :inet.parse_address(address) do
        {:ok, ip} -> ip
        _ -> address
      end

    :gen_tcp.connect(address, port, options, timeout)
  catch
    # How OTP refuses an address of another family than the options ask for.
    :exit, :badarg -> {:error, :einval}
  end

  # Reads to the end of the statement's messages also after an error, so that the connection stays usable.
  defp rows!(connection, timeout, rows, error) do
    case receive_or_raise!(connection, timeout, error) do
      {:data_row, row} ->
        row = Enum.map(row, fn value -> if value == :null, do: nil, else: value end)
        rows!(connection, timeout, [row | rows], error)

      {:error_message, fields} ->
        rows!(connection, timeout, rows, Wire.error(fields))

      {:ready_for_query, _} ->
        if error, do: raise(error), else: Enum.reverse(rows)

      _completion_or_notice ->
        rows!(connection, timeout, rows, error)
    end
  end

  # The server closes the connection after a FATAL error: that error is then the cause, not the closed socket.
  defp receive_or_raise!(connection, timeout, nil), do: query_receive!(connection, timeout)

  defp receive_or_raise!(connection, timeout, error) do
    query_receive!(connection, timeout)
  rescue
    DBConnection.ConnectionError -> raise error
  end

  defp query_receive!(connection, timeout) do
    Wire.receive!(connection, timeout)
  catch
    :timeout -> raise DBConnection.ConnectionError, "tcp recv: timeout"
  end
end
