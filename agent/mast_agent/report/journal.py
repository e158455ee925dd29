"""Where log lines go: the journal's native protocol, or readable lines on stderr.

structlog carries the events; the processors here escape every text, and the sinks write them. Text
from elsewhere was masked where it came in (`redact`). A log line that cannot be written is lost,
and ends nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
import syslog
from typing import TYPE_CHECKING, Any

from mast_agent.host import lean
from mast_agent.report.events import Event
from mast_agent.text.escaping import escape

with lean.without("rich"):
    import structlog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

IDENTIFIER = "mast-agent"

_FIELDS = {
    "phase": "MAST_PHASE",
    "cause": "MAST_CAUSE",
    "attempt": "MAST_ATTEMPT",
    "server_id": "MAST_SERVER_ID",
}
DRAWN = frozenset(
    {
        Event.STARTED, Event.WAITING, Event.PHASE_DONE, Event.EVAL_STARTED, Event.EVAL_OUTPUT,
        Event.EVAL_ENDED, Event.ENROLLED, Event.ALREADY_ENROLLED, Event.FAILED, Event.STOPPED,
    }
)  # fmt: skip
"""What a drawing of the phases shows."""


def to_journal(environ: Mapping[str, str]) -> bool:
    """Tell whether stderr is the journal: systemd.exec(5), $JOURNAL_STREAM."""
    stream = environ.get("JOURNAL_STREAM", "")
    try:
        stderr = os.fstat(2)
    except OSError:
        return False
    return stream == f"{stderr.st_dev}:{stderr.st_ino}"


class JournalSink:
    """Sends an event with its fields to journald: systemd.journal-fields(7)."""

    def msg(self, message: str, *, kind: Event, **fields: object) -> None:
        """Send one event."""
        from systemd import journal  # noqa: PLC0415 - only where there is a journal

        entry = {name: str(fields[key]) for key, name in _FIELDS.items() if key in fields}
        if isinstance(duration := fields.get("duration"), float):
            entry["MAST_DURATION_USEC"] = str(round(duration * 1_000_000))
        try:
            journal.send(
                message,
                MESSAGE_ID=kind.message_id,
                PRIORITY=str(kind.priority),
                SYSLOG_IDENTIFIER=IDENTIFIER,
                **entry,
            )
        except OSError:
            TerminalSink().msg(message, kind=kind, **fields)


class DrawnSink:
    """Hands to a drawing, as lines, what the drawing does not show itself."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def msg(self, message: str, *, kind: Event, **fields: object) -> None:
        """Write one event."""
        if kind not in DRAWN:
            self._say(_line(message, kind, fields))


class TerminalSink:
    """Writes one readable line to stderr."""

    def msg(self, message: str, *, kind: Event, **fields: object) -> None:
        """Write one event."""
        # stderr may be closed, full, or a pipe that nobody reads any more.
        with contextlib.suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.write(f"{_line(message, kind, fields)}\n")
                sys.stderr.flush()


def _line(message: str, kind: Event, fields: Mapping[str, object]) -> str:
    level = {syslog.LOG_ERR: "error: ", syslog.LOG_WARNING: "warning: "}.get(kind.priority, "")
    phase = f"{fields['phase']}: " if "phase" in fields else ""
    return f"{IDENTIFIER}: {level}{phase}{message}"


def _escape(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Escape every text of an event."""
    del logger, method
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = escape(value)
    return event


def _render(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    del logger, method
    message = event.pop("event")
    return (message,), dict(event)


def logger() -> Any:
    """Return what events are logged with."""
    return structlog.get_logger()


def configure(environ: Mapping[str, str], drawn: Callable[[str], None] | None = None) -> None:
    """Set structlog up for this process. `drawn` prints a line beside what is drawn meanwhile."""
    plain = TerminalSink() if drawn is None else DrawnSink(drawn)
    sink = JournalSink() if to_journal(environ) else plain
    structlog.configure(
        processors=[_escape, _render],
        wrapper_class=structlog.BoundLogger,
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=False,
    )
