"""Mast's own variables: which of the process's environment they are, and which values Mast refuses.

What they mean is decided in `ecto_url` and in Mast.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

# What Mast, Ecto and an Elixir release read; everything else in the process's environment stays
# behind. Variables of the environment file are all Mast's.
_MAST_VARIABLES = frozenset(
    {"DATABASE_URL", "SECRET_KEY_BASE", "POOL_SIZE", "PORT", "ECTO_IPV6", "DNS_CLUSTER_QUERY"}
)
_MAST_PREFIXES = ("MAST_", "PHX_", "RELEASE_", "ERL_")
# What Postgrex falls back to, and libpq's name for the authorities; no other of the PG* family.
# (PGHOST, PGPORT and PGDATABASE count for Postgrex alone, not for Ecto, which always has its own.)
_POSTGRES_VARIABLES = frozenset({"PGUSER", "PGPASSWORD", "PGSSLROOTCERT", "USER"})
_VAULT_KEY_BYTES = 32
# What config/runtime.exs makes an integer of, at every start, and the least that it may be.
_INTEGERS = {"POOL_SIZE": 1, "PORT": 0}


def is_agents(name: str) -> bool:
    """Tell whether a variable is the agent's own, and so not passed on to Mast."""
    return name == "MAST_BIN" or name.startswith("MAST_AGENT_")


def of(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of `environ` that are Mast's, and the few that Postgrex reads."""
    return {
        name: value
        for name, value in environ.items()
        if name in _MAST_VARIABLES
        or name in _POSTGRES_VARIABLES
        or (name.startswith(_MAST_PREFIXES) and not is_agents(name))
    }


def passed_on(file: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the environment file that are Mast's: all but the agent's own."""
    return {
        name: value
        for name, value in file.items()
        if not is_agents(name) and name not in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY")
    }


def check(mast: Mapping[str, str]) -> None:
    """Refuse at once what every start of Mast's release refuses after half a second.

    Raises Failure (78) naming the variable, never its value. DATABASE_URL is `ecto_url`'s.
    """
    for name in ("SECRET_KEY_BASE", "MAST_VAULT_KEY"):
        if not mast.get(name, "").strip():
            raise Failure(causes.VARIABLE_MISSING, f"{name} is not set", known={"name": name})
    try:
        key = base64.b64decode(mast["MAST_VAULT_KEY"], validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _VAULT_KEY_BYTES:
        raise Failure(
            causes.VARIABLE_MALFORMED,
            f"MAST_VAULT_KEY is not base64 of exactly {_VAULT_KEY_BYTES} bytes",
            remedy="Use the key that the database was set up with, or, for a new database, what "
            f"head -c {_VAULT_KEY_BYTES} /dev/urandom | base64 prints",
        )
    for name in ("SECRET_KEY_BASE", "MAST_VAULT_KEY", "MAST_PUBLIC_URL"):
        if any(ord(char) < ord(" ") for char in mast.get(name, "")):
            raise Failure(
                causes.VARIABLE_MALFORMED,
                f"{name} contains a control character",
                known={"name": name},
            )
    for name, least in _INTEGERS.items():
        text = mast.get(name)
        if text is not None and not (re.fullmatch(r"[0-9]{1,9}", text) and int(text) >= least):
            raise Failure(
                causes.VARIABLE_MALFORMED,
                f"{name} is not a number from {least} upwards",
                known={"name": name},
            )
    if mast.get("MAST_PUBLIC_URL") == "":
        raise Failure(
            causes.VARIABLE_MALFORMED,
            "MAST_PUBLIC_URL is set but empty",
            remedy="Set MAST_PUBLIC_URL to the address of the dashboard, or leave it out",
        )
