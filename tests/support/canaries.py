"""What stands for a secret in the tests, and must never be seen where secrets are not shown."""

from __future__ import annotations

import base64

CANARY = "Zq7_Canary"
"""Any secret: with capitals, a digit and a sign that are all the same in a URL and in quotes."""
SECRET_KEY_BASE = "secret-key-base-canary-" + "k" * 64
VAULT_KEY = base64.b64encode(b"vault-key-canary-of-32-bytes-xyz").decode()
SUPERUSER_PASSWORD = "superuser-canary"
COOKIE = "cookie-canary"
CANARIES = ("mast-canary", SECRET_KEY_BASE, VAULT_KEY, SUPERUSER_PASSWORD, COOKIE)
"""Secrets of the tests' releases and databases: a role's password is its name and "-canary"."""
