"""The options that several commands have, and what becomes of their values.

None of them reads its environment variable itself: a malformed variable is an error of
configuration (78) and not of usage (2), and the environment file comes in between. The help names
the variables all the same.
"""

# ruff: noqa: UP045 - Debian 12's typer 0.7 reads annotations, and knows Optional[str] only

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, TypeVar

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


_SHARED = {
    "mast_bin": _option(
        "--mast-bin",
        "MAST_BIN",
        "FILE",
        "The release's; else mast on PATH, else /opt/mast/bin/mast.",
    ),
    "env_file": _option(
        "--env-file",
        "MAST_AGENT_ENV_FILE",
        "FILE",
        "Mast's variables and the settings here, as in a systemd EnvironmentFile; '' for none; "
        "else /etc/mast.env, if there is one.",
    ),
    "timeout": _option(
        "--timeout",
        "MAST_AGENT_TIMEOUT",
        "TIME",
        "Give up after this: 300, 300s, 5min, 1min 30s; else 5min.",
    ),
    "state_directory": _option(
        "--state-directory", "STATE_DIRECTORY", "DIR", "Has the record; else /var/lib/mast-agent."
    ),
    "runtime_directory": _option(
        "--runtime-directory",
        "RUNTIME_DIRECTORY",
        "DIR",
        "Has the published status and the lock; else /run/mast-agent.",
    ),
    "access_directory": _option(
        "--access-directory",
        "MAST_AGENT_ACCESS_DIRECTORY",
        "DIR",
        "Has sshd's key; else /var/lib/mast-agent-access.",
    ),
    "user": _option(
        "--user",
        "MAST_AGENT_USER",
        "NAME",
        "As root: the user to be; else the unit's, else the owner of the state directory.",
    ),
    "login_directory": _option(
        "--login-directory",
        "MAST_AGENT_LOGIN_DIRECTORY",
        "DIR",
        "Has what came of trying Mast's login; else /run/mast-agent-access.",
    ),
    "access": _option(
        "--access",
        "MAST_AGENT_ACCESS",
        "yes|no",
        "Whether Mast is to log in here: yes also asks it for its public key; else no.",
    ),
}
"""By their names in `Options`, which are those of the settings as well."""


def shared(*names: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Give a command these options, all in one value: its first parameter, `Options`."""

    def decorate(command: Callable[..., int]) -> Callable[..., int]:
        _, *own = inspect.signature(command).parameters.values()

        @functools.wraps(command)
        def run(**values: Any) -> int:
            given = {name: values.pop(name) for name in names}
            return command(_collected(given), **values)

        # What typer reads to know which options there are.
        taken: list[tuple[str, Any, Any]]
        taken = [(name, _SHARED[name], Optional[str]) for name in names]
        taken += [(each.name, each.default, bool) for each in own]
        run.__annotations__ = {name: kind for name, _, kind in taken}
        run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
                )
                for name, default, kind in taken
            ]
        )
        return run

    return decorate


def _collected(given: Mapping[str, str | None]) -> Options:
    """Return what the command line gave. Raises BadParameter for a value that is none."""
    from mast_agent.config.settings import Options  # noqa: PLC0415 - as below

    return Options(**{name: _value(name, text) for name, text in given.items() if text is not None})


def _value(name: str, text: str) -> Any:
    from mast_agent.config.settings import parse_boolean, parse_timeout  # noqa: PLC0415 - as below

    if name == "timeout":
        return _usage("--timeout", parse_timeout, text)
    if name == "access":
        return _usage("--access", parse_boolean, text)
    if name == "env_file":
        return Path(text) if text else ""
    if name.endswith("_directory"):
        return Path(text) if text else None
    return text or None


def _usage(flag: str, parse: Callable[[str, str], _T], text: str) -> _T:
    """Return what `parse` makes of an option's value. What it refuses is wrong usage."""
    from mast_agent.failures.failure import Failure  # noqa: PLC0415 - not for --help

    try:
        return parse(flag, text)
    except Failure as failure:
        raise typer.BadParameter(
            failure.message.removeprefix(f"{flag}: "), param_hint=f"'{flag}'"
        ) from None
