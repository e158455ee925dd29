"""Settings: parsed once, at the start, into one frozen value.

The agent's own settings come from the command line, else from the environment, else from the
environment file, else there is a default. Mast's variables are carried here too, and for them the
file wins over the environment: that is how systemd combines EnvironmentFile= with Environment=, so
that the agent and mast.service see the same Mast. `mast_environment` decides which they are.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mast_agent.config import envfile, mast_environment
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.text.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

DEFAULT_ENV_FILE = Path("/etc/mast.env")
"""Read when it exists and MAST_AGENT_ENV_FILE does not name another."""
DEFAULT_TIMEOUT = 300.0
"""Seconds."""
DEFAULT_STATE_DIRECTORY = Path("/var/lib/mast-agent")
DEFAULT_RUNTIME_DIRECTORY = Path("/run/mast-agent")

DEFAULT_ACCESS_DIRECTORY = Path("/var/lib/mast-agent-access")
DEFAULT_LOGIN_DIRECTORY = Path("/run/mast-agent-access")

# What systemd takes for a boolean: systemd.syntax(7).
_BOOLEANS = {
    **dict.fromkeys(("1", "yes", "y", "true", "t", "on"), True),
    **dict.fromkeys(("0", "no", "n", "false", "f", "off"), False),
}

_MOST_QUOTED = 20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What one invocation works with.

    `timeout` is in seconds. `access` says whether Mast is to be able to log in to this host.
    `user` is the service's, where root was told it; `env_file` is what has been read.
    `timeout_given` is False for the default.
    `overruled` says which settings of the environment file have no effect. `mast` holds Mast's
    variables, secrets included: it is kept out of the repr, and so out of every traceback and log.
    """

    mast_bin: str | None
    timeout: float
    state_directory: Path
    runtime_directory: Path
    access_directory: Path
    login_directory: Path
    access: bool
    user: str | None = None
    env_file: Path | None = None
    timeout_given: bool = False
    overruled: tuple[str, ...] = ()
    mast: Mapping[str, str]

    def __repr__(self) -> str:
        """Without Mast's variables."""
        return f"Settings(mast_bin={self.mast_bin!r}, timeout={self.timeout})"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line gave; None where it gave nothing. "" for the file means none."""

    mast_bin: str | None = None
    env_file: Path | Literal[""] | None = None
    timeout: float | None = None
    state_directory: Path | None = None
    runtime_directory: Path | None = None
    access_directory: Path | None = None
    login_directory: Path | None = None
    access: bool | None = None
    user: str | None = None


class _Own:
    """The agent's own settings, from the environment and from the environment file."""

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        """Find and read the file. Raises Failure (78), whatever `envfile.read` raises."""
        self._environ = environ
        self.path = _env_file(options, environ)
        self.file = envfile.read(self.path) if self.path is not None else {}

    def get(self, name: str) -> str:
        """Return the value, "" where there is none: as far as it goes, empty is not set."""
        return self._environ.get(name) or self.file.get(name, "")

    def label(self, name: str) -> str:
        """Return how a message calls the setting: with the file, where it comes from there."""
        return name if self._environ.get(name) else f"{name} in {self.path}"

    def overruled(self) -> tuple[str, ...]:
        """Say what the file has in vain."""
        return tuple(
            f"{name} in {self.path} has no effect, because the environment has another"
            for name, value in self.file.items()
            if mast_environment.is_agents(name)
            and value
            and self._environ.get(name)
            and self._environ[name] != value
            and name != "MAST_AGENT_ENV_FILE"
        )


def _env_file(options: Options, environ: Mapping[str, str]) -> Path | None:
    """Return which file is to be read. Named, but empty, means none, also not the default one."""
    for named in (options.env_file, environ.get("MAST_AGENT_ENV_FILE")):
        if named is not None:
            return Path(named) if named != "" else None
    return DEFAULT_ENV_FILE if os.path.lexists(DEFAULT_ENV_FILE) else None


def load(options: Options, environ: Mapping[str, str]) -> Settings:
    """Combine command line, environment and environment file.

    Raises Failure (78) for a malformed setting and for everything that `envfile.read` raises.
    """
    own = _Own(options, environ)
    timeout = options.timeout
    if timeout is None and (text := own.get("MAST_AGENT_TIMEOUT")):
        timeout = parse_timeout(own.label("MAST_AGENT_TIMEOUT"), text)
    access = options.access
    if access is None and (text := own.get("MAST_AGENT_ACCESS")):
        access = parse_boolean(own.label("MAST_AGENT_ACCESS"), text)
    return _settings(options, environ, own, timeout=timeout, access=access or False)


def salvage(options: Options, environ: Mapping[str, str]) -> Settings:
    """Return what is left where `load` fails: enough to report that, and to ask for a status."""
    try:
        own = _Own(options, environ)
    except Failure:
        own = _Own(replace(options, env_file=""), environ)
    return _settings(options, environ, own, timeout=options.timeout, access=False)


def _settings(
    options: Options,
    environ: Mapping[str, str],
    own: _Own,
    *,
    timeout: float | None,
    access: bool,
) -> Settings:
    return Settings(
        mast_bin=options.mast_bin or own.get("MAST_BIN") or None,
        timeout=DEFAULT_TIMEOUT if timeout is None else timeout,
        # These two are the service manager's, which gives them to its units alone. From the file
        # they would send an operator elsewhere than the unit.
        state_directory=options.state_directory
        or _first(environ.get("STATE_DIRECTORY"))
        or DEFAULT_STATE_DIRECTORY,
        runtime_directory=options.runtime_directory
        or _first(environ.get("RUNTIME_DIRECTORY"))
        or DEFAULT_RUNTIME_DIRECTORY,
        access_directory=options.access_directory
        or Path(own.get("MAST_AGENT_ACCESS_DIRECTORY") or DEFAULT_ACCESS_DIRECTORY),
        login_directory=options.login_directory
        or Path(own.get("MAST_AGENT_LOGIN_DIRECTORY") or DEFAULT_LOGIN_DIRECTORY),
        access=access,
        user=options.user or own.get("MAST_AGENT_USER") or None,
        env_file=own.path,
        timeout_given=timeout is not None,
        overruled=own.overruled(),
        mast={**mast_environment.of(environ), **mast_environment.passed_on(own.file)},
    )


def _first(directories: str | None) -> Path | None:
    """Return the first of several directories, which systemd separates by colons."""
    first = (directories or "").partition(":")[0]
    return Path(first) if first else None


def parse_timeout(name: str, text: str) -> float:
    """Seconds from a time span. Raises Failure (78) that quotes `text` and names `name`."""
    from mast_agent.text import timespan  # noqa: PLC0415 - where one is given

    try:
        return timespan.parse(text)
    except ValueError:
        raise Failure(
            causes.SETTING_MALFORMED,
            f"{name}: {_quote(text)} is no time span above zero and of ten years at most",
            remedy=f"Correct {name}, for example 300, 300s, 5min, or 1min 30s",
        ) from None


def parse_boolean(name: str, text: str) -> bool:
    """Yes or no from `text`. Raises Failure (78) that quotes `text` and names `name`."""
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise Failure(
            causes.SETTING_MALFORMED,
            f"{name}: {_quote(text)} is neither yes nor no",
            remedy=f"Correct {name}: yes or no",
        ) from None


def _quote(text: str) -> str:
    """Return a refused value as it may be shown: on one line, and no more than tells which."""
    shown = escape(text)
    return f"'{shown}'" if len(shown) <= _MOST_QUOTED else f"'{shown[:_MOST_QUOTED]}…'"
