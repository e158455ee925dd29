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


def boot_id() -> str:
    """Return the kernel's id of this boot, empty where it cannot be read."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@dataclass(frozen=True, kw_only=True)
class Error:
    """The last failure."""

    cause: str
    message: str
    remedy: str
    code: int


@dataclass(frozen=True, kw_only=True)
class Published:
    """What the agent is doing or how it ended. Times are UTC, ISO 8601."""

    state: str
    phase: str
    message: str
    since: str
    attempts: int
    next_retry_at: str | None = None
    error: Error | None = None
    server: dict[str, str] | None = None
    migrations: dict[str, int] | None = None
    updated_at: str = field(default_factory=now)
    pid: int = field(default_factory=os.getpid)
    boot_id: str = field(default_factory=boot_id)

    def is_alive(self) -> bool:
        """Tell whether the process that published it may still be there."""
        return self.boot_id == boot_id() and Path(f"/proc/{self.pid}").exists()


def save(directory: Path, published: Published) -> None:
    """Publish, readable for everybody who may enter the directory. Raises OSError."""
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
    except (KeyError, TypeError, ValueError) as error:
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
        updated_at=str(document["updated_at"]),
        pid=int(document["pid"]),
        boot_id=str(document["boot_id"]),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
