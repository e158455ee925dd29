"""What root found out about Mast's login, published for whoever asks for a status.

One JSON document below /run, so that it ends with the boot; written by `mast-agent access`, read by
`status`. docs/reference.md describes it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mast_agent import __version__
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import storage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME = "login.json"
VERSION = 1
_MAX_PROBLEMS = 20
_MAX_CHARACTERS = 1000


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()


@dataclass(frozen=True, kw_only=True)
class LoginReport:
    """What came of a login with a throwaway key, and of asking sshd about it.

    `tried` is False where it could not be tried, and `why` says why not. `problems` are what
    keeps Mast out, the first one first: with `tried` seen, else predicted.
    `user`, `host` and `port` are those that it is about. `at` is UTC, ISO 8601.
    """

    user: str
    host: str
    port: int
    tried: bool
    why: str = ""
    problems: tuple[Failure, ...] = ()
    at: str = field(default_factory=_now)

    @property
    def seconds(self) -> float:
        """How long ago it was, by this host's clock; 0 where `at` is no time."""
        try:
            return max(
                0.0, (dt.datetime.now(dt.UTC) - dt.datetime.fromisoformat(self.at)).total_seconds()
            )
        except (ValueError, TypeError):
            return 0.0

    @property
    def works(self) -> bool:
        """Tell whether the login was tried and worked."""
        return self.tried and not self.problems


def save(directory: Path, report: LoginReport) -> None:
    """Publish, readable for everybody. Raises OSError."""
    document = {
        "version": VERSION,
        "agent_version": __version__,
        **{key: value for key, value in vars(report).items() if key != "problems"},
        "problems": [
            {"cause": each.cause.slug, "message": each.message, "remedy": each.remedy}
            for each in report.problems
        ],
    }
    storage.write(directory / FILE_NAME, document, mode=0o644, durable=False)


def load(directory: Path) -> LoginReport | None:
    """Return what was published, None where nothing that can be used was. Never fails."""
    try:
        document = storage.read(directory / FILE_NAME)
        return None if document is None else _parse(document)
    except (OSError, storage.UnusableError, KeyError, TypeError, ValueError):
        return None


def _parse(document: Mapping[str, Any]) -> LoginReport:
    if document["version"] != VERSION:
        raise ValueError("of another version")
    return LoginReport(
        user=_text(document["user"]),
        host=_text(document["host"]),
        port=_port(document["port"]),
        tried=document["tried"] is True,
        why=_text(document["why"]),
        problems=tuple(_problem(each) for each in document["problems"][:_MAX_PROBLEMS]),
        at=_text(document["at"]),
    )


def _problem(document: Mapping[str, Any]) -> Failure:
    return Failure(
        causes.CAUSES[_text(document["cause"])],
        _text(document["message"]),
        remedy=_text(document["remedy"]),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value[:_MAX_CHARACTERS]


def _port(value: object) -> int:
    if type(value) is not int or not 0 <= value <= 65535:  # noqa: PLR2004 - TCP's ports
        raise TypeError("not a port")
    return value
