# What nix/bootstrap.ex takes for granted about Mast, over the reference release's database
# connection: the same functions, arguments and results as Mast's contexts, and Mast's limits.

defmodule Jason do
  @moduledoc false
  # The reference's encoder writes objects from keyword lists.
  def encode!(%{} = object), do: object |> ordered() |> Mast.JSON.encode()

  defp ordered(%{} = object), do: for({key, value} <- object, do: {key, ordered(value)})
  defp ordered(value), do: value
end

defmodule Ecto.Migrator do
  @moduledoc false

  def with_repo(Mast.Repo, fun, pool_size: _) do
    Mast.Repo.connected!(fn connection ->
      Process.put(:connection, connection)
      {:ok, fun.(Mast.Contexts), [:mast]}
    end)
  end
end

defmodule Mast.Contexts do
  @moduledoc "The repo, as far as it is called directly; and the one connection behind it all."

  alias Mast.Repo.Connection

  def transaction(fun), do: {:ok, Connection.transaction!(connection(), fun)}
  def query!(sql, [], timeout: timeout), do: Connection.query!(connection(), sql, [], timeout)
  def rows(sql, parameters), do: Connection.query!(connection(), sql, parameters)

  defp connection, do: Process.get(:connection) || raise("the repo has not been started")
end

defmodule Mast.Vault do
  @moduledoc "Encrypts only once it has been started, like a Cloak vault."

  def start_link do
    Agent.start_link(fn -> Application.fetch_env!(:mast, :vault_key) end, name: __MODULE__)
  end

  def encrypt(plain) do
    nonce = :crypto.strong_rand_bytes(12)
    {text, tag} = :crypto.crypto_one_time_aead(:aes_256_gcm, key(), nonce, plain, "", true)
    nonce <> tag <> text
  end

  def decrypt(<<nonce::binary-12, tag::binary-16, text::binary>>) do
    :crypto.crypto_one_time_aead(:aes_256_gcm, key(), nonce, text, "", tag, false)
  end

  defp key, do: Agent.get(__MODULE__, & &1)
end

defmodule Mast.Keys do
  @moduledoc false
  import Mast.Contexts, only: [rows: 2]

  def create_key(%{name: name, body: body}) do
    # Mast's own parser goes this way: OTP decodes, anything but an open OpenSSH key is refused.
    with true <- String.length(name) in 1..64,
         [{{:no_asn1, :new_openssh}, "openssh-key-v1\0" <> rest, _}] <-
           :public_key.pem_decode(body),
         <<4::32, "none", 4::32, "none", 0::32, 1::32, size::32, blob::binary-size(size),
           _::binary>> <-
           rest do
      fingerprint = "SHA256:" <> Base.encode64(:crypto.hash(:sha256, blob), padding: false)

      sql = """
      INSERT INTO private_keys (name, body, fingerprint, algorithm)
      VALUES ($1, $2, $3, 'ed25519') RETURNING id
      """

      [[id]] = rows(sql, [name, Mast.Vault.encrypt(body), fingerprint])
      {:ok, %{id: id}}
    else
      _ -> {:error, %{errors: [body: "is not a valid private key in PEM/OpenSSH format"]}}
    end
  end

  def get_key!(id) do
    [[body]] =
      rows("SELECT encode(body, 'base64') FROM private_keys WHERE id = $1::text::uuid", [id])

    %{id: id, body: body |> String.replace("\n", "") |> Base.decode64!() |> Mast.Vault.decrypt()}
  end

  def material(%{body: body}), do: {:ok, body}
end

defmodule Mast.Fleet do
  @moduledoc false
  import Mast.Contexts, only: [rows: 2]

  def list_servers do
    for [id, name, key] <- rows("SELECT id, name, private_key_id FROM servers ORDER BY name", []) do
      %{id: id, name: name, private_key_id: key}
    end
  end

  def create_server(%{name: name, host: host, user: user, port: port, private_key_id: key}) do
    sql = """
    INSERT INTO servers (name, host, "user", port, private_key_id)
    VALUES ($1, $2, $3, $4, $5::text::uuid) RETURNING id
    """

    [[id]] = rows(sql, [name, host, user, port, key])
    {:ok, %{id: id, name: name, private_key_id: key}}
  end
end
