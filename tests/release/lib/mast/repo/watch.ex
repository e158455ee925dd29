defmodule Mast.Repo.Watch do
  @moduledoc """
  Keeps one connection to the database open while Mast runs, and tries again, for ever, while there is none: a
  database that is down does not end `bin/mast start`. In Mast, the connection pool does that.
  """
  use GenServer

  alias Mast.Repo.Connection

  # Milliseconds.
  @connect_timeout 5_000
  @retry_after 1_000
  @check_every 5_000

  def start_link([]), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @impl true
  # Reads the configuration here, so that a URL that is none ends the start.
  def init([]), do: {:ok, {Mast.Repo.options(), nil}, {:continue, :tick}}

  @impl true
  def handle_continue(:tick, state), do: tick(state)

  @impl true
  def handle_info(:tick, state), do: tick(state)

  defp tick({options, nil}) do
    case Connection.open(options, @connect_timeout) do
      {:ok, connection} ->
        Mast.Log.write(:info, "connected to the database")
        again({options, connection}, @check_every)

      {:error, :timeout} ->
        again({options, nil}, @retry_after)

      {:error, error} ->
        Mast.Repo.log_failure(error)
        again({options, nil}, @retry_after)
    end
  end

  defp tick({options, connection}) do
    Connection.query!(connection, "SELECT 1", [], @connect_timeout)
    again({options, connection}, @check_every)
  rescue
    error in [DBConnection.ConnectionError, Postgrex.Error] ->
      Mast.Log.write(:error, "disconnected: " <> Exception.format_banner(:error, error))
      Connection.close(connection)
      again({options, nil}, @retry_after)
  end

  defp again(state, milliseconds) do
    Process.send_after(self(), :tick, milliseconds)
    {:noreply, state}
  end
end
