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
  Mast reaches its own host. A server that is there already is brought up to date with those of
  them that are set. `MAST_SELF_ID` is the id of this host's server, where the caller knows it;
  otherwise name and address are weighed together (`find_server!/2`).
  """

  @key_type "ssh-ed25519"
  # Mast's limit on the names of keys and servers.
  @max_name 64
  @defaults %{host: "127.0.0.1", user: "mast-managed", port: 22}
  @loopback_names ~w(localhost localhost.localdomain localhost4 localhost6 ip6-localhost ip6-loopback)

  @spec self_enroll!() :: :ok
  def self_enroll! do
    names = host_names!()
    wanted = wanted!()

    {server, created?, public_key} =
      in_transaction!(fn ->
        case find_server!(names, wanted) do
          nil -> enroll!(hd(names), Map.merge(@defaults, wanted))
          server -> keep!(server, wanted)
        end
      end)

    report(server, created?, public_key)
  end

  defp enroll!(name, address) do
    keys = list_keys()
    require_vault_key!(keys)
    {key_id, public_key} = own_key(keys, name) || make_key!(name)
    server = create_server!(Map.merge(address, %{name: name, private_key_id: key_id}))
    {server, true, public_key}
  end

  defp keep!(server, wanted) do
    public_key = public_key_of!(server)

    changes =
      for {column, value} <- wanted,
          differs?(server, column, value),
          into: %{},
          do: {column, value}

    {if(changes == %{}, do: server, else: update_server!(server, changes)), false, public_key}
  end

  # Two loopback addresses are one, unless Mast cannot reach the one that the server has.
  defp differs?(server, :host, value) do
    case {address(server.host), address(value)} do
      {same, same} -> false
      {has, wants} -> not (loopback?(has) and loopback?(wants) and not ipv6?(server.host))
    end
  end

  defp differs?(server, column, value), do: Map.fetch!(server, column) != value

  # -- The host ----------------------------------------------------------------------------------

  # The first one is the name of a new server; a host may also go by its full name.
  defp host_names! do
    {:ok, name} = :inet.gethostname()

    case plain(to_string(name)) do
      "" -> raise "this host has no name; set one with hostnamectl"
      full -> Enum.uniq([full |> String.split(".") |> hd() |> String.slice(0, @max_name), full])
    end
  end

  # What is set of the variables.
  defp wanted! do
    for {column, variable} <- [
          host: "MAST_SELF_HOST",
          user: "MAST_SELF_USER",
          port: "MAST_SELF_PORT"
        ],
        value = setting(variable),
        into: %{},
        do: {column, parse!(column, value)}
  end

  defp setting(variable) do
    case System.get_env(variable) do
      value when value in [nil, ""] -> nil
      value -> value
    end
  end

  # Erlang's ssh asks for IPv4 unless it is told otherwise, and Mast does not tell it.
  defp parse!(:host, value) do
    if ipv6?(value) do
      raise "MAST_SELF_HOST is an IPv6 address (#{value}), and Mast logs in over IPv4 alone: " <>
              "let sshd listen on 127.0.0.1 too, and leave MAST_SELF_HOST out"
    end

    value
  end

  defp parse!(:user, value), do: value

  defp parse!(:port, value) do
    case Integer.parse(value) do
      {port, ""} when port in 1..65_535 -> port
      _ -> raise "MAST_SELF_PORT is not a port: #{inspect(value)}"
    end
  end

  # -- Whose server it is ------------------------------------------------------------------------
  #
  # An id decides. Without one a name is not enough, for many hosts are called `debian`; nor is an
  # address, which another host may have had yesterday. mast-agent weighs them in the same way.

  defp find_server!(names, wanted) do
    servers = list_servers()
    id = setting("MAST_SELF_ID")

    Enum.find(servers, &(&1.id == id)) || best(servers, names, wanted) ||
      refuse_namesake!(servers, names, wanted) ||
      Enum.find(servers, &leads_here?(&1, names, wanted))
  end

  # Mast reaches nobody else there, whatever the server is called. Another port may be forwarded.
  defp leads_here?(server, names, wanted) do
    place(server.host, names, wanted) == :here and
      server.port == Map.get(wanted, :port, @defaults.port)
  end

  defp best(servers, names, wanted) do
    servers
    |> Enum.map(&{rank(&1, names, wanted), &1})
    |> Enum.reject(&match?({nil, _}, &1))
    |> Enum.min_by(&elem(&1, 0), fn -> {nil, nil} end)
    |> elem(1)
  end

  defp rank(server, names, wanted) do
    case {plain(server.name) in names, place(server.host, names, wanted)} do
      {true, :here} -> 0
      {true, :ours} -> 1
      {true, :nowhere} -> 2
      _ -> nil
    end
  end

  defp refuse_namesake!(servers, names, wanted) do
    case Enum.find(servers, &(plain(&1.name) in names)) do
      nil ->
        nil

      server ->
        raise "the server #{server.name} (#{server.id}) has this host's name, but its address is " <>
                "#{server.host}: delete it in Mast or rename this host; if it is this host, " <>
                "set MAST_SELF_HOST=#{server.host} (here it is #{Map.get(wanted, :host, "not set")})"
    end
  end

  defp place(host, names, wanted) do
    address = address(host || "")

    cond do
      address == "" -> :nowhere
      loopback?(address) or address == address(Map.get(wanted, :host, "")) -> :here
      is_tuple(address) -> if address in own_addresses(), do: :ours, else: :elsewhere
      address in names or hd(String.split(address, ".")) in names -> :ours
      true -> :elsewhere
    end
  end

  defp own_addresses do
    case :inet.getifaddrs() do
      {:ok, interfaces} ->
        for {_, options} <- interfaces, {:addr, address} <- options, do: address

      # A sandbox without netlink: then an address is believed by its id alone.
      {:error, _} ->
        []
    end
  end

  # An address as OTP has it, or a name in plain letters.
  defp address(text) do
    case :inet.parse_strict_address(unbracketed(text)) do
      {:ok, {0, 0, 0, 0, 0, 0xFFFF, high, low}} ->
        {div(high, 256), rem(high, 256), div(low, 256), rem(low, 256)}

      {:ok, address} ->
        address

      {:error, _} ->
        plain(text)
    end
  end

  # Linux connects to the unspecified address as to itself.
  defp loopback?({127, _, _, _}), do: true
  defp loopback?(address) when address in [{0, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}], do: true
  defp loopback?({0, 0, 0, 0, 0, 0, 0, 1}), do: true
  defp loopback?(name), do: name in @loopback_names

  defp ipv6?(text), do: match?({:ok, _}, :inet.parse_ipv6strict_address(unbracketed(text)))

  defp unbracketed(text) do
    text
    |> String.trim()
    |> String.trim_leading("[")
    |> String.trim_trailing("]")
    |> String.to_charlist()
  end

  defp plain(name), do: name |> String.trim() |> String.downcase() |> String.trim_trailing(".")

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

  defp make_key!(name) do
    {private_key, public_key} = generate_key("mast@" <> name)
    {create_key!(%{name: key_name(name, public_key), body: private_key}).id, public_key}
  end

  # The key of an earlier enrollment whose server was deleted: of this module's making, by its name.
  defp own_key(keys, name) do
    used = Enum.map(list_servers(), & &1.private_key_id)

    Enum.find_value(keys, fn key ->
      with false <- key.id in used,
           {:ok, private_key} <- material(key),
           public_key when is_binary(public_key) <- public_key_from(private_key),
           true <- key.name == key_name(name, public_key) do
        {key.id, public_key}
      else
        _ -> nil
      end
    end)
  end

  # Keys have unique names too.
  defp key_name(name, public_key) do
    String.slice(name, 0, @max_name - 9) <> " " <> short_fingerprint(public_key)
  end

  # One key that can be read shows that the vault's is the right one: a lost key may be among them.
  defp require_vault_key!(keys) do
    if keys != [] and not Enum.any?(keys, &match?({:ok, _}, material(&1))),
      do: refuse_vault_key!()
  end

  defp refuse_vault_key! do
    raise "MAST_VAULT_KEY is not the key that the SSH keys in this database are encrypted with"
  end

  defp public_key_of!(%{private_key_id: nil}), do: nil

  defp public_key_of!(%{private_key_id: id}) do
    case material(get_key!(id)) do
      {:ok, private_key} -> public_key_from(private_key)
      {:error, _} -> refuse_vault_key!()
    end
  end

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

  # The lock ends with the transaction: of several callers the first creates, the others find. The
  # deadline of a query within is that of the connection's checkout, which is the transaction's.
  defp in_transaction!(fun) do
    with_repo!(fn repo ->
      {:ok, result} =
        repo.transaction(
          fn ->
            repo.query!("SELECT pg_advisory_xact_lock(hashtext('Mast.Bootstrap'))")
            fun.()
          end,
          timeout: :infinity
        )

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

  defp list_servers, do: Mast.Fleet.list_servers()
  defp list_keys, do: Mast.Keys.list_keys()
  defp get_key!(id), do: Mast.Keys.get_key!(id)

  # Under another vault key the body is no text, and this `{:error, :missing_body}`.
  defp material(key), do: Mast.Keys.material(key)

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

  # Mast has no function for this, but what its forms use: the changeset, the repo, and an event.
  defp update_server!(server, changes) do
    case server |> Mast.Fleet.change_server(changes) |> Mast.Repo.update() do
      {:ok, updated} ->
        Mast.Audit.log(%{
          event_type: "server.updated",
          subject_type: "Server",
          subject_id: updated.id,
          metadata: Map.new(changes, fn {column, value} -> {to_string(column), value} end)
        })

        updated

      {:error, changeset} ->
        raise "Mast refuses to change the server: #{inspect(changeset.errors)}"
    end
  end

  defp encode!(term), do: Jason.encode!(term)
end
