# The variables of Mast that are secrets or contain one: they come from the environment file and
# from nowhere else.
[
  "DATABASE_URL"
  "MAST_VAULT_KEY"
  "RELEASE_COOKIE"
  "SECRET_KEY_BASE"
]
