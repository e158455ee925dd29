defmodule Mast.Repo.Connection do
  @moduledoc """
  One connection to PostgreSQL, used by the process that opened it.

  The messages are p1_pgsql's: its codec writes and reads them. Opening the socket and authenticating are done
  here, because p1_pgsql's own connection knows no Unix sockets, and crashes where a socket closes early instead
  of saying what happened. Retrying is left to `Mast.Repo`.
  """

  alias Mast.Repo.SCRAM

  @enforce_keys [:transport, :socket]
  defstruct [:transport, :socket]

  @type t :: %__MODULE__{transport: :gen_tcp | :ssl, socket: term}
  @type error :: %Postgrex.Error{} | %DBConnection.ConnectionError{} | :timeout

  @protocol_3 <<3::16, 0::16>>
  @ssl_request <<8::32, 80_877_103::32>>

  @doc """
  Opens a connection. Each wait for the network ends after `timeout` milliseconds at the latest, with
  `{:error, :timeout}`, since a server that says nothing gives no cause that could be told.
  """
  @spec open(keyword, timeout) :: {:ok, t} | {:error, error}
  def open(options, timeout) do
    {address, port, where} = endpoint(options)
    family = Keyword.get(options, :socket_options, [])

    case connect(address, port, [:binary, active: false, nodelay: true] ++ family, timeout) do
      {:ok, socket} ->
        authenticated(%__MODULE__{transport: :gen_tcp, socket: socket}, options, timeout)

      {:error, :timeout} ->
        {:error, :timeout}

      {:error, reason} ->
        message = "tcp connect (#{where}): #{:inet.format_error(reason)} - #{inspect(reason)}"
        {:error, %DBConnection.ConnectionError{message: message}}
    end
  end

  @spec close(t) :: :ok
  def close(connection) do
    connection.transport.send(connection.socket, :pgsql_proto.encode_message(:terminate, []))
    connection.transport.close(connection.socket)
    :ok
  end

  @doc """
  Runs one statement with parameters ($1 …: integers or binaries) and returns its rows, every column as text or nil.
  `timeout` (milliseconds) bounds each wait for the server.
  """
  @spec query!(t, String.t(), [binary | integer | nil], timeout) :: [[String.t() | nil]]
  def query!(connection, sql, parameters \\ [], timeout \\ 15_000) do
    parameters = Enum.map(parameters, fn value -> if is_nil(value), do: :null, else: value end)

    send!(connection, [
      :pgsql_proto.encode_message(:parse, {"", sql, []}),
      :pgsql_proto.encode_message(:bind, {"", "", parameters, [:text]}),
      :pgsql_proto.encode_message(:execute, {"", 0}),
      :pgsql_proto.encode_message(:sync, [])
    ])

    rows!(connection, timeout, [], nil)
  end

  @doc "Runs `fun` in a transaction; an exception rolls it back and is raised again."
  @spec transaction!(t, (() -> result)) :: result when result: var
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

  defp authenticated(connection, options, timeout) do
    connection = secure(connection, options[:ssl], timeout)
    start_up(connection, options)
    authenticate(connection, options, timeout, nil)
    {:ok, connection}
  rescue
    error in [Postgrex.Error, DBConnection.ConnectionError] ->
      connection.transport.close(connection.socket)
      {:error, error}
  catch
    :timeout ->
      connection.transport.close(connection.socket)
      {:error, :timeout}
  end

  defp secure(connection, true, timeout) do
    {:ok, _} = Application.ensure_all_started(:ssl)
    send!(connection, @ssl_request)

    case :gen_tcp.recv(connection.socket, 1, timeout) do
      {:ok, "S"} -> handshake(connection, timeout)
      {:ok, _} -> raise DBConnection.ConnectionError, "ssl not available"
      {:error, :timeout} -> throw(:timeout)
      {:error, reason} -> lost!("recv", reason)
    end
  end

  defp secure(connection, _off, _timeout), do: connection

  # Encrypts, and believes whatever certificate it is shown: that is what `ssl=true` has meant to Mast.
  defp handshake(connection, timeout) do
    case :ssl.connect(connection.socket, [verify: :verify_none], timeout) do
      {:ok, socket} -> %__MODULE__{transport: :ssl, socket: socket}
      {:error, :timeout} -> throw(:timeout)
      {:error, reason} -> raise DBConnection.ConnectionError, "ssl connect: #{inspect(reason)}"
    end
  end

  defp start_up(connection, options) do
    user = options[:username] || System.get_env("PGUSER") || System.get_env("USER") || "root"

    database =
      options[:database] || System.get_env("PGDATABASE") ||
        raise DBConnection.ConnectionError, "missing the :database key in options"

    pairs = ["user", 0, user, 0, "database", 0, database, 0, "client_encoding", 0, "UTF8", 0, 0]
    packet = IO.iodata_to_binary([@protocol_3, pairs])
    send!(connection, <<byte_size(packet) + 4::32, packet::binary>>)
  end

  defp authenticate(connection, options, timeout, scram) do
    password = to_string(options[:password] || System.get_env("PGPASSWORD", ""))

    case receive!(connection, timeout) do
      {:ready_for_query, _} ->
        :ok

      {:authenticate, {3, _}} ->
        send!(connection, :pgsql_proto.encode_message(:pass_plain, password))
        authenticate(connection, options, timeout, scram)

      {:authenticate, {5, salt}} ->
        send!(connection, :pgsql_proto.encode_message(:pass_md5, {options[:username], password, salt}))
        authenticate(connection, options, timeout, scram)

      {:authenticate, {10, _mechanisms}} ->
        {first, scram} = SCRAM.first()
        send!(connection, :pgsql_proto.encode_message(:sasl_initial_response, {"SCRAM-SHA-256", first}))
        authenticate(connection, options, timeout, scram)

      {:authenticate, {11, server_first}} ->
        {final, scram} = SCRAM.final(scram, server_first, password)
        send!(connection, :pgsql_proto.encode_message(:sasl_response, final))
        authenticate(connection, options, timeout, scram)

      {:authenticate, {12, server_final}} ->
        if !SCRAM.verified?(scram, server_final) do
          raise DBConnection.ConnectionError, "the server does not know the password"
        end

        authenticate(connection, options, timeout, nil)

      {:authenticate, {0, _}} ->
        authenticate(connection, options, timeout, scram)

      {:authenticate, {method, _}} ->
        raise DBConnection.ConnectionError, "authentication method #{method} is not supported"

      {:error_message, fields} ->
        raise error(fields)

      _parameter_status_or_notice ->
        authenticate(connection, options, timeout, scram)
    end
  end

  # Reads to the end of the statement's messages also after an error, so that the connection stays usable.
  defp rows!(connection, timeout, rows, error) do
    case receive_or_raise!(connection, timeout, error) do
      {:data_row, row} ->
        row = Enum.map(row, fn value -> if value == :null, do: nil, else: value end)
        rows!(connection, timeout, [row | rows], error)

      {:error_message, fields} ->
        rows!(connection, timeout, rows, error(fields))

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
    receive!(connection, timeout)
  catch
    :timeout -> raise DBConnection.ConnectionError, "tcp recv: timeout"
  end

  defp error(fields) do
    %Postgrex.Error{severity: fields[:severity], code: text(fields[:code]), text: text(fields[:message])}
  end

  defp text(value), do: IO.iodata_to_binary(value || "")

  defp send!(connection, data) do
    case connection.transport.send(connection.socket, data) do
      :ok -> :ok
      {:error, reason} -> lost!("send", reason)
    end
  end

  defp receive!(connection, timeout) do
    <<type, size::32>> = receive_bytes!(connection, 5, timeout)
    body = if size > 4, do: receive_bytes!(connection, size - 4, timeout), else: ""
    {:ok, message} = :pgsql_proto.decode_packet(type, body, true)
    message
  end

  defp receive_bytes!(connection, count, timeout) do
    case connection.transport.recv(connection.socket, count, timeout) do
      {:ok, bytes} -> bytes
      {:error, :timeout} -> throw(:timeout)
      {:error, reason} -> lost!("recv", reason)
    end
  end

  @spec lost!(String.t(), atom) :: no_return
  defp lost!(action, reason) do
    description = if reason == :closed, do: "closed", else: to_string(:inet.format_error(reason))
    raise DBConnection.ConnectionError, "tcp #{action}: #{description} - #{inspect(reason)}"
  end
end
