"""The screen of `mast-agent status`, as text: every state at two widths, in colour and without.

The texts are in `screens/`, one file for each state; ␛ stands for the escape character in them.
"""

from __future__ import annotations

import io
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.access.reach import Contact, Reach
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.postgres.migrations import Progress
from mast_agent.show import layout, screen
from mast_agent.show.layout import Command, Heading, Mark, Note, Row, Style
from mast_agent.status import remarks
from mast_agent.status.judge import judge
from mast_agent.status.status import Status
from unit.builders import access, error, found_release, published, record, server, unit
from unit.test_render import _status as plain_status

if TYPE_CHECKING:
    from collections.abc import Iterator

SCREENS = Path(__file__).parent / "screens"
NOW = 1767323045.0 + 120
"""Two minutes after what the builders say of the time."""
_REFUSED = error(remedy="Start PostgreSQL: systemctl start postgresql")
_FINAL = error(
    cause="release-missing",
    message="/opt/mast/bin/mast does not exist",
    remedy="Install Mast, or set MAST_BIN in /etc/mast.env to where its release lies; then: "
    "systemctl restart --no-block mast-agent",
    code=78,
)
_ALL = Progress(applied=22, total=22)
_MAST = unit("active", name="mast.service", sub_state="running", wanted_by=("multi-user.target",))
_ACCESS_UNIT = unit(
    "inactive", name="mast-agent-access.service", has_run=False, wanted_by=("mast-agent.service",)
)
_WANTED = {"wanted_by": ("mast.service",)}
_NEXT = "2026-01-02T03:06:17+00:00"
_END = "2026-01-02T03:09:05+00:00"
_AS_ROOT = Failure(
    causes.ENV_FILE_UNREADABLE,
    "/etc/mast.env cannot be read",
    remedy="Ask as root: sudo mast-agent status",
)
_KEYLESS = Failure(causes.ACCESS_KEY_ABSENT, "no key of Mast's is installed")

_STATES: dict[str, dict[str, Any]] = {
    "enrolled": {
        "looked": True, "server": server(), "record": record(), "record_state": "present",
        "agent_unit": unit("active", sub_state="exited", **_WANTED), "migrations": _ALL,
        "access": access(), "access_wanted": True,
        "contact": Contact(reach=Reach.REACHED, seconds=12.0, since_key=True),
    },
    "enrolled-for-nobody": {
        "published": published(
            "enrolled", phase="verify", pid=0, server={"id": server().id, "name": "web1"}
        ),
        "agent_unit": None, "mast_unit": None, "access_unit": None,
        "settings_failure": _AS_ROOT, "failure": _AS_ROOT, "root": False,
        "record_state": "unreadable", "record_readable": False,
    },
    "enrolled-but-locked-out": {
        "looked": True, "server": server(), "record": record(), "record_state": "present",
        "agent_unit": unit("active", sub_state="exited", **_WANTED), "migrations": _ALL,
        "access": access(key="absent", problems=(_KEYLESS,)), "access_wanted": True,
        "access_unit": unit(
            "failed", name="mast-agent-access.service", result="exit-code", exit_status=78,
            wanted_by=("mast-agent.service",),
        ),
        "concerns": (
            Failure(causes.ACCESS_KEY_ABSENT, "Mast cannot log in: no key of Mast's is installed"),
        ),
    },
    "waiting": {
        "published": published("waiting", error=_REFUSED, next_retry_at=_NEXT,
                               gives_up_at=_END, message=_REFUSED.message),
        "agent_unit": unit("activating", sub_state="start", **_WANTED), "alive": True,
        "failure": Failure(causes.REFUSED, _REFUSED.message),
    },
    "between-attempts": {
        "published": published("failed", error=_REFUSED, pid=0, invocation="a" * 32),
        "agent_unit": unit(
            "activating", sub_state="auto-restart", result="exit-code", exit_status=69, restarts=1,
            invocation="a" * 32, restart_at=NOW + 300, **_WANTED,
        ),
        "failure": Failure(causes.REFUSED, _REFUSED.message),
    },
    "running": {
        "published": published("running", phase="enroll", attempts=1, gives_up_at=_END,
                               message="running Mast.Bootstrap.self_enroll!"),
        "agent_unit": unit("activating", sub_state="start", **_WANTED), "alive": True,
        "looked": True, "migrations": _ALL,
    },
    "stopped": {
        "published": published("stopped", pid=0, message="stopped by SIGTERM",
                               invocation="a" * 32),
        "agent_unit": unit("inactive", invocation="a" * 32, **_WANTED),
        "failure": Failure(causes.REFUSED, _REFUSED.message),
    },
    "interrupted": {
        "published": published("waiting", error=_REFUSED, pid=0, message=_REFUSED.message),
        "agent_unit": unit("inactive", **_WANTED),
        "failure": Failure(causes.REFUSED, _REFUSED.message),
    },
    "setup-failure": {
        "agent_unit": unit("failed", result="exit-code", exit_status=226, **_WANTED),
        "looked": True, "migrations": _ALL,
    },
    "never-started-mast": {
        "agent_unit": unit("inactive", has_run=False, **_WANTED), "root": False,
        "mast_unit": unit("failed", name="mast.service", result="exit-code", exit_status=1),
        "settings_failure": _AS_ROOT, "failure": _AS_ROOT,
        "concerns": (
            Failure(
                causes.MAST_FAILED, "mast.service has failed (exit-code, 1)",
                remedy="See why: systemctl status --no-pager mast",
            ),
        ),
    },
    "unreached": {
        "looked": True, "server": server(), "record": record(), "record_state": "present",
        "agent_unit": unit("active", sub_state="exited", **_WANTED), "migrations": _ALL,
        "access": access(), "access_wanted": True, "managed": True,
        "contact": Contact(reach=Reach.LOST, seconds=400.0, since_key=True),
    },
    "failed": {
        "published": published("failed", phase="release", error=_FINAL, pid=0, attempts=1),
        "agent_unit": unit("failed", sub_state="failed", result="exit-code", exit_status=78),
        "release": None, "release_failure": Failure(causes.RELEASE_MISSING, _FINAL.message),
    },
    "never-run": {
        "agent_unit": unit("inactive", has_run=False), "release_failure": None,
        "failure": Failure(causes.REFUSED, _REFUSED.message),
    },
    "stale": {
        "looked": True, "record": record(), "record_state": "present", "migrations": _ALL,
        "agent_unit": unit("active", sub_state="exited", **_WANTED),
    },
    "unknown": {
        "record": record(), "record_state": "present", "agent_unit": None, "mast_unit": None,
        "access_unit": None, "failure": Failure(causes.REFUSED, _REFUSED.message),
    },
}  # fmt: skip

_STYLES = {
    "pipe": Style(),
    "80 columns": Style(width=80),
    "120 columns": Style(width=120),
    "80 columns, no UTF-8": Style(width=80, utf8=False),
    "80 columns, colour": Style(width=80, colour=True),
    "120 columns, colour": Style(width=120, colour=True),
}


def _status(name: str) -> Status:
    """Make the status, with the verdict that its facts have."""
    usual = {
        "now": NOW, "mast_unit": _MAST, "access_unit": _ACCESS_UNIT,
        "release": found_release(has_bootstrap=True),
    }  # fmt: skip
    special = {**usual, **_STATES[name]}
    managed = special.pop("managed", False)
    made = plain_status(**special)
    due = remarks.unblocked(judge(made.facts), made.release_failure or made.facts.failure)
    found = remarks.with_concerns(due, made.facts.concerns)
    if managed:
        found = remarks.managed(found, None, made.contact)
    return Status(**{**vars(made), "verdict": found})


def _shown(name: str) -> str:
    status = _status(name)
    return "".join(
        f"== {title} ==\n{screen.text(status, how)}\n\n" for title, how in _STYLES.items()
    ).replace("\x1b", "␛")


@pytest.fixture(autouse=True)
def _zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Read the screens in a zone of their own."""
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", _STATES)
def test_screen(name: str) -> None:
    """The screen of each state is the one that has been read and found good."""
    assert _shown(name) == (SCREENS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", _STATES)
def test_the_same_cause_once(name: str) -> None:
    """What keeps the host from being enrolled is said one time, at any width."""
    status = _status(name)
    last = status.facts.last_word
    if last is not None and last.error is not None:
        assert screen.text(status).count(last.error.message) == 1


@pytest.mark.parametrize("name", _STATES)
def test_no_message_twice(name: str) -> None:
    """Nor is any other cause, or what else an operator has to be told, said more than once."""
    status = _status(name)
    found = [status.facts.failure, status.release_failure, *status.access.problems]
    text = screen.text(status)
    for each in filter(None, [*found, *status.facts.concerns]):
        assert text.count(each.message) <= 1, each.message


def test_slugs_at_the_end() -> None:
    """The words for programs are on the last line and nowhere else."""
    lines = screen.text(_status("failed")).splitlines()
    assert lines[-1].strip() == "[failed, exit 1, last error's code 78; causes: release-missing]"
    assert not any("release-missing" in line for line in lines[:-1])


_TEXT = st.text(max_size=300)
_PIECE = st.one_of(
    st.builds(lambda text: Heading(mark=Mark.DONE, text=text), _TEXT),
    st.builds(lambda text: Row(label="database", text=text, mark=Mark.FAILED), _TEXT),
    st.builds(lambda text: Row(label="remedy", text=text), _TEXT),
    st.builds(lambda text: Command(text=text), _TEXT),
    st.builds(lambda text: Note(text=text), _TEXT),
)


@given(piece=_PIECE, width=st.integers(layout.NARROWEST, 200), utf8=st.booleans())
def test_nothing_is_cut(piece: Any, width: int, utf8: bool) -> None:  # noqa: FBT001 - a fact
    """No line is wider than the terminal, and none but blanks are lost."""
    wrapped = layout.text([piece], Style(width=width, utf8=utf8))
    whole = layout.text([piece], Style(width=100_000, utf8=utf8))
    assert all(layout.cells(line) <= width for line in wrapped.splitlines())
    assert re.sub(r"\s", "", wrapped) == re.sub(r"\s", "", whole)
    assert utf8 or wrapped.isascii()


@pytest.mark.parametrize(
    ("text", "columns"),
    [("web1", 4), ("服务器", 6), ("e\u0301", 1), ("\uff46", 2), ("\uff71", 1), ("⚙", 1)],
)
def test_columns(text: str, columns: int) -> None:
    """A text takes the columns that a terminal gives it."""
    assert layout.cells(text) == columns


def test_wide_text() -> None:
    """What is wide in East Asia goes on below in time, and is not torn from its accent."""
    piece = Row(label="cause", text="数据库" * 12 + " " + "e\u0301" * 60)
    lines = layout.text([piece], Style(width=40)).splitlines()
    assert max(map(layout.cells, lines)) == 40
    assert len(lines) == 6
    assert not any(line.strip().startswith("\u0301") for line in lines)


@given(piece=_PIECE, width=st.one_of(st.none(), st.integers(layout.NARROWEST, 200)))
def test_colour_is_only_colour(piece: Any, width: int | None) -> None:
    """Without colour there is no escape sequence; with it nothing else is different."""
    plain = layout.text([piece], Style(width=width))
    coloured = layout.text([piece], Style(width=width, colour=True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


class _Stream(io.TextIOWrapper):
    """A stream that is a terminal, or is not."""

    def __init__(self, encoding: str, *, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "environ", "colour"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
        (False, {"CLICOLOR_FORCE": "1"}, True),
        (False, {"CLICOLOR_FORCE": "0"}, False),
        (False, {"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour(terminal: bool, environ: dict[str, str], colour: bool) -> None:  # noqa: FBT001
    """A terminal has colour unless it is told not to; a pipe only where it is forced."""
    how = layout.style(_Stream("utf-8", terminal=terminal), environ)
    assert how.colour is colour
    assert (how.width is not None) is terminal


@pytest.mark.parametrize(
    ("encoding", "utf8"), [("utf-8", True), ("UTF8", True), ("ascii", False), ("latin-1", False)]
)
def test_encoding(encoding: str, utf8: bool) -> None:  # noqa: FBT001 - a fact
    """Only a stream whose encoding has every character gets them."""
    assert layout.style(_Stream(encoding, terminal=True), {}).utf8 is utf8


def test_closed_stream() -> None:
    """Without a stdout there is nothing to find out."""
    assert layout.style(None, {}) == Style(utf8=False)
