defmodule Mast.Repo.Wire do
  @moduledoc """
  A socket, plain or encrypted, that carries whole messages of PostgreSQL's protocol. p1_pgsql decodes them.
  """

  @enforce_keys [:transport, :socket]
  defstruct [:transport, :socket]

  @type t :: %__MODULE__{transport: :gen_tcp | :ssl, socket: term}

  @spec close(t) :: :ok
  def close(wire) do
    wire.transport.close(wire.socket)
    :ok
  end

  @doc "Raises when the peer is gone."
  @spec send!(t, iodata) :: :ok
  def send!(wire, data) do
    case wire.transport.send(wire.socket, data) do
      :ok -> :ok
      {:error, reason} -> lost!("send", reason)
    end
  end

  @doc "The next message. Throws `:timeout` when no bytes come for `timeout` milliseconds."
  @spec receive!(t, timeout) :: {atom, term}
  def receive!(wire, timeout) do
    <<type, size::32>> = receive_bytes!(wire, 5, timeout)
    body = if size > 4, do: receive_bytes!(wire, size - 4, timeout), else: ""
    {:ok, message} = :pgsql_proto.decode_packet(type, body, true)
    message
  end

  defp receive_bytes!(wire, count, timeout) do
    case wire.transport.recv(wire.socket, count, timeout) do
      {:ok, bytes} -> bytes
      {:error, :timeout} -> throw(:timeout)
      {:error, reason} -> lost!("recv", reason)
    end
  end

  @doc false
  @spec lost!(String.t(), atom) :: no_return
  def lost!(action, reason) do
    description = if reason == :closed, do: "closed", else: to_string(:inet.format_error(reason))
    raise DBConnection.ConnectionError, "tcp #{action}: #{description} - #{inspect(reason)}"
  end

  @doc "The exception that an ErrorResponse is, from its fields as p1_pgsql decodes them."
  @spec error([{term, term}]) :: %Postgrex.Error{}
  def error(fields) do
    %Postgrex.Error{severity: fields[:severity], code: text(fields[:code]), text: text(fields[:message])}
  end

  defp text(value), do: IO.iodata_to_binary(value || "")
end
