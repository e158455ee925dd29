defmodule Mast.Vault do
  @moduledoc "Encrypts what the database must not hold in the clear: AES-256-GCM under MAST_VAULT_KEY."

  @version 1

  @doc "One version byte, the nonce, the tag, and the ciphertext."
  @spec encrypt(binary) :: binary
  def encrypt(plain) do
    key = Application.fetch_env!(:mast, :vault_key)
    nonce = :crypto.strong_rand_bytes(12)
    {encrypted, tag} = :crypto.crypto_one_time_aead(:aes_256_gcm, key, nonce, plain, <<@version>>, true)
    <<@version, nonce::binary, tag::binary, encrypted::binary>>
  end

  @doc "The reverse. Raises where MAST_VAULT_KEY is not the one that encrypted."
  @spec decrypt!(binary) :: binary
  def decrypt!(<<@version, nonce::binary-size(12), tag::binary-size(16), encrypted::binary>>) do
    key = Application.fetch_env!(:mast, :vault_key)

    case :crypto.crypto_one_time_aead(:aes_256_gcm, key, nonce, encrypted, <<@version>>, tag, false) do
      :error -> raise "the vault's key is not the one that this was encrypted with"
      plain -> plain
    end
  end
end
