defmodule Mast.Bootstrap do
  @moduledoc """
  Makes the host on which Mast runs Mast's first managed server: a key pair and a row for the host.

  This is the part that Mast itself does not have yet, written as the contract with `mast-agent` describes it:
  idempotent, raising on failure, and ending in one line of JSON on stdout. The key goes into the database only;
  putting its public half into authorized_keys is left to the caller.
  """

  alias Mast.{Repo, SSHKey, Switches, Vault}
  alias Mast.Repo.Connection

  @spec self_enroll!() :: :ok | {:error, :not_enrolled}
  def self_enroll! do
    Switches.count_eval()
    Switches.replay_output()
    Switches.sleep_before_enrolling()
    run(Switches.enroll())
  end

  defp run(:enroll) do
    {server, created, public_key} = Repo.connected!(&enroll/1)
    Switches.sleep_after_insert()
    report(server, created, public_key)
  end

  # The broken ones: wrong in the ways that exit 0, and in those that do not.
  defp run(:nothing) do
    IO.puts(:stderr, "self-enrollment failed: no server was created")
    {:error, :not_enrolled}
  end

  defp run(:phantom) do
    report([id: "00000000-0000-4000-8000-000000000000", name: Switches.hostname()], true, "ssh-ed25519 AAAA")
  end

  defp run(:raise), do: raise("self-enrollment failed on purpose")
  defp run(:halt), do: :erlang.halt(~c"self-enrollment crashed on purpose")

  defp enroll(connection) do
    name = Switches.hostname()

    Connection.transaction!(connection, fn ->
      # Several hosts may enroll at once; the lock ends with the transaction.
      sql = "SELECT pg_advisory_xact_lock(hashtext('Mast.Bootstrap'))"
      Connection.query!(connection, sql, [], :infinity)

      sql = """
      SELECT servers.id, private_keys.public_key
        FROM servers LEFT JOIN private_keys ON private_keys.id = servers.private_key_id
       WHERE servers.name = $1
      """

      case Connection.query!(connection, sql, [name]) do
        [[id, public_key]] -> {[id: id, name: name], false, public_key}
        [] -> insert(connection, name)
      end
    end)
  end

  defp insert(connection, name) do
    key = SSHKey.generate("mast@" <> name)

    sql = """
    INSERT INTO private_keys (name, body, fingerprint, algorithm, public_key)
    VALUES ($1, $2, $3, $4, $5) RETURNING id
    """

    # Two keys may not have one name, and the key of a host that was deleted and enrolls again is still there.
    parameters = [
      "#{name} #{key.fingerprint}",
      Vault.encrypt(key.private),
      key.fingerprint,
      key.algorithm,
      key.public
    ]

    [[key_id]] = Connection.query!(connection, sql, parameters)

    sql = """
    INSERT INTO servers (name, host, "user", port, private_key_id)
    VALUES ($1, $2, $3, $4, $5::text::uuid) RETURNING id
    """

    host = System.get_env("MAST_SELF_HOST", "127.0.0.1")
    user = System.get_env("MAST_SELF_USER", "mast-managed")
    port = String.to_integer(System.get_env("MAST_SELF_PORT", "22"))
    [[id]] = Connection.query!(connection, sql, [name, host, user, port, key_id])

    {[id: id, name: name], true, key.public}
  end

  defp report(server, created, public_key) do
    if Switches.json?() do
      line = [mast_bootstrap: 1, server: server, created: created, public_key: public_key]
      IO.puts(Mast.JSON.encode(line))
    end

    :ok
  end
end
