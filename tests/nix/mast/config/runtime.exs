import Config

# As Mast's: whoever reads the configuration in production has to bring the secrets.
if config_env() == :prod do
  for name <- ~w(DATABASE_URL SECRET_KEY_BASE MAST_VAULT_KEY) do
    System.get_env(name) || raise "environment variable #{name} is missing."
  end

  config :mast, configured: true
end
