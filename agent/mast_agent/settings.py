"""Settings: parsed once, at the edge, into one frozen value.

Where they come from, the later one winning: the process's environment, the environment file,
the command line. The file wins over the environment because that is how systemd combines
EnvironmentFile= with Environment=, so that the agent and mast.service see the same Mast.

Mast's own variables are carried here too, and checked for what Mast itself refuses; what they
mean is left to `ecto_url` and to Mast.
"""

from __future__ import annotations

import base64
import binascii
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mast_agent import causes, envfile
from mast_agent.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_ENV_FILE = Path("/etc/mast.env")
"""Read when it exists and MAST_AGENT_ENV_FILE does not name another."""
DEFAULT_TIMEOUT = 300.0
"""Seconds."""
DEFAULT_STATE_DIRECTORY = Path("/var/lib/mast-agent")
DEFAULT_RUNTIME_DIRECTORY = Path("/run/mast-agent")

DEFAULT_ACCESS_DIRECTORY = Path("/var/lib/mast-agent-access")

# What systemd takes for a boolean: systemd.syntax(7).
_BOOLEANS = {
    **dict.fromkeys(("1", "yes", "y", "true", "t", "on"), True),
    **dict.fromkeys(("0", "no", "n", "false", "f", "off"), False),
}
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


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one invocation works with.

    `timeout` is in seconds. `access` says whether Mast is to be able to log in to this host.
    `user` is the service's, where root was told it. `mast` holds Mast's variables, secrets
    included: it is kept out of the repr, and so out of every traceback and log.
    """

    mast_bin: str | None
    timeout: float
    state_directory: Path
    runtime_directory: Path
    access_directory: Path
    access: bool
    user: str | None = None
    mast: Mapping[str, str]

    def __repr__(self) -> str:
        """Without Mast's variables."""
        return f"Settings(mast_bin={self.mast_bin!r}, timeout={self.timeout})"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line gave; None where it gave nothing."""

    mast_bin: str | None = None
    env_file: Path | None = None
    timeout: float | None = None
    state_directory: Path | None = None
    runtime_directory: Path | None = None
    access_directory: Path | None = None
    access: bool | None = None
    user: str | None = None


def load(options: Options, environ: Mapping[str, str]) -> Settings:
    """Combine command line, environment and environment file.

    Raises Failure (78) for a malformed setting and for everything that `envfile.read` raises.
    """
    env_file = options.env_file or _path(environ, "MAST_AGENT_ENV_FILE")
    if env_file is None and os.path.lexists(DEFAULT_ENV_FILE):
        env_file = DEFAULT_ENV_FILE
    timeout = options.timeout or parse_timeout(environ.get("MAST_AGENT_TIMEOUT"))
    access = options.access
    if access is None:
        access = parse_boolean("MAST_AGENT_ACCESS", environ.get("MAST_AGENT_ACCESS"))
    return _settings(
        options, environ, timeout=timeout, access=access,
        file=envfile.read(env_file) if env_file else {},
    )  # fmt: skip


def without_file(options: Options, environ: Mapping[str, str]) -> Settings:
    """Return what is left where `load` fails: enough to report that, and to ask for a status."""
    return _settings(
        options, environ, timeout=options.timeout or DEFAULT_TIMEOUT, access=False, file={}
    )


def _settings(
    options: Options,
    environ: Mapping[str, str],
    *,
    timeout: float,
    access: bool,
    file: Mapping[str, str],
) -> Settings:
    state_directory, runtime_directory, access_directory = directories(options, environ)
    return Settings(
        mast_bin=options.mast_bin or environ.get("MAST_BIN") or None,
        timeout=timeout,
        state_directory=state_directory,
        runtime_directory=runtime_directory,
        access_directory=access_directory,
        access=access,
        user=options.user or environ.get("MAST_AGENT_USER") or None,
        mast={**mast_variables(environ), **file},
    )


def directories(options: Options, environ: Mapping[str, str]) -> tuple[Path, Path, Path]:
    """Return the directories of the record, of the published status, and of Mast's key."""
    return (
        options.state_directory or _path(environ, "STATE_DIRECTORY") or DEFAULT_STATE_DIRECTORY,
        options.runtime_directory
        or _path(environ, "RUNTIME_DIRECTORY")
        or DEFAULT_RUNTIME_DIRECTORY,
        options.access_directory
        or _path(environ, "MAST_AGENT_ACCESS_DIRECTORY")
        or DEFAULT_ACCESS_DIRECTORY,
    )


def mast_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of `environ` that are Mast's, and the few that Postgrex reads."""
    return {
        name: value
        for name, value in environ.items()
        if name in _MAST_VARIABLES
        or name in _POSTGRES_VARIABLES
        or (
            name.startswith(_MAST_PREFIXES)
            and name != "MAST_BIN"
            and not name.startswith("MAST_AGENT_")
        )
    }


def parse_timeout(text: str | None) -> float:
    """Seconds from `text`, the default when it is empty.

    Raises Failure (78) unless it is a finite number above zero.
    """
    if not text:
        return DEFAULT_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not (0 < seconds < math.inf):
        raise Failure(
            causes.SETTING_MALFORMED,
            "MAST_AGENT_TIMEOUT is not a number of seconds above zero",
            remedy="Correct MAST_AGENT_TIMEOUT, for example 300",
        )
    return seconds


def parse_boolean(name: str, text: str | None) -> bool:
    """Yes or no from `text`, no when it is empty. Raises Failure (78) naming `name`."""
    if not text:
        return False
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise Failure(
            causes.SETTING_MALFORMED,
            f"{name} is neither yes nor no",
            remedy=f"Correct {name}: yes or no",
        ) from None


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    """Return the path in `name`; systemd lists several directories separated by colons."""
    value = environ.get(name, "")
    if name in ("STATE_DIRECTORY", "RUNTIME_DIRECTORY"):
        value = value.partition(":")[0]
    return Path(value) if value else None


def check_mast(mast: Mapping[str, str]) -> None:
    """Refuse at once what every start of Mast's release refuses after half a second.

    Raises Failure (78) naming the variable, never its value. DATABASE_URL is `ecto_url`'s.
    """
    for name in ("SECRET_KEY_BASE", "MAST_VAULT_KEY"):
        if not mast.get(name, "").strip():
            raise Failure(
                causes.VARIABLE_MISSING,
                f"{name} is not set",
                remedy=causes.VARIABLE_MISSING.remedy.replace("it", name, 1),
            )
    try:
        key = base64.b64decode(mast["MAST_VAULT_KEY"], validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _VAULT_KEY_BYTES:
        raise Failure(
            causes.VARIABLE_MALFORMED,
            f"MAST_VAULT_KEY is not base64 of exactly {_VAULT_KEY_BYTES} bytes",
            remedy="Use the key that the database was set up with; "
            "a new one: head -c32 /dev/urandom | base64",
        )
    for name in ("SECRET_KEY_BASE", "MAST_VAULT_KEY", "MAST_PUBLIC_URL"):
        if any(ord(char) < ord(" ") for char in mast.get(name, "")):
            raise Failure(causes.VARIABLE_MALFORMED, f"{name} contains a control character")
    for name, least in _INTEGERS.items():
        text = mast.get(name)
        if text is not None and not (re.fullmatch(r"[0-9]{1,9}", text) and int(text) >= least):
            raise Failure(causes.VARIABLE_MALFORMED, f"{name} is not a number from {least} upwards")
    if mast.get("MAST_PUBLIC_URL") == "":
        raise Failure(
            causes.VARIABLE_MALFORMED,
            "MAST_PUBLIC_URL is set but empty",
            remedy="Set MAST_PUBLIC_URL to the address of the dashboard, or leave it out",
        )
