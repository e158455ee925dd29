defmodule Mast.ConnectionCheck do
  @moduledoc """
  Looks after the managed servers as Mast's own check does, every 30 s: logs in over SSH and runs six commands. Where
  all of them succeed the row is `up` and `last_seen_at` is now; where one fails it is `down` and counted. Where there
  is no login at all the check itself fails, as Mast's does (sshkit raises), and the row keeps what it had.
  """
  use GenServer

  alias Mast.{Fleet, Repo, SSH}

  @commands [
    "cat /etc/os-release",
    "top -bn1 | head -3",
    "free -m",
    "df -h /",
    "cat /proc/loadavg",
    "nproc"
  ]

  def start_link([]), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)

  @impl true
  def init([]) do
    milliseconds = round(Mast.Switches.check_interval() * 1_000)
    again(milliseconds)
    {:ok, milliseconds}
  end

  @impl true
  def handle_info(:tick, milliseconds) do
    # A process of its own, as a job is: it may crash without consequences.
    {pid, reference} = spawn_monitor(&check_all/0)

    receive do
      {:DOWN, ^reference, :process, ^pid, _reason} -> again(milliseconds)
    end

    {:noreply, milliseconds}
  end

  defp again(milliseconds), do: Process.send_after(self(), :tick, milliseconds)

  defp check_all do
    servers = Repo.connected!(fn _connection -> Fleet.list_servers() end)
    for server <- servers, server.private_key_id, do: check(server)
  rescue
    # Before the migrations there is no table, and without a database no connection.
    error in [DBConnection.ConnectionError, Postgrex.Error] ->
      Mast.Log.write(:error, "the check of the servers failed: " <> Exception.format_banner(:error, error))
  end

  defp check(server) do
    note(server, SSH.run_all(@commands, server.name))
  rescue
    error -> Mast.Log.write(:error, "the check of #{server.name} failed: " <> Exception.format_banner(:error, error))
  end

  defp note(server, :ok) do
    rows("UPDATE servers SET status = 'up', last_seen_at = now() AT TIME ZONE 'utc', unreachable_count = 0", server)
  end

  defp note(server, {:error, command}) do
    Mast.Log.write(:error, "the check of #{server.name} failed: #{command}")
    rows("UPDATE servers SET status = 'down', unreachable_count = unreachable_count + 1", server)
  end

  defp rows(update, server) do
    Repo.connected!(fn _connection -> Repo.rows(update <> " WHERE id = $1::text::uuid", [server.id]) end)
  end
end
