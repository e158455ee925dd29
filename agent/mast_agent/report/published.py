"""The status that a running agent publishes, for everybody who may read its runtime directory.

One JSON document, replaced as a whole at every change: docs/reference.md describes it. It is a
file of the service's user, so that root reads it without trusting it.
"""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mast_agent import __version__
from mast_agent.host import storage
from mast_agent.report.record import now
from mast_agent.text import untrusted
from mast_agent.text.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mast_agent.failures.failure import Failure

FILE_NAME = "status.json"
VERSION = 1
AT_WORK = ("running", "waiting")
"""The states that a process has to be alive for."""
STATES = (*AT_WORK, "enrolled", "failed", "stopped")

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LOGIN = ("MAST_SELF_HOST", "MAST_SELF_PORT", "MAST_SELF_USER")
# Bounds of what is read: a pid is below 2^22 (proc(5)), an exit code is a byte, and a clock that
# ticks a hundred times a second needs ages to reach 2^53.
_MAX_PID, _MAX_CODE, _MAX_COUNT, _MAX_TICKS = 1 << 22, 255, 10**9, 1 << 53
_ID = re.compile(r"[0-9a-f]{32}")


def invocation(environ: Mapping[str, str]) -> str | None:
    """Return the id of the unit's invocation that this process is, None for a run by hand.

    INVOCATION_ID alone does not tell: whatever runs below a unit, a terminal say, inherits it.
    SYSTEMD_EXEC_PID names the process that systemd itself has executed: systemd.exec(5).
    """
    if environ.get("SYSTEMD_EXEC_PID") != str(os.getpid()):
        return None
    found = environ.get("INVOCATION_ID", "")
    return found if _ID.fullmatch(found) else None


def boot_id() -> str | None:
    """Return the id of this boot; None where it is hidden, as from a unit by ProcSubset=pid."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip().replace("-", "") or None
    except (OSError, ValueError):
        return None


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

    @classmethod
    def of(cls, failure: Failure) -> Error:
        """Return what there is to be read of `failure`, whatever it quotes."""
        return cls(
            cause=failure.cause.slug,
            message=escape(failure.message),
            remedy=escape(failure.remedy),
            code=int(failure.code),
        )


@dataclass(frozen=True, kw_only=True)
class Published:
    """What the agent is doing or how it ended. Times are UTC, ISO 8601.

    `login` are the variables MAST_SELF_* that were set: an operator's shell does not have them.
    `gives_up_at` is when a run that is at work ends in any case.
    `problem` is what the enrollment stands in spite of: that it could not be recorded.
    `invocation` is the unit's, None for a run by hand; `boot` the boot's, None where it is hidden.
    """

    state: str
    phase: str
    message: str
    since: str
    attempts: int
    next_retry_at: str | None = None
    gives_up_at: str | None = None
    error: Error | None = None
    server: dict[str, str] | None = None
    migrations: dict[str, int] | None = None
    login: dict[str, str] = field(default_factory=dict)
    problem: str | None = None
    invocation: str | None = field(default_factory=lambda: invocation(os.environ))
    boot: str | None = field(default_factory=boot_id)
    updated_at: str = field(default_factory=now)
    pid: int = field(default_factory=os.getpid)
    started: int | None = field(default_factory=lambda: start_ticks(os.getpid()))

    def is_alive(self) -> bool | None:
        """Tell whether the process that published it is still there.

        None where there is one with its pid which this user may not see (hidepid=, proc(5)).
        """
        if self.started is None:
            return False
        ticks = start_ticks(self.pid)
        if ticks is not None:
            return ticks == self.started
        return None if _exists(self.pid) else False

    def is_of_this_boot(self) -> bool:
        """Tell whether it was published since the boot, as far as that can be told.

        A unit's lies in /run and is gone with the boot; another directory may keep it.
        """
        present = boot_id()
        return None in (self.boot, present) or self.boot == present


def _exists(pid: int) -> bool:
    """Tell whether there is such a process: kill(2) knows, whatever /proc hides."""
    if pid <= 0:  # a group of processes
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def save(directory: Path, published: Published) -> None:
    """Publish, readable for everybody who may enter the directory. Raises OSError.

    Makes the directory, since a run by hand may fail before anything else has made it.
    """
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    document = {"version": VERSION, "agent_version": __version__, **_clipped(asdict(published))}
    storage.write(directory / FILE_NAME, document, mode=0o644, durable=False)


def _clipped(value: Any) -> Any:
    """Return `value` with its texts as long as `load` takes them."""
    if isinstance(value, dict):
        return {key: _clipped(each) for key, each in value.items()}
    return value[: untrusted.MAX_TEXT] if isinstance(value, str) else value


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
    except (KeyError, ValueError) as error:
        raise storage.UnusableError("damaged") from error


def _parse(document: dict[str, Any]) -> Published:
    """Return what is in the document. Raises KeyError or ValueError for what no agent writes."""
    return Published(
        state=untrusted.text(document["state"]),
        phase=untrusted.text(document["phase"]),
        message=untrusted.text(document["message"]),
        since=untrusted.text(document["since"]),
        attempts=untrusted.number(document["attempts"], most=_MAX_COUNT),
        next_retry_at=untrusted.optional_text(document.get("next_retry_at")),
        gives_up_at=untrusted.optional_text(document.get("gives_up_at")),
        error=_error(document.get("error")),
        server=_server(document.get("server")),
        migrations=_migrations(document.get("migrations")),
        login=_login(document.get("login")),
        problem=untrusted.optional_text(document.get("problem")),
        invocation=untrusted.optional_text(document.get("invocation")),
        boot=untrusted.optional_text(document.get("boot")),
        updated_at=untrusted.text(document["updated_at"]),
        pid=untrusted.number(document["pid"], most=_MAX_PID),
        started=None
        if document["started"] is None
        else untrusted.number(document["started"], most=_MAX_TICKS),
    )


def _error(value: object) -> Error | None:
    if value is None:
        return None
    found = untrusted.table(value)
    return Error(
        cause=untrusted.text(found["cause"]),
        message=untrusted.text(found["message"]),
        remedy=untrusted.text(found["remedy"]),
        code=untrusted.number(found["code"], most=_MAX_CODE),
    )


def _server(value: object) -> dict[str, str] | None:
    if value is None:
        return None
    found = untrusted.table(value)
    return {key: untrusted.text(found[key]) for key in ("id", "name")}


def _migrations(value: object) -> dict[str, int] | None:
    if value is None:
        return None
    found = untrusted.table(value)
    return {key: untrusted.number(found[key], most=_MAX_COUNT) for key in ("applied", "total")}


def _login(value: object) -> dict[str, str]:
    found = untrusted.table(value or {})
    return {name: untrusted.text(found[name]) for name in _LOGIN if name in found}
