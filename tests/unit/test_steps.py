"""What is drawn of an enrollment at work, as text: at each of its steps, on any terminal."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.report.published import STATES, Error, Published
from mast_agent.show import layout
from mast_agent.show.layout import Style
from mast_agent.show.steps import ORDER, Moment, Steps

NOW = dt.datetime(2026, 11, 28, 12, 0, tzinfo=dt.UTC)
ID = "5f0c8c1e-6d0b-4e0f-9a57-0c1b7a4d2e10"
REFUSED = Error(
    cause="refused",
    message="nothing listens at 127.0.0.1:5432 (connection refused)",
    remedy="Start PostgreSQL: systemctl start postgresql@17-main",
    code=69,
)
PENDING = Error(
    cause="migrations-pending",
    message="4 of 22 migrations are applied",
    remedy="Wait until Mast has run them",
    code=75,
)
TERMINAL = Style(width=80)
LIKEWISE = {"migrations": {"applied": 22, "total": 22}}


def _then(seconds: float) -> str:
    return (NOW + dt.timedelta(seconds=seconds)).isoformat()


def published(state: str, phase: str, message: str = "", **special: Any) -> Published:
    """What a run publishes in a state."""
    plain = {"since": _then(0), "attempts": 1, "message": message}
    return Published(state=state, phase=phase, **{**plain, **special})


def drawn(*story: tuple[float, Published, str], at: float, how: Style = TERMINAL) -> str:
    """What is shown `at` seconds after the begin, when those have been published."""
    steps = Steps(0.0)
    for seconds, document, advice in story:
        now = NOW.timestamp() + seconds
        steps.see(Moment(published=document, advice=advice, at=seconds, now=now))
    return layout.text(steps.pieces(at, "*"), how)


def test_before_anything() -> None:
    """Nothing is reached."""
    assert drawn(at=0.0).splitlines() == [
        "  · release     not reached",
        "  · database    not reached",
        "  · migrations  not reached",
        "  · enroll      not reached",
        "  · verify      not reached",
    ]


WAITS = (
    (0.2, published("running", "database", "asking 127.0.0.1:5432"), ""),
    (
        0.3,
        published(
            "waiting", "database", REFUSED.message, error=REFUSED, attempts=3,
            next_retry_at=_then(7.2), gives_up_at=_then(300),
        ),
        REFUSED.remedy,
    ),
)  # fmt: skip


def test_a_wait() -> None:
    """What it waits for, what to do, when it tries again, and when it gives up."""
    assert (
        drawn(*WAITS, at=3.0)
        == """\
  ✓ release     done
  * database    waiting for 3 s, attempt 3, next try in 4 s
  · migrations  not reached
  · enroll      not reached
  · verify      not reached

    cause       nothing listens at 127.0.0.1:5432 (connection refused)
    remedy      Start PostgreSQL
      $ systemctl start postgresql@17-main

  It gives up in 4 min. Ctrl+C ends it."""
    )


def test_a_wait_on_a_narrow_terminal() -> None:
    """What does not fit goes on below, and the last try is now."""
    assert (
        drawn(*WAITS, at=7.0, how=Style(width=40, utf8=False))
        == """\
  + release     done
  * database    waiting for 7 s, attempt
                3, next try now
  . migrations  not reached
  . enroll      not reached
  . verify      not reached

    cause       nothing listens at
                127.0.0.1:5432
                (connection refused)
    remedy      Start PostgreSQL
      $ systemctl start
        postgresql@17-main

  It gives up in 4 min. Ctrl+C ends it."""
    )


def test_migrations() -> None:
    """How many are applied."""
    count = {"applied": 4, "total": 22}
    waits = published(
        "waiting", "migrations", PENDING.message, error=PENDING, migrations=count,
        next_retry_at=_then(2.2),
    )  # fmt: skip
    shown = drawn(*WAITS, (60.0, waits, PENDING.remedy), at=60.5)
    assert "  ✓ database    done, 60 s\n" in shown
    assert "  * migrations  4 of 22 applied, waiting, next try now\n" in shown
    assert shown.endswith("\n    remedy      Wait until Mast has run them\n")


def _enrolled(*before: tuple[float, Published, str]) -> str:
    row = {"id": ID, "name": "web1"}
    end = published("enrolled", "verify", "server 'web1'", server=row, **LIKEWISE)
    return drawn(*before, (9.0, end, ""), at=9.1)


def test_enrolled() -> None:
    """Each phase is done; how long one took is said where it took a while."""
    evaluated = published("running", "enroll", "running it", **LIKEWISE)
    verified = published("running", "verify", "asking the database", **LIKEWISE)
    assert (
        _enrolled(*WAITS, (4.0, evaluated, ""), (8.5, verified, ""))
        == """\
  ✓ release     done
  ✓ database    done, 4 s
  ✓ migrations  22 of 22 applied
  ✓ enroll      done, 4 s
  ✓ verify      confirmed by the database"""
    )


def test_already_enrolled() -> None:
    """There was nothing to do."""
    assert "  ✓ enroll      done before\n" in _enrolled(WAITS[0])


def test_eval() -> None:
    """What runs, and for how long it has."""
    shown = drawn((4.0, published("running", "enroll", "running it", **LIKEWISE), ""), at=6.0)
    assert "  * enroll      running it, 2 s\n" in shown


@pytest.mark.parametrize(
    ("attempts", "at", "said"),
    [(1, 0.5, "failed"), (1, 30.4, "failed, 30 s"), (5, 30.4, "failed after 5 attempts, 30 s")],
)
def test_failed(attempts: int, at: float, said: str) -> None:
    """Where, why, what to do, and the words that a search needs."""
    end = published("failed", "database", REFUSED.message, error=REFUSED, attempts=attempts)
    assert (
        drawn(WAITS[0], (at, end, REFUSED.remedy), at=at)
        == f"""\
  ✓ release     done
  ✗ database    {said}
  · migrations  not reached
  · enroll      not reached
  · verify      not reached

    cause       nothing listens at 127.0.0.1:5432 (connection refused)
    remedy      Start PostgreSQL
      $ systemctl start postgresql@17-main

  [refused, exit 69]"""
    )


def test_stopped() -> None:
    """By a signal: where it was, and no cause."""
    error = dataclasses.replace(REFUSED, message="of before")
    end = published("stopped", "database", "stopped by SIGINT", error=error)
    assert (
        drawn(*WAITS, (1.0, end, ""), at=1.1)
        == """\
  ✓ release     done
  ! database    stopped by SIGINT
  · migrations  not reached
  · enroll      not reached
  · verify      not reached"""
    )


_ERRORS = st.builds(
    Error, cause=st.text(), message=st.text(), remedy=st.text(), code=st.integers(0, 255)
)
_COUNTS = st.fixed_dictionaries({"applied": st.integers(0, 99), "total": st.integers(0, 99)})
_TIMES = st.none() | st.just(_then(3)) | st.text()
_PUBLISHED = st.builds(
    published,
    st.sampled_from(STATES),
    st.sampled_from(ORDER),
    st.text(max_size=200),
    attempts=st.integers(0, 10**6),
    error=st.none() | _ERRORS,
    migrations=st.none() | _COUNTS,
    next_retry_at=_TIMES,
    gives_up_at=_TIMES,
)


@given(
    story=st.lists(st.tuples(st.floats(0, 1e6), _PUBLISHED, st.text(max_size=200)), max_size=6),
    width=st.integers(40, 200),
    utf8=st.booleans(),
)
def test_anything(*, story: list[tuple[float, Published, str]], width: int, utf8: bool) -> None:
    """Whatever is published, in whatever order: a row for each phase, and no line too wide."""
    lines = drawn(*story, at=1e6, how=Style(width=width, utf8=utf8)).splitlines()
    assert [line[4:16].strip() for line in lines if line[4:16].strip() in ORDER][:5] == [*ORDER]
    assert max(map(layout.cells, lines)) <= width
    assert utf8 or "".join(lines).isascii()
