"""The options that the commands share, and what becomes of their values.

None of them reads its environment variable itself: a malformed variable is an error of
configuration (78) and not of usage (2), and the environment file comes in between. The help
names them all the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Callable

    from mast_agent.config.settings import Options

_T = TypeVar("_T")


class AsGiven:
    """For typer's commands and groups: their options are texts and switches, to be taken as given.

    Since 0.28 typer has pydantic look at every value, even at none, and to import that takes as
    long as all else that `status` does.
    """

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters, that for help among them, none of which converts anything."""
        found = super().get_params(ctx)  # type: ignore[misc]
        for each in found:
            if hasattr(each, "get_runtime_param"):
                each.get_runtime_param = _AsGiven
        return found


class _AsGiven:
    """What typer is to take for a conversion."""

    @staticmethod
    def coerce(value: Any, **_: Any) -> Any:
        return value


class Command(AsGiven, TyperCommand):
    """A command as typer makes it, with options that are taken as given."""


def _option(flag: str, variable: str, metavar: str, text: str) -> Any:
    return typer.Option(None, flag, metavar=metavar, help=f"{text} [env: {variable}]")


def flag(name: str, text: str) -> Any:
    """Return a switch, which is off by itself."""
    return typer.Option(False, name, help=text)  # noqa: FBT003 - the default


MAST_BIN = _option(
    "--mast-bin",
    "MAST_BIN",
    "FILE",
    "The release's; else mast on PATH, else /opt/mast/bin/mast.",
)
ENV_FILE = _option(
    "--env-file",
    "MAST_AGENT_ENV_FILE",
    "FILE",
    "Mast's variables and the settings here, as in a systemd EnvironmentFile; '' for none; "
    "else /etc/mast.env, if there is one.",
)
TIMEOUT = _option(
    "--timeout",
    "MAST_AGENT_TIMEOUT",
    "TIME",
    "Give up after this: 300, 300s, 5min, 1min 30s; else 5min.",
)
STATE_DIRECTORY = _option(
    "--state-directory", "STATE_DIRECTORY", "DIR", "Has the record; else /var/lib/mast-agent."
)
RUNTIME_DIRECTORY = _option(
    "--runtime-directory",
    "RUNTIME_DIRECTORY",
    "DIR",
    "Has the published status and the lock; else /run/mast-agent.",
)
ACCESS_DIRECTORY = _option(
    "--access-directory",
    "MAST_AGENT_ACCESS_DIRECTORY",
    "DIR",
    "Has sshd's key; else /var/lib/mast-agent-access.",
)
USER = _option(
    "--user",
    "MAST_AGENT_USER",
    "NAME",
    "As root: the user to be; else the unit's, else the owner of the state directory.",
)
LOGIN_DIRECTORY = _option(
    "--login-directory",
    "MAST_AGENT_LOGIN_DIRECTORY",
    "DIR",
    "Has what came of trying Mast's login; else /run/mast-agent-access.",
)
ACCESS = _option(
    "--access",
    "MAST_AGENT_ACCESS",
    "yes|no",
    "Whether Mast is to log in here: yes also asks it for its public key; else no.",
)


def collect(
    *,
    mast_bin: str | None = None,
    env_file: str | None = None,
    timeout: str | None = None,
    state_directory: str | None = None,
    runtime_directory: str | None = None,
    access_directory: str | None = None,
    login_directory: str | None = None,
    access: str | None = None,
    user: str | None = None,
) -> Options:
    """Return what the command line gave. Raises BadParameter for a value that is none."""
    from mast_agent.config.settings import Options, parse_boolean, parse_timeout  # noqa: PLC0415 - as below

    seconds = None if timeout is None else _usage("--timeout", parse_timeout, timeout)
    wanted = None if access is None else _usage("--access", parse_boolean, access)
    return Options(
        mast_bin=mast_bin or None,
        env_file=Path(env_file) if env_file else "" if env_file == "" else None,
        timeout=seconds,
        state_directory=Path(state_directory) if state_directory else None,
        runtime_directory=Path(runtime_directory) if runtime_directory else None,
        access_directory=Path(access_directory) if access_directory else None,
        login_directory=Path(login_directory) if login_directory else None,
        access=wanted,
        user=user or None,
    )


def _usage(flag: str, parse: Callable[[str, str], _T], text: str) -> _T:
    """Return what `parse` makes of an option's value. What it refuses is wrong usage."""
    from mast_agent.failures.failure import Failure  # noqa: PLC0415 - not for --help

    try:
        return parse(flag, text)
    except Failure as failure:
        raise typer.BadParameter(
            failure.message.removeprefix(f"{flag}: "), param_hint=f"'{flag}'"
        ) from None
