"""Where log lines go: the journal with its fields, or stderr."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from mast_agent.report import journal
from mast_agent.report.events import Event

from systemd import journal as systemd_journal

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def _journal_stream() -> dict[str, str]:
    """Return the environment of a service whose stderr is the journal."""
    stderr = os.fstat(2)
    return {"JOURNAL_STREAM": f"{stderr.st_dev}:{stderr.st_ino}"}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Catch what goes to the journal."""
    entries: list[dict[str, Any]] = []
    monkeypatch.setattr(
        systemd_journal, "send", lambda message, **fields: entries.append({"": message, **fields})
    )
    return entries


@pytest.mark.parametrize("stream", ["", "0:0", "text", "1:2:3"])
def test_stderr_is_not_the_journal(stream: str) -> None:
    """A JOURNAL_STREAM that is not stderr's, inherited perhaps, is not believed."""
    assert not journal.to_journal({"JOURNAL_STREAM": stream})
    assert not journal.to_journal({})


def test_stderr_is_the_journal() -> None:
    """The journal is what stderr's device and inode say it is."""
    assert journal.to_journal(_journal_stream())


def test_fields(sent: list[dict[str, Any]]) -> None:
    """An event reaches the journal with the fields of the interface and nothing else."""
    journal.configure(_journal_stream())
    structlog.get_logger().msg(
        "enrolled",
        kind=Event.ENROLLED,
        phase="verify",
        cause="refused",
        attempt=3,
        server_id="an-id",
        duration=1.25,
        unknown="x",
    )
    assert sent == [
        {
            "": "enrolled",
            "MESSAGE_ID": Event.ENROLLED.message_id,
            "PRIORITY": "5",
            "SYSLOG_IDENTIFIER": "mast-agent",
            "MAST_PHASE": "verify",
            "MAST_CAUSE": "refused",
            "MAST_ATTEMPT": "3",
            "MAST_SERVER_ID": "an-id",
            "MAST_DURATION_USEC": "1250000",
        }
    ]


def test_absent_fields(sent: list[dict[str, Any]]) -> None:
    """A field that an event does not have is not sent, not even empty."""
    journal.configure(_journal_stream())
    structlog.get_logger().msg("output", kind=Event.EVAL_OUTPUT, phase="enroll")
    assert set(sent[0]) == {"", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER", "MAST_PHASE"}


def test_escaped_for_the_journal(sent: list[dict[str, Any]]) -> None:
    """Message and fields are escaped, and a prefix cannot change the priority."""
    journal.configure(_journal_stream())
    structlog.get_logger().msg(
        "<0>urgent\nMESSAGE=forged\x1b", kind=Event.EVAL_OUTPUT, server_id="an\nid"
    )
    assert sent[0][""] == "<0>urgent\\x0aMESSAGE=forged\\x1b"
    assert sent[0]["MAST_SERVER_ID"] == "an\\x0aid"
    assert sent[0]["PRIORITY"] == "6"


def test_journald_is_gone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """When journald does not take an event, it goes to stderr."""

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(systemd_journal, "send", refuse)
    journal.configure(_journal_stream())
    structlog.get_logger().msg("hello", kind=Event.STARTED)
    assert capsys.readouterr().err == "mast-agent: hello\n"


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (Event.FAILED, "mast-agent: error: database: it said so\n"),
        (Event.RECORD_PROBLEM, "mast-agent: warning: database: it said so\n"),
        (Event.WAITING, "mast-agent: database: it said so\n"),
    ],
)
def test_terminal(kind: Event, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the journal an event is one readable line on stderr."""
    journal.configure({})
    structlog.get_logger().msg("it said so", kind=kind, phase="database", attempt=3)
    assert capsys.readouterr().err == line


def test_escaped_for_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """A line on stderr stays one line."""
    journal.configure({})
    structlog.get_logger().msg("said\r\n\x1b[2Jforged", kind=Event.EVAL_OUTPUT)
    assert capsys.readouterr().err == "mast-agent: said\\x0d\\x0a\\x1b[2Jforged\n"


def test_stderr_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started without stderr logs to nowhere and goes on."""
    monkeypatch.setattr(sys, "stderr", None)
    journal.configure({})
    structlog.get_logger().msg("hello", kind=Event.STARTED)
    assert sys.stderr is None


def test_stderr_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stderr that was closed, or that is full, ends nothing."""
    journal.configure({})
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        monkeypatch.setattr(sys, "stderr", full)
        structlog.get_logger().msg("hello" * 10_000, kind=Event.STARTED)
        os.dup2(os.open("/dev/null", os.O_WRONLY), full.fileno())  # so that it can be closed
    structlog.get_logger().msg("hello", kind=Event.STARTED)
    assert full.closed


def test_beside_a_drawing() -> None:
    """A drawing gets the lines of what it has no row for, and of nothing else."""
    lines: list[str] = []
    journal.configure({}, lines.append)
    for kind in Event:
        structlog.get_logger().msg(f"{kind.name}\x1b", kind=kind, phase="verify")
    drawn = {"STARTED", "WAITING", "PHASE_DONE", "EVAL_STARTED", "EVAL_OUTPUT", "EVAL_ENDED"}
    drawn |= {"ENROLLED", "ALREADY_ENROLLED", "FAILED", "STOPPED"}
    said = {line.split(": ")[-1].removesuffix("\\x1b") for line in lines}
    assert said == {kind.name for kind in Event} - drawn
    assert "mast-agent: warning: verify: RECORD_PROBLEM\\x1b" in lines
