# Every boot reads this file, that of `eval` too, and these checks are therefore what an incomplete environment
# meets first. An empty DATABASE_URL passes here, as it does in Mast, and fails later, in the repository.
import Config

require_variable = fn name ->
  System.get_env(name) || raise "environment variable #{name} is missing."
end

database_url = require_variable.("DATABASE_URL")
secret_key_base = require_variable.("SECRET_KEY_BASE")

vault_key =
  case Base.decode64(require_variable.("MAST_VAULT_KEY")) do
    {:ok, <<key::binary-size(32)>>} -> key
    _ -> raise "environment variable MAST_VAULT_KEY is invalid: it must be the base64 form of 32 bytes."
  end

integer = fn name, default ->
  text = System.get_env(name, default)

  case Integer.parse(text) do
    {value, ""} -> value
    _ -> raise "environment variable #{name} is invalid: #{inspect(text)} is not a number."
  end
end

config :mast,
  secret_key_base: secret_key_base,
  vault_key: vault_key,
  server: System.get_env("PHX_SERVER") in ~w(true 1),
  port: integer.("PORT", "4000")

config :mast, Mast.Repo,
  url: database_url,
  pool_size: integer.("POOL_SIZE", "10"),
  socket_options: if(System.get_env("ECTO_IPV6") in ~w(true 1), do: [:inet6], else: [])
