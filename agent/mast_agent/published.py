"""The status that a running agent publishes, for whoever may read its runtime directory.

One JSON document, replaced as a whole at every change: docs/reference.md describes it.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mast_agent import __version__, storage
from mast_agent.record import now

FILE_NAME = "status.json"
VERSION = 1
STATES = ("running", "waiting", "enrolled", "failed", "stopped")


def start_ticks(pid: int) -> int | None:
    """Return when the process `pid` started, in ticks since the boot; None where it is gone.

    Field 22 of /proc/PID/stat, proc(5): with the pid it names one process of all that ever were.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        # The second field is the program's name in parentheses, and may contain anything.
        return int(stat.rpartition(b")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


@dataclass(frozen=True, kw_only=True)
class Error:
    """The last failure."""

    cause: str
    message: str
    remedy: str
    code: int


@dataclass(frozen=True, kw_only=True)
class Published:
    """What the agent is doing or how it ended. Times are UTC, ISO 8601.

    `login` are the variables MAST_SELF_* that were set: an operator's shell does not have them.
    """

    state: str
    phase: str
    message: str
    since: str
    attempts: int
    next_retry_at: str | None = None
    error: Error | None = None
    server: dict[str, str] | None = None
    migrations: dict[str, int] | None = None
    login: dict[str, str] = field(default_factory=dict)
    updated_at: str = field(default_factory=now)
    pid: int = field(default_factory=os.getpid)
    started: int | None = field(default_factory=lambda: start_ticks(os.getpid()))

    def is_alive(self) -> bool:
        """Tell whether the process that published it is still there."""
        return self.started is not None and self.started == start_ticks(self.pid)


def save(directory: Path, published: Published) -> None:
    """Publish, readable for everybody who may enter the directory. Raises OSError.

    Makes the directory, since a run by hand may fail before anything else has made it.
    """
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    document = {"version": VERSION, "agent_version": __version__, **asdict(published)}
    storage.write(directory / FILE_NAME, document, mode=0o644, durable=False)


def load(directory: Path) -> Published | None:
    """Return what was published, None when nothing was.

    Raises storage.UnusableError and OSError as `storage.read` does.
    """
    document = storage.read(directory / FILE_NAME)
    if document is None:
        return None
    if document.get("version") != VERSION or document.get("state") not in STATES:
        raise storage.UnusableError("of another version")
    try:
        return _parse(document)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise storage.UnusableError("incomplete") from error


def _parse(document: dict[str, Any]) -> Published:
    error, server, migrations = (document.get(key) for key in ("error", "server", "migrations"))
    return Published(
        state=str(document["state"]),
        phase=str(document["phase"]),
        message=str(document["message"]),
        since=str(document["since"]),
        attempts=int(document["attempts"]),
        next_retry_at=_text(document.get("next_retry_at")),
        error=Error(
            cause=str(error["cause"]),
            message=str(error["message"]),
            remedy=str(error["remedy"]),
            code=int(error["code"]),
        )
        if error is not None
        else None,
        server={key: str(server[key]) for key in ("id", "name")} if server is not None else None,
        migrations={key: int(migrations[key]) for key in ("applied", "total")}
        if migrations is not None
        else None,
        login={str(name): str(value) for name, value in dict(document.get("login") or {}).items()},
        updated_at=str(document["updated_at"]),
        pid=int(document["pid"]),
        started=int(document["started"]) if document["started"] is not None else None,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
