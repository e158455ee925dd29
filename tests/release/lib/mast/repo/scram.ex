defmodule Mast.Repo.SCRAM do
  @moduledoc """
  The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding. p1_pgsql leaves its
  computations to an XMPP library with C parts; here OTP's crypto makes them.
  """

  @type state :: %{bare: binary, nonce: binary, server: binary | nil}

  @doc "The client's first message. PostgreSQL takes the user from the startup packet, so the name is empty."
  @spec first() :: {binary, state}
  def first do
    nonce = Base.encode64(:crypto.strong_rand_bytes(18))
    bare = "n=,r=" <> nonce
    {"n,," <> bare, %{bare: bare, nonce: nonce, server: nil}}
  end

  @doc "The client's final message, in answer to the server's first."
  @spec final(state, binary, binary) :: {binary, state}
  def final(state, server_first, password) do
    %{"r" => nonce, "s" => salt, "i" => iterations} = attributes(server_first)
    true = String.starts_with?(nonce, state.nonce) and nonce != state.nonce

    salted = :crypto.pbkdf2_hmac(:sha256, password, Base.decode64!(salt), String.to_integer(iterations), 32)

    unproven = "c=biws,r=" <> nonce
    authenticated = Enum.join([state.bare, server_first, unproven], ",")
    client_key = hmac(salted, "Client Key")
    signature = hmac(:crypto.hash(:sha256, client_key), authenticated)
    proof = Base.encode64(:crypto.exor(client_key, signature))

    server = Base.encode64(hmac(hmac(salted, "Server Key"), authenticated))
    {unproven <> ",p=" <> proof, %{state | server: server}}
  end

  @doc "Whether the server has shown that it knows the password too."
  @spec verified?(state, binary) :: boolean
  def verified?(state, server_final), do: attributes(server_final)["v"] == state.server

  defp hmac(key, data), do: :crypto.mac(:hmac, :sha256, key, data)

  defp attributes(message) do
    for <<name::binary-size(1), "=", value::binary>> <- String.split(message, ","), into: %{} do
      {name, value}
    end
  end
end
