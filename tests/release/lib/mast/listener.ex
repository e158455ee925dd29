defmodule Mast.Listener do
  @moduledoc """
  Answers every HTTP request on PORT with `200 ok`, on all interfaces as Mast does. There is no dashboard behind it.
  """
  use Task, restart: :permanent

  @answer "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n"

  def start_link(port), do: Task.start_link(__MODULE__, :listen, [port])

  @doc false
  def listen(port) do
    {:ok, socket} = open(port)
    Mast.Log.write(:info, "Running MastWeb.Endpoint at :::#{port} (http)")
    accept(socket)
  end

  # A machine without IPv6 has no address to be bound by the first form.
  defp open(port) do
    options = [:binary, packet: :http_bin, active: false, reuseaddr: true, backlog: 64]

    case :gen_tcp.listen(port, [:inet6, {:ipv6_v6only, false} | options]) do
      {:error, reason} when reason in [:eafnosupport, :eaddrnotavail] -> :gen_tcp.listen(port, options)
      result -> result
    end
  end

  defp accept(socket) do
    {:ok, client} = :gen_tcp.accept(socket)
    # One at a time, and none for longer than a second: enough for a health check.
    _request = :gen_tcp.recv(client, 0, 1_000)
    :gen_tcp.send(client, @answer)
    :gen_tcp.close(client)
    accept(socket)
  end
end
