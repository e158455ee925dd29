defmodule Mast.SSH do
  @moduledoc """
  Logs in to a managed server with the key out of the database, as Mast's own check does every 30 s: OTP's ssh,
  no host keys asked for, the private key never on disk.
  """
  @behaviour :ssh_client_key_api

  alias Mast.{Fleet, Keys, Repo, Vault}

  @timeout 10_000

  @doc "Runs `command` on the server called `name` (this host's) and returns its output. Raises for everything else."
  @spec run!(String.t(), String.t()) :: String.t()
  def run!(command, name \\ Mast.Switches.hostname()) do
    # It reports each handshake on stdout, which belongs to the command's output.
    :logger.set_primary_config(:level, :error)
    {:ok, _} = Application.ensure_all_started(:ssh)
    {host, port, options} = login!(name)

    case :ssh.connect(String.to_charlist(host), port, options, @timeout) do
      {:ok, connection} -> execute!(connection, command)
      {:error, reason} -> raise "no login to #{host}:#{port}: #{inspect(reason)}"
    end
  end

  defp login!(name) do
    {server, private} =
      Repo.connected!(fn _connection ->
        {:ok, _} = Vault.start_link()
        server = Enum.find(Fleet.list_servers(), &(&1.name == name)) || raise "no server is called #{name}"
        {:ok, private} = server.private_key_id |> Keys.get_key!() |> Keys.material()
        {server, private}
      end)

    options = [
      user: String.to_charlist(server.user),
      key_cb: {__MODULE__, [private: private]},
      silently_accept_hosts: true,
      user_interaction: false,
      auth_methods: 'publickey'
    ]

    {server.host, server.port, options}
  end

  defp execute!(connection, command) do
    {:ok, channel} = :ssh_connection.session_channel(connection, @timeout)
    :success = :ssh_connection.exec(connection, channel, String.to_charlist(command), @timeout)
    output = collect(connection, channel, "")
    :ssh.close(connection)
    output
  end

  defp collect(connection, channel, output) do
    receive do
      {:ssh_cm, ^connection, {:data, ^channel, 0, data}} -> collect(connection, channel, output <> data)
      {:ssh_cm, ^connection, {:data, ^channel, _, _}} -> collect(connection, channel, output)
      {:ssh_cm, ^connection, {:exit_status, ^channel, 0}} -> collect(connection, channel, output)
      {:ssh_cm, ^connection, {:exit_status, ^channel, code}} -> raise "the command ended with #{code}"
      {:ssh_cm, ^connection, {:closed, ^channel}} -> output
      {:ssh_cm, ^connection, _} -> collect(connection, channel, output)
    after
      @timeout -> raise "the command did not end"
    end
  end

  @impl true
  def add_host_key(_host, _port, _key, _options), do: :ok

  @impl true
  def is_host_key(_key, _host, _port, _algorithm, _options), do: true

  @impl true
  def user_key(:"ssh-ed25519", options) do
    # The private key comes first, its public half after it.
    [{key, _} | _] = :ssh_file.decode(options[:key_cb_private][:private], :openssh_key_v1)
    {:ok, key}
  end

  def user_key(_algorithm, _options), do: {:error, :no_user_key}
end
