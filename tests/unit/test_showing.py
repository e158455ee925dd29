"""How a status comes out: once, while it is waited for, and at each change."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from mast_agent.config import settings
from mast_agent.config.settings import Options
from mast_agent.failures.failure import Stopped
from mast_agent.show import showing
from mast_agent.status import status
from mast_agent.status.judge import judge
from unit.builders import error, published, server, unit
from unit.test_render import _status as plain_status
from unit.test_screen import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mast_agent.status.status import Status

_REFUSED = error()
_MIGRATIONS = error(cause="migrations-pending", message="3 of 22 migrations are applied", code=75)


def _seen(**special: Any) -> Status:
    made = plain_status(now=NOW, agent_unit=unit("activating", sub_state="start"), **special)
    return status.Status(**{**vars(made), "verdict": judge(made.facts)})


def _waiting(**special: Any) -> Status:
    return _seen(
        published=published("waiting", message=special["error"].message, **special), alive=True
    )


_FOLLOWED = [
    _waiting(error=_REFUSED, attempts=1),
    _waiting(error=_REFUSED, attempts=2, next_retry_at="2026-01-02T03:06:17+00:00"),
    _waiting(error=_MIGRATIONS, phase="migrations", migrations={"applied": 3, "total": 22}),
    _waiting(error=_MIGRATIONS, phase="migrations", migrations={"applied": 4, "total": 22}),
    _seen(looked=True, server=server()),
]  # fmt: skip


class _Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nothing between two looks."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setenv("COLUMNS", "80")


def _run(monkeypatch: pytest.MonkeyPatch, seen: list[Status], **options: Any) -> int:
    """Show what is seen one after another, the last one for ever."""
    looks: Iterator[Status] = iter(seen)
    monkeypatch.setattr(status, "collect", lambda *_, **__: next(looks, seen[-1]))
    config = settings.salvage(Options(timeout=options.pop("timeout", 300.0)), {})
    chosen = {"as_json": False, "wait": False, "watch": False, "managed": False, **options}
    return showing.run(config, None, {"TERM": "xterm"}, **chosen)


def test_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without waiting there is one look, whatever it shows."""
    assert _run(monkeypatch, _FOLLOWED) == 3
    assert capsys.readouterr().out.startswith("not enrolled yet: waiting for the database\n")


@pytest.mark.parametrize("as_json", [False, True])
def test_wait_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    as_json: bool,  # noqa: FBT001 - a fact
) -> None:
    """In a pipe a wait shows its end and nothing else, also when its time is over."""
    assert _run(monkeypatch, _FOLLOWED, wait=True, as_json=as_json) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    assert (json.loads(shown.out)["verdict"] if as_json else shown.out[:9]) in (
        "enrolled",
        "enrolled:",
    )
    assert _run(monkeypatch, _FOLLOWED[:1], wait=True, timeout=0.01) == 3
    assert capsys.readouterr().err == ""


def test_watch_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a pipe each change is shown once; another attempt at the same is none."""
    assert _run(monkeypatch, _FOLLOWED, watch=True) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    firsts = [line for line in shown.out.splitlines() if line.startswith(("not", "enr"))]
    assert firsts == [
        "not enrolled yet: waiting for the database",
        "not enrolled yet: waiting for the migrations",
        "not enrolled yet: waiting for the migrations",
        "enrolled: server 'web1', confirmed by the database",
    ]
    assert "\x1b" not in shown.out


def test_watch_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON each change is a document on a line of its own."""
    assert _run(monkeypatch, _FOLLOWED, watch=True, as_json=True) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["phase"] for each in found] == ["database", "migrations", "migrations", None]
    assert found[-1]["code"] == 0


def test_watch_that_ends_undecided(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What has not changed is not shown again at the end."""
    assert _run(monkeypatch, _FOLLOWED[:1], watch=True, timeout=0.01) == 3
    assert capsys.readouterr().out.count("not enrolled yet") == 1


def test_watch_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal each status takes the place of the one before."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert _run(monkeypatch, _FOLLOWED, watch=True) == 0
    begin, *screens = terminal.getvalue().split("\x1b[H\x1b[2J\x1b[3J")
    assert begin == ""
    assert len(screens) == len(_FOLLOWED)
    assert "✓ enrolled: server 'web1'" in screens[-1]


def test_wait_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal there are signs of life on stderr; stdout has the status alone."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert _run(monkeypatch, _FOLLOWED, wait=True) == 0
    drawn = terminal.getvalue()
    assert "waiting for the database, 0 s of 5 min" in drawn
    assert "waiting for the migrations" in drawn
    assert drawn.endswith("\x1b[?25h\n")  # the cursor is there again
    assert all(len(line) <= 80 + len("\x1b[?25l") for line in drawn.split("\r"))
    assert "\x1b" not in capsys.readouterr().out


def test_wait_on_a_terminal_says_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks on is told that it has ended because of the time, and what gives it more."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert _run(monkeypatch, _FOLLOWED[:1], wait=True, timeout=0.01) == 3
    assert terminal.getvalue().endswith(
        "mast-agent: not decided within 0 s; --timeout gives it longer\n"
    )


def test_decided_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn of what is decided at the first look."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert _run(monkeypatch, _FOLLOWED[-1:], wait=True) == 0
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_ended_while_something_is_drawn(
    monkeypatch: pytest.MonkeyPatch, signum: signal.Signals
) -> None:
    """A signal that ends it leaves the terminal as it was, and is what it is to be ended by."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(time, "sleep", lambda _: os.kill(os.getpid(), signum))
    before = signal.getsignal(signum)
    with pytest.raises(Stopped) as caught:
        _run(monkeypatch, _FOLLOWED[:1], wait=True)
    assert caught.value.signum == signum
    assert terminal.getvalue().endswith("\x1b[?25h\n")
    assert signal.getsignal(signum) == before
