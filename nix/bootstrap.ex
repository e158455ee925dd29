defmodule Mast.Bootstrap do
  @moduledoc """
  Makes the host that runs Mast its first managed server: a key pair, and a server that uses it.

  Called by `mast-agent` as `bin/mast eval 'Mast.Bootstrap.self_enroll!'`, next to a running Mast or
  without one. It may be called any number of times and by several at once; it raises when the host
  could not be enrolled. The last line on stdout is one JSON object:

      {"mast_bootstrap": 1, "server": {"id": "…", "name": "…"}, "created": true, "public_key": "ssh-ed25519 …"}

  The private key is stored by Mast like any other, encrypted, and shown nowhere. Authorizing the
  public key on the host is left to the caller.

  `MAST_SELF_HOST` (127.0.0.1), `MAST_SELF_PORT` (22) and `MAST_SELF_USER` (mast-managed) say how
  Mast reaches its own host.
  """

  @key_type "ssh-ed25519"
  # Mast's limit on the names of keys and servers.
  @max_name 64

  @spec self_enroll!() :: :ok
  def self_enroll! do
    name = host_name!()
    address = address!()

    {server, created?, public_key} =
      in_transaction!(fn ->
        case find_server(name) do
          nil -> enroll!(name, address)
          server -> {server, false, public_key_of(server)}
        end
      end)

    report(server, created?, public_key)
  end

  defp enroll!(name, address) do
    {private_key, public_key} = generate_key("mast@" <> name)
    # Keys have unique names too, and the one of an earlier enrollment may still be there.
    key_name = String.slice(name, 0, @max_name - 9) <> " " <> short_fingerprint(public_key)

    key = create_key!(%{name: key_name, body: private_key})
    server = create_server!(Map.merge(address, %{name: name, private_key_id: key.id}))
    {server, true, public_key}
  end

  # -- The host ----------------------------------------------------------------------------------

  defp host_name! do
    {:ok, name} = :inet.gethostname()

    case name |> to_string() |> String.split(".") |> hd() do
      "" -> raise "this host has no name; set one with hostnamectl"
      short -> String.slice(short, 0, @max_name)
    end
  end

  defp address! do
    %{
      host: setting("MAST_SELF_HOST", "127.0.0.1"),
      user: setting("MAST_SELF_USER", "mast-managed"),
      port: port!(setting("MAST_SELF_PORT", "22"))
    }
  end

  defp setting(variable, default) do
    case System.get_env(variable) do
      value when value in [nil, ""] -> default
      value -> value
    end
  end

  defp port!(text) do
    case Integer.parse(text) do
      {port, ""} when port in 1..65_535 -> port
      _ -> raise "MAST_SELF_PORT is not a port: #{inspect(text)}"
    end
  end

  defp report(server, created?, public_key) do
    encode!(%{
      mast_bootstrap: 1,
      server: %{id: server.id, name: server.name},
      created: created?,
      public_key: public_key
    })
    |> IO.puts()
  end

  # -- Keys --------------------------------------------------------------------------------------
  #
  # OpenSSH's own format (PROTOCOL.key in its sources), which OTP decodes but does not write.

  defp generate_key(comment) do
    {public, secret} = :crypto.generate_key(:eddsa, :ed25519)
    blob = string(@key_type) <> string(public)
    check = :crypto.strong_rand_bytes(4)

    section = pad(check <> check <> blob <> string(secret <> public) <> string(comment))

    body =
      "openssh-key-v1\0" <>
        string("none") <>
        string("none") <> string("") <> <<1::32>> <> string(blob) <> string(section)

    {pem(body), public_key_line(blob)}
  end

  # To a multiple of eight bytes, with 1, 2, 3 and so on.
  defp pad(section) do
    missing = rem(8 - rem(byte_size(section), 8), 8)
    section <> binary_part(<<1, 2, 3, 4, 5, 6, 7>>, 0, missing)
  end

  defp pem(body) do
    lines =
      body
      |> Base.encode64()
      |> String.graphemes()
      |> Enum.chunk_every(70)
      |> Enum.map_join("\n", &Enum.join/1)

    "-----BEGIN OPENSSH PRIVATE KEY-----\n#{lines}\n-----END OPENSSH PRIVATE KEY-----\n"
  end

  # From a key that Mast has; nil when it is not in OpenSSH's format, as an operator's may be.
  defp public_key_from(private_key) do
    with [{_, "openssh-key-v1\0" <> rest, _} | _] <- :public_key.pem_decode(private_key),
         <<cipher::32, _::binary-size(cipher), rest::binary>> <- rest,
         <<kdf::32, _::binary-size(kdf), rest::binary>> <- rest,
         <<options::32, _::binary-size(options), _keys::32, rest::binary>> <- rest,
         <<size::32, blob::binary-size(size), _::binary>> <- rest do
      public_key_line(blob)
    else
      _ -> nil
    end
  end

  defp public_key_line(<<size::32, type::binary-size(size), _::binary>> = blob) do
    type <> " " <> Base.encode64(blob)
  end

  defp short_fingerprint(public_key) do
    [_, encoded] = String.split(public_key)
    digest = :crypto.hash(:sha256, Base.decode64!(encoded))
    digest |> Base.encode16(case: :lower) |> binary_part(0, 8)
  end

  defp string(bytes), do: <<byte_size(bytes)::32, bytes::binary>>

  # -- Mast --------------------------------------------------------------------------------------
  #
  # All that this module takes for granted about Mast stands below. Keys and servers go through its
  # contexts, which validate, encrypt and audit.

  # The lock ends with the transaction: of several callers the first creates, the others find.
  defp in_transaction!(fun) do
    with_repo!(fn repo ->
      {:ok, result} =
        repo.transaction(fn ->
          repo.query!("SELECT pg_advisory_xact_lock(hashtext('Mast.Bootstrap'))", [],
            timeout: :infinity
          )

          fun.()
        end)

      result
    end)
  end

  # The repo and the vault, and nothing else of Mast: no endpoint, no jobs.
  defp with_repo!(fun) do
    :ok = load_mast()

    started =
      Ecto.Migrator.with_repo(
        Mast.Repo,
        fn repo ->
          start_vault!()
          fun.(repo)
        end,
        pool_size: 2
      )

    case started do
      {:ok, result, _apps} -> result
      # What stands in the reason could be the password.
      {:error, _} -> raise "Mast's database connection did not start: check DATABASE_URL"
    end
  end

  defp load_mast do
    case Application.load(:mast) do
      {:error, {:already_loaded, :mast}} -> :ok
      other -> other
    end
  end

  defp start_vault! do
    case Mast.Vault.start_link() do
      {:ok, _} -> :ok
      {:error, {:already_started, _}} -> :ok
      # What stands in the reason could be the key.
      {:error, _} -> raise "Mast's vault did not start: check MAST_VAULT_KEY"
    end
  end

  defp find_server(name), do: Enum.find(Mast.Fleet.list_servers(), &(&1.name == name))

  defp create_key!(attributes) do
    case Mast.Keys.create_key(attributes) do
      {:ok, key} -> key
      {:error, changeset} -> raise "Mast refuses the key: #{inspect(changeset.errors)}"
    end
  end

  defp create_server!(attributes) do
    case Mast.Fleet.create_server(attributes) do
      {:ok, server} -> server
      {:error, changeset} -> raise "Mast refuses the server: #{inspect(changeset.errors)}"
    end
  end

  defp public_key_of(%{private_key_id: nil}), do: nil

  defp public_key_of(%{private_key_id: id}) do
    {:ok, private_key} = id |> Mast.Keys.get_key!() |> Mast.Keys.material()
    public_key_from(private_key)
  end

  defp encode!(term), do: Jason.encode!(term)
end
