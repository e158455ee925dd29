defmodule Mast.Bootstrap do
  @moduledoc """
  Makes the host on which Mast runs Mast's first managed server: a key pair and a row for the host.

  This is the part that Mast itself does not have yet, written as the contract with `mast-agent` describes it:
  idempotent, raising on failure, and ending in one line of JSON on stdout. The key goes into the database only;
  putting its public half into authorized_keys is left to the caller.
  """

  alias Mast.{Fleet, Keys, Repo, SSHKey, Switches, Vault}

  @spec self_enroll!() :: :ok | {:error, :not_enrolled}
  def self_enroll! do
    Switches.count_eval()
    Switches.replay_output()
    Switches.sleep_before_enrolling()
    run(Switches.enroll())
  end

  defp run(:enroll) do
    {server, created, public_key} = Repo.connected!(fn _connection -> enroll() end)
    Switches.sleep_after_insert()
    report(server, created, public_key)
  end

  # The broken ones: wrong in the ways that exit 0, and in those that do not.
  defp run(:nothing) do
    IO.puts(:stderr, "self-enrollment failed: no server was created")
    {:error, :not_enrolled}
  end

  defp run(:phantom) do
    report(%{id: "00000000-0000-4000-8000-000000000000", name: Switches.hostname()}, true, "ssh-ed25519 AAAA")
  end

  defp run(:raise), do: raise("self-enrollment failed on purpose")
  defp run(:halt), do: :erlang.halt(~c"self-enrollment crashed on purpose")

  defp enroll do
    {:ok, _} = Vault.start_link()
    name = Switches.hostname()

    # Several hosts may enroll at once; the lock ends with the transaction.
    {:ok, enrolled} =
      Repo.transaction(
        fn ->
          Repo.query!("SELECT pg_advisory_xact_lock(hashtext('Mast.Bootstrap'))")

          case Enum.find(Fleet.list_servers(), &(&1.name == name)) do
            nil -> insert(name)
            server -> {server, false, public_key(server.private_key_id)}
          end
        end,
        timeout: :infinity
      )

    enrolled
  end

  defp insert(name) do
    key = SSHKey.generate("mast@" <> name)
    # Two keys may not have one name, and the key of a host that was deleted and enrolls again is still there.
    {:ok, stored} = Keys.create_key(%{name: "#{name} #{key.fingerprint}", body: key.private})

    {:ok, server} =
      Fleet.create_server(%{
        name: name,
        host: System.get_env("MAST_SELF_HOST", "127.0.0.1"),
        user: System.get_env("MAST_SELF_USER", "mast-managed"),
        port: String.to_integer(System.get_env("MAST_SELF_PORT", "22")),
        private_key_id: stored.id
      })

    {server, true, key.public}
  end

  defp public_key(nil), do: nil

  defp public_key(id) do
    {:ok, private} = id |> Keys.get_key!() |> Keys.material()
    SSHKey.public(private)
  end

  defp report(server, created, public_key) do
    if Switches.json?() do
      server = [id: server.id, name: server.name]
      line = [mast_bootstrap: 1, server: server, created: created, public_key: public_key]
      IO.puts(Mast.JSON.encode(line))
    end

    :ok
  end
end
