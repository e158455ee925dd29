defmodule Mast.Repo.Handshake do
  @moduledoc """
  Turns an open socket into a connection that is ready for queries: TLS where it is asked for, the startup packet,
  and authentication by trust, peer, password, MD5 or SCRAM-SHA-256.
  """

  alias Mast.Repo.{SCRAM, Wire}

  @protocol_3 <<3::16, 0::16>>
  @ssl_request <<8::32, 80_877_103::32>>

  @doc "Closes the socket when it fails."
  @spec run(Wire.t(), keyword, timeout) :: {:ok, Wire.t()} | {:error, Mast.Repo.Connection.error()}
  def run(connection, options, timeout) do
    connection = secure(connection, options[:ssl], timeout)
    start_up(connection, options)
    authenticate(connection, options, timeout, nil)
    {:ok, connection}
  rescue
    error in [Postgrex.Error, DBConnection.ConnectionError] ->
      Wire.close(connection)
      {:error, error}

    error ->
      # Something that is not PostgreSQL answered, or broke its protocol.
      Wire.close(connection)
      message = "unexpected message from the server: " <> Exception.message(error)
      {:error, %DBConnection.ConnectionError{message: message}}
  catch
    :timeout ->
      Wire.close(connection)
      {:error, :timeout}
  end

  defp secure(connection, true, timeout) do
    {:ok, _} = Application.ensure_all_started(:ssl)
    Wire.send!(connection, @ssl_request)

    case :gen_tcp.recv(connection.socket, 1, timeout) do
      {:ok, "S"} -> handshake(connection, timeout)
      {:ok, _} -> raise DBConnection.ConnectionError, "ssl not available"
      {:error, :timeout} -> throw(:timeout)
      {:error, reason} -> Wire.lost!("recv", reason)
    end
  end

  defp secure(connection, _off, _timeout), do: connection

  # Encrypts, and believes whatever certificate it is shown: that is what `ssl=true` has meant to Mast.
  defp handshake(connection, timeout) do
    case :ssl.connect(connection.socket, [verify: :verify_none], timeout) do
      {:ok, socket} -> %Wire{transport: :ssl, socket: socket}
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
    Wire.send!(connection, <<byte_size(packet) + 4::32, packet::binary>>)
  end

  defp authenticate(connection, options, timeout, scram) do
    password = to_string(options[:password] || System.get_env("PGPASSWORD", ""))

    case Wire.receive!(connection, timeout) do
      {:ready_for_query, _} ->
        :ok

      {:authenticate, {3, _}} ->
        Wire.send!(connection, :pgsql_proto.encode_message(:pass_plain, password))
        authenticate(connection, options, timeout, scram)

      {:authenticate, {5, salt}} ->
        Wire.send!(connection, :pgsql_proto.encode_message(:pass_md5, {options[:username], password, salt}))
        authenticate(connection, options, timeout, scram)

      {:authenticate, {10, _mechanisms}} ->
        {first, scram} = SCRAM.first()
        Wire.send!(connection, :pgsql_proto.encode_message(:sasl_initial_response, {"SCRAM-SHA-256", first}))
        authenticate(connection, options, timeout, scram)

      {:authenticate, {11, server_first}} ->
        {final, scram} = SCRAM.final(scram, server_first, password)
        Wire.send!(connection, :pgsql_proto.encode_message(:sasl_response, final))
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
        raise Wire.error(fields)

      _parameter_status_or_notice ->
        authenticate(connection, options, timeout, scram)
    end
  end
end
