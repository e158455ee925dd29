defmodule Mast.Vault do
  @moduledoc """
  Encrypts what the database must not hold in the clear, in the form that Mast's Cloak vault gives it: AES-256-GCM
  under MAST_VAULT_KEY, with the cipher's tag before it. Like that vault it works only once it has been started.
  """
  use Agent

  # Cloak's Type-Length-Value tag of the cipher in Mast's configuration, and its additional data.
  @tag <<1, 10, "AES.GCM.V1">>
  @additional "AES256GCM"
  @nonce_bytes 16

  def start_link(_options \\ []) do
    Agent.start_link(fn -> Application.fetch_env!(:mast, :vault_key) end, name: __MODULE__)
  end

  @spec encrypt(binary) :: {:ok, binary}
  def encrypt(plain) do
    nonce = :crypto.strong_rand_bytes(@nonce_bytes)
    {text, tag} = :crypto.crypto_one_time_aead(:aes_256_gcm, key(), nonce, plain, @additional, true)
    {:ok, @tag <> nonce <> tag <> text}
  end

  @doc """
  The reverse. Under another key this is `{:ok, :error}`, as it is with Cloak, which takes what the cipher returns for
  the plain text.
  """
  @spec decrypt(binary) :: {:ok, binary | :error} | :error
  def decrypt(<<@tag, nonce::binary-size(@nonce_bytes), tag::binary-size(16), text::binary>>) do
    {:ok, :crypto.crypto_one_time_aead(:aes_256_gcm, key(), nonce, text, @additional, tag, false)}
  end

  def decrypt(_foreign), do: :error

  defp key, do: Agent.get(__MODULE__, & &1)
end
