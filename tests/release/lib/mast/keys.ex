defmodule Mast.Keys do
  @moduledoc """
  Mast's keys, by the functions that Mast has for them: stored encrypted, decrypted as they are read. The table has no
  public half; whoever wants it takes it out of the private one.
  """

  alias Mast.{Repo, Vault}

  @columns "id, name, encode(body, 'base64'), fingerprint, algorithm"
  @max_bytes 16 * 1024

  @doc "All keys by name, with decrypted bodies. Under another vault key a body is `:error`."
  def list_keys, do: Enum.map(Repo.rows("SELECT #{@columns} FROM private_keys ORDER BY name"), &load/1)

  @doc "Raises where there is none."
  def get_key!(id) do
    [row] = Repo.rows("SELECT #{@columns} FROM private_keys WHERE id = $1::text::uuid", [id])
    load(row)
  end

  @doc "Stores a key, if it is one that Mast takes: OpenSSH's own format, without a passphrase."
  def create_key(%{name: name, body: body}) do
    with true <- String.length(name) in 1..64 and byte_size(body) <= @max_bytes,
         {:ok, blob} <- public_blob(body) do
      insert(name, body, "SHA256:" <> Base.encode64(:crypto.hash(:sha256, blob), padding: false))
    else
      _ -> {:error, %{errors: [body: {"is not a valid private key in PEM/OpenSSH format", []}]}}
    end
  end

  @doc "The decrypted body."
  def material(%{body: body}) when is_binary(body), do: {:ok, body}
  def material(_key), do: {:error, :missing_body}

  defp insert(name, body, fingerprint) do
    {:ok, encrypted} = Vault.encrypt(body)

    sql = """
    INSERT INTO private_keys (name, body, fingerprint, algorithm)
    VALUES ($1, $2, $3, 'ed25519') RETURNING #{@columns}
    """

    [row] = Repo.rows(sql, [name, encrypted, fingerprint])
    {:ok, load(row)}
  end

  defp load([id, name, body, fingerprint, algorithm]) do
    {:ok, plain} = body |> Base.decode64!(ignore: :whitespace) |> Vault.decrypt()
    %{id: id, name: name, body: plain, fingerprint: fingerprint, algorithm: algorithm}
  end

  defp public_blob(body) do
    with [{{:no_asn1, :new_openssh}, "openssh-key-v1\0" <> rest, _}] <- :public_key.pem_decode(body),
         <<4::32, "none", 4::32, "none", 0::32, 1::32, size::32, blob::binary-size(size), _::binary>> <- rest do
      {:ok, blob}
    end
  end
end
