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

    connected!(name, fn connection ->
      case execute(connection, command) do
        {0, output} -> output
        {code, _output} -> raise "the command ended with #{code}"
      end
    end)
  end

  @doc "Runs the commands over one login. Returns the first that does not end with 0; raises where there is no login."
  @spec run_all([String.t()], String.t()) :: :ok | {:error, String.t()}
  def run_all(commands, name) do
    connected!(name, fn connection ->
      Enum.find_value(commands, :ok, fn command ->
        case execute(connection, command) do
          {0, _output} -> nil
          {code, _output} -> {:error, "#{command} ended with #{code}"}
        end
      end)
    end)
  end

  defp connected!(name, fun) do
    {:ok, _} = Application.ensure_all_started(:ssh)
    {host, port, options} = login!(name)

    case :ssh.connect(String.to_charlist(host), port, options, @timeout) do
      {:ok, connection} ->
        try do
          fun.(connection)
        after
          :ssh.close(connection)
        end

      {:error, reason} ->
        raise "no login to #{host}:#{port}: #{inspect(reason)}"
    end
  end

  defp login!(name) do
    {server, private} =
      Repo.connected!(fn _connection ->
        start_vault()
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

  defp start_vault do
    case Vault.start_link() do
      {:ok, _} -> :ok
      # In the running server.
      {:error, {:already_started, _}} -> :ok
    end
  end

  defp execute(connection, command) do
    {:ok, channel} = :ssh_connection.session_channel(connection, @timeout)
    :success = :ssh_connection.exec(connection, channel, String.to_charlist(command), @timeout)
    collect(connection, channel, {0, ""})
  end

  defp collect(connection, channel, {code, output}) do
    receive do
      {:ssh_cm, ^connection, {:data, ^channel, 0, data}} -> collect(connection, channel, {code, output <> data})
      {:ssh_cm, ^connection, {:exit_status, ^channel, code}} -> collect(connection, channel, {code, output})
      {:ssh_cm, ^connection, {:closed, ^channel}} -> {code, output}
      {:ssh_cm, ^connection, _} -> collect(connection, channel, {code, output})
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
