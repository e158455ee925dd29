defmodule Mast.SSHKey do
  @moduledoc """
  Makes Ed25519 keys in the form that Mast accepts: the private key in OpenSSH's own format (PROTOCOL.key, without
  a passphrase), the public key as one line of authorized_keys.
  """

  @algorithm "ssh-ed25519"

  @enforce_keys [:private, :public, :fingerprint, :algorithm]
  defstruct [:private, :public, :fingerprint, :algorithm]

  @type t :: %__MODULE__{
          private: String.t(),
          public: String.t(),
          fingerprint: String.t(),
          algorithm: String.t()
        }

  @spec generate(String.t()) :: t
  def generate(comment) do
    {public, seed} = :crypto.generate_key(:eddsa, :ed25519)
    blob = string(@algorithm) <> string(public)

    %__MODULE__{
      private: pem(container(public, seed, blob, comment)),
      public: "#{@algorithm} #{Base.encode64(blob)}",
      fingerprint: "SHA256:" <> Base.encode64(:crypto.hash(:sha256, blob), padding: false),
      algorithm: "ed25519"
    }
  end

  @doc "The public key of a private one, as one line of authorized_keys, without its comment."
  @spec public(String.t()) :: String.t()
  def public(private) do
    [{{:no_asn1, :new_openssh}, "openssh-key-v1\0" <> rest, _} | _] = :public_key.pem_decode(private)
    <<4::32, "none", 4::32, "none", 0::32, 1::32, size::32, blob::binary-size(size), _::binary>> = rest
    "#{@algorithm} #{Base.encode64(blob)}"
  end

  defp container(public, seed, blob, comment) do
    # The same number twice tells a reader of an encrypted key whether the passphrase was right.
    check = :crypto.strong_rand_bytes(4)

    secret =
      pad(check <> check <> string(@algorithm) <> string(public) <> string(seed <> public) <> string(comment))

    header = "openssh-key-v1\0" <> string("none") <> string("none") <> string("")
    header <> <<1::32>> <> string(blob) <> string(secret)
  end

  # To the cipher's block size, which is 8 where there is no cipher, with the bytes 1, 2, 3 …
  defp pad(secret) do
    missing = rem(8 - rem(byte_size(secret), 8), 8)
    secret <> binary_part(<<1, 2, 3, 4, 5, 6, 7>>, 0, missing)
  end

  defp pem(container) do
    lines =
      for <<line::binary-size(70) <- pad_to_line(Base.encode64(container))>>, do: String.trim_trailing(line)

    Enum.join(
      ["-----BEGIN OPENSSH PRIVATE KEY-----" | lines] ++ ["-----END OPENSSH PRIVATE KEY-----", ""],
      "\n"
    )
  end

  defp pad_to_line(text), do: String.pad_trailing(text, ceil(byte_size(text) / 70) * 70)

  defp string(bytes), do: <<byte_size(bytes)::32, bytes::binary>>
end
