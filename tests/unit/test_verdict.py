"""The verdict of `mast-agent status`: a table of facts, each with its state, code and words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host.units import SETUP_FAILURES
from mast_agent.status.facts import Facts
from mast_agent.status.judge import judge
from mast_agent.status.verdict import State
from unit import builders
from unit.builders import error, published, record, server, unit

_DEAD = {"pid": 0}


NOW = 1767323045.0 + 2 * 3600
"""Two hours after what the builders' statuses and records say of the time."""
_MAST_UP = unit("active", name="mast.service", sub_state="running")


def facts(**special: Any) -> Facts:
    """Make the facts of a host on which nothing is known, and everything may be read."""
    last = special.get("published")
    plain = {
        "published": None,
        "published_readable": True,
        "record": None,
        "record_readable": True,
        "agent_unit": None,
        "looked": False,
        "server": None,
        "failure": Failure(causes.REFUSED, "nothing listens", remedy="Start PostgreSQL"),
        "now": NOW,
        "alive": last is not None and last.is_alive(),
    }
    if special.get("looked"):
        plain["failure"] = None
    return Facts(**{**plain, **special})


def _failed(code: int, **special: Any) -> Any:
    return published("failed", error=error(code=code), **{**_DEAD, **special})


def _this(state: str, **special: Any) -> Any:
    """Make what the invocation "a" of the unit has published."""
    return published(state, invocation=A, server={"id": "id", "name": "web1"}, **_DEAD, **special)


A, B = "a" * 32, "b" * 32
_ASKED = "confirmed by the database when it was last asked, 2 h ago"
_QUEUED = {"job": True, "wanted_by": ("mast.service",)}

TABLE = [
    # The database has been asked: it decides what it can.
    pytest.param(
        {"looked": True, "server": server()}, "enrolled", "by the database", id="confirmed"
    ),
    pytest.param(
        {"looked": True, "server": server(), "published": _failed(78)},
        "enrolled", "confirmed", id="confirmed-despite-a-failed-run",
    ),
    pytest.param(
        {"looked": True, "server": server(), "agent_unit": unit("failed", exit_status=226)},
        "enrolled", "confirmed", id="confirmed-despite-a-failed-unit",
    ),
    pytest.param(
        {"looked": True, "server": server(), "agent_unit": unit("activating", **_QUEUED)},
        "enrolled", "confirmed", id="confirmed-while-the-agent-looks-again",
    ),
    pytest.param(
        {"looked": True, "record": record()}, "stale", "no longer has it", id="stale-by-record"
    ),
    pytest.param(
        {"looked": True, "published": published("enrolled", **_DEAD)},
        "stale", "no longer has it", id="stale-by-last-run",
    ),
    pytest.param(
        {"looked": True, "record": record(), "agent_unit": unit("active")},
        "stale", "no longer has it", id="stale-despite-an-active-unit",
    ),
    pytest.param({"looked": True}, "pending", "never run", id="not-there-and-never-run"),
    pytest.param(
        {"looked": True, "record_readable": False, "published_readable": False},
        "pending", "never run", id="not-there-is-not-unknown",
    ),
    pytest.param(
        {"looked": True, "agent_unit": unit("active")}, "stale", "no longer has it",
        id="stale-by-unit",
    ),
    # A live run, then its final failure, come before the missing row.
    pytest.param(
        {"looked": True, "record": record(), "published": published("waiting", error=error())},
        "pending", "waiting in", id="enrolling-again",
    ),
    pytest.param(
        {"looked": True, "record": record(), "published": published("running"),
         "agent_unit": unit("activating", **_QUEUED)},
        "pending", "running in", id="enrolling-again-by-the-unit",
    ),
    pytest.param(
        {"looked": True, "record": record(), "published": _failed(70)},
        "failed", "exit 70", id="enrolling-again-has-failed",
    ),
    pytest.param(
        {"looked": True, "record": record(), "published_readable": False,
         "agent_unit": unit("failed", exit_status=70, status_text="failed: no row")},
        "failed", "no row (exit 70", id="enrolling-again-has-failed-by-the-unit",
    ),
    pytest.param(
        {"looked": True, "record": record(), "published": _failed(75, invocation=A),
         "agent_unit": unit("activating", sub_state="auto-restart", invocation=A, **_QUEUED)},
        "pending", "exit 75", id="enrolling-again-is-to-be-repeated",
    ),
    pytest.param(
        {"looked": True, "record": record(), "published": _failed(75)},
        "stale", "no longer has it", id="enrolling-again-by-hand-and-in-vain",
    ),
    # The last run, in each of its states.
    pytest.param({"published": published("running")}, "pending", "running in", id="running"),
    pytest.param(
        {"published": published("waiting", error=error())}, "pending", "waiting in", id="waiting"
    ),
    pytest.param(
        {"published": published("waiting", error=error()), "looked": True}, "pending",
        "waiting in", id="waiting-and-not-there-yet",
    ),
    pytest.param(
        {"published": published("waiting", error=error(), **_DEAD)}, "pending", "interrupted",
        id="interrupted-while-waiting",
    ),
    pytest.param(
        {"published": published("running", **_DEAD)}, "pending", "interrupted",
        id="interrupted-while-running",
    ),
    pytest.param(
        {"published": published("running", invocation=A, **_DEAD),
         "agent_unit": unit("failed", exit_status=9, invocation=A, status_text="database: x")},
        "failed", "database: x (exit 9", id="interrupted-for-good",
    ),
    pytest.param(
        {"published": published("stopped", message="stopped by SIGTERM", **_DEAD)}, "pending",
        "stopped by SIGTERM", id="stopped",
    ),
    pytest.param(
        {"published": _this("enrolled")}, "enrolled", f"server 'web1' (id), {_ASKED}",
        id="enrolled-and-the-database-not-asked",
    ),
    pytest.param(
        {"published": published("enrolled", **_DEAD), "record": record()}, "enrolled", _ASKED,
        id="enrolled-by-last-run-and-record",
    ),
    pytest.param(
        {"published": published("enrolled", **_DEAD), "now": NOW - 86400}, "enrolled",
        "last asked, at 2026-01-02T03:04:05+00:00", id="enrolled-and-the-clock-set-back",
    ),
    *(
        pytest.param({"published": _failed(code)}, "failed", f"exit {code}", id=f"failed-{code}")
        for code in (2, 70, 77, 78)
    ),
    *(
        pytest.param({"published": _failed(code)}, "pending", f"exit {code}", id=f"failed-{code}")
        for code in (1, 69, 75)
    ),
    pytest.param(
        {"published": _failed(69, invocation=A),
         "agent_unit": unit("activating", sub_state="auto-restart", invocation=A, **_QUEUED)},
        "pending", "exit 69", id="transient-to-be-retried",
    ),
    pytest.param(
        {"published": _failed(69, invocation=A),
         "agent_unit": unit("failed", exit_status=69, invocation=A)},
        "failed", "exit 69", id="transient-given-up-by-systemd",
    ),
    pytest.param(
        {"published": _failed(78), "looked": True}, "failed", "exit 78", id="failed-and-not-there"
    ),
    # What belongs to another invocation than the present one.
    pytest.param(
        {"published": _this("enrolled"), "record": record(),
         "agent_unit": unit("activating", sub_state="start", invocation=B, **_QUEUED)},
        "pending", "is being started", id="restarted-and-not-heard-of-yet",
    ),
    pytest.param(
        {"published": _this("enrolled"), "record": record(),
         "agent_unit": unit("active", invocation=A, **_QUEUED)},
        "pending", "about to be started", id="restart-queued",
    ),
    pytest.param(
        {"published": _this("enrolled"),
         "agent_unit": unit("inactive", invocation=A, **_QUEUED)},
        "pending", "about to be started", id="start-queued",
    ),
    pytest.param(
        {"published": published("enrolled", **_DEAD),
         "agent_unit": unit("inactive", **_QUEUED)},
        "pending", "about to be started", id="start-queued-after-a-run-by-hand",
    ),
    pytest.param(
        {"published": _this("enrolled"),
         "agent_unit": unit("activating", sub_state="start", invocation=B,
                            status_text="waiting: database: x", **_QUEUED)},
        "pending", "start: waiting: database: x", id="restarted-and-waiting",
    ),
    pytest.param(
        {"published": _failed(78, invocation=A),
         "agent_unit": unit("activating", sub_state="start", invocation=B, **_QUEUED)},
        "pending", "is being started", id="restarted-after-a-failure",
    ),
    pytest.param(
        {"published": _this("enrolled"),
         "agent_unit": unit("failed", invocation=B, changed_at=NOW, exit_status=78)},
        "failed", "exit 78", id="failed-and-nothing-published",
    ),
    pytest.param(
        {"published": _failed(78, invocation=A),
         "agent_unit": unit("active", invocation=B, changed_at=NOW - 60)},
        "enrolled", "last asked, 1 min ago", id="active-and-nothing-published",
    ),
    pytest.param(
        {"published": _this("enrolled"), "record": record(), "mast_unit": _MAST_UP,
         "agent_unit": unit("inactive", wanted_by=("mast.service",))},
        "pending", "never run since the boot; was enrolled on", id="not-run-and-kept-from-before",
    ),
    pytest.param(
        {"record": record(), "mast_unit": _MAST_UP,
         "agent_unit": unit("inactive", wanted_by=("mast.service",))},
        "pending", "never run since the boot; was enrolled on", id="not-run-and-wanted",
    ),
    pytest.param(
        {"record": record(), "agent_unit": unit("inactive", **_QUEUED)},
        "pending", "about to be started; was enrolled on", id="booting",
    ),
    pytest.param(
        {"record": record(), "agent_unit": unit("inactive", **_QUEUED), "looked": True},
        "pending", "the database no longer has it", id="booting-and-the-row-gone",
    ),
    # A run by hand.
    pytest.param(
        {"published": published("enrolled", **_DEAD), "mast_unit": _MAST_UP,
         "agent_unit": unit("inactive", wanted_by=("mast.service",))},
        "enrolled", _ASKED, id="by-hand-before-the-unit",
    ),
    pytest.param(
        {"published": published("enrolled", **_DEAD),
         "agent_unit": unit("failed", exit_status=78, changed_at=NOW - 8000, invocation=A)},
        "enrolled", _ASKED, id="by-hand-after-the-unit",
    ),
    pytest.param(
        {"published": published("enrolled", **_DEAD),
         "agent_unit": unit("failed", exit_status=78, changed_at=NOW - 60, invocation=A)},
        "failed", "exit 78", id="by-hand-and-later-the-unit",
    ),
    pytest.param(
        {"published": published("enrolled", **_DEAD),
         "agent_unit": unit("inactive", load_state="not-found")},
        "enrolled", _ASKED, id="by-hand-without-a-unit",
    ),
    pytest.param(
        {"published": published("enrolled", updated_at="soon", **_DEAD),
         "agent_unit": unit("active", invocation=A, changed_at=NOW - 5)},
        "enrolled", "last asked, 5 s ago", id="by-hand-at-no-time",
    ),
    # Without the bus, the link that systemd keeps for journald.
    pytest.param(
        {"published": _this("enrolled"), "link": A}, "enrolled", _ASKED, id="no-bus-same-run"
    ),
    pytest.param(
        {"published": _this("enrolled"), "link": B}, "pending", "another run",
        id="no-bus-other-run",
    ),
    pytest.param(
        {"published": _this("enrolled"), "link": ""}, "unknown", "nothing here tells",
        id="no-bus-no-run",
    ),
    pytest.param(
        {"published": _this("enrolled"), "link": "", "record": record()}, "unknown",
        "not confirmed since the boot", id="no-bus-no-run-but-a-record",
    ),
    pytest.param(
        {"published": published("enrolled", **_DEAD), "link": ""}, "enrolled", _ASKED,
        id="no-bus-by-hand",
    ),
    # A process that may not be seen.
    pytest.param(
        {"published": published("waiting", invocation=A), "alive": None,
         "agent_unit": unit("activating", main_pid=builders.PID, invocation=A, **_QUEUED)},
        "pending", "waiting in the phase database: what it said last", id="hidden-and-alive",
    ),
    pytest.param(
        {"published": published("waiting", invocation=A), "alive": None,
         "agent_unit": unit("inactive", invocation=A)},
        "pending", "interrupted", id="hidden-and-gone",
    ),
    pytest.param(
        {"published": published("running"), "alive": None}, "pending",
        "its process is hidden: whether it still runs cannot be told", id="hidden",
    ),
    pytest.param(
        {"published": published("running"), "alive": None, "looked": True, "record": record()},
        "pending", "cannot be told", id="hidden-and-the-row-gone",
    ),
    pytest.param(
        {"published": published("running"), "alive": None,
         "agent_unit": unit("active", invocation=B, changed_at=NOW)},
        "enrolled", "last asked, 0 s ago", id="hidden-and-outdated",
    ),
    # What only systemd knows.
    *(
        pytest.param(
            {"agent_unit": unit("failed", exit_status=code)}, "failed", f"{code}/{name}",
            id=f"setup-{name}",
        )
        for code, (name, _) in SETUP_FAILURES.items()
    ),
    pytest.param(
        {"agent_unit": unit("failed", exit_status=226), "published": _failed(69)}, "failed",
        "226/NAMESPACE", id="setup-failure-over-an-earlier-run",
    ),
    pytest.param(
        {"agent_unit": unit("activating", sub_state="auto-restart", exit_status=243)}, "pending",
        "243/CREDENTIALS", id="setup-failure-to-be-retried",
    ),
    pytest.param(
        {"agent_unit": unit("active", exit_status=226)}, "enrolled", "systemd",
        id="setup-failure-that-is-over",
    ),
    *(
        pytest.param(
            {
                "agent_unit": unit("active", status_text=text, changed_at=NOW - 7200),
                "record_readable": False, "published_readable": False,
            },
            "enrolled", f"server 'web1' (id), {_ASKED}", id=name,
        )
        for name, text in {
            "active-record-unreadable":
                "enrolled: server 'web1' (id), confirmed by the database at 2026-01-02",
            "active-again": "already enrolled: server 'web1' (id), confirmed by the database",
        }.items()
    ),
    pytest.param(
        {"agent_unit": unit("failed", exit_status=78, status_text="failed: no URL")}, "failed",
        "failed: no URL (exit 78, CONFIG)", id="unit-failed",
    ),
    pytest.param(
        {"agent_unit": unit("failed", exit_status=69), "record_readable": False}, "failed",
        "exit 69, UNAVAILABLE", id="unit-given-up",
    ),
    pytest.param(
        {"agent_unit": unit("activating", sub_state="start", status_text="waiting: x")}, "pending",
        "start: waiting: x", id="unit-activating",
    ),
    pytest.param(
        {"agent_unit": unit("deactivating", sub_state="stop-sigterm")}, "pending", "stop-sigterm",
        id="unit-deactivating",
    ),
    pytest.param({"agent_unit": unit("inactive")}, "pending", "never run", id="unit-inactive"),
    pytest.param(
        {"agent_unit": unit("inactive", invocation=A)}, "pending", "not running",
        id="unit-stopped",
    ),
    # The record, when nothing nearer is known.
    pytest.param(
        {"record": record()}, "unknown",
        "was enrolled on 2026-01-02T03:04:05+00:00 as server 'web1'", id="record-alone",
    ),
    pytest.param(
        {"record": record(), "agent_unit": unit("inactive")}, "unknown",
        "not confirmed since the boot", id="record-and-inactive-unit",
    ),
    pytest.param(
        {"record": record(), "agent_unit": unit("inactive", load_state="not-found")}, "unknown",
        "not confirmed since the boot", id="record-and-no-unit",
    ),
    # A record of another machine says nothing of this one.
    pytest.param(
        {"record": record(), "foreign": True, "looked": True}, "pending", "never run",
        id="foreign-and-not-there",
    ),
    pytest.param(
        {"record": record(), "foreign": True, "looked": True, "agent_unit": unit("inactive")},
        "pending", "never run", id="foreign-and-not-run",
    ),
    pytest.param(
        {"record": record(), "foreign": True}, "unknown", "nothing here tells", id="foreign"
    ),
    pytest.param(
        {"record": record(), "foreign": True, "agent_unit": unit("inactive", **_QUEUED)},
        "pending", "about to be started", id="foreign-and-booting",
    ),
    pytest.param({}, "pending", "never run", id="nothing-at-all"),
    pytest.param(
        {"agent_unit": unit("inactive", load_state="not-found")}, "pending", "never run",
        id="no-unit-installed",
    ),
    pytest.param({"record_readable": False}, "unknown", "may read", id="record-unreadable"),
    pytest.param({"published_readable": False}, "unknown", "may read", id="status-unreadable"),
    pytest.param(
        {"record_readable": False, "agent_unit": unit("inactive")}, "unknown", "may read",
        id="record-unreadable-unit-inactive",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("known", "word", "summary"), TABLE)
def test_verdict(known: dict[str, Any], word: str, summary: str) -> None:
    """Each combination of facts has its verdict, and the sentence that says why."""
    verdict = judge(facts(**known))
    assert summary in verdict.summary
    assert verdict.state.word == word


def test_every_state_is_in_the_table() -> None:
    """The table above reaches every state that there is; one is for whoever asks for more."""
    reached = {judge(facts(**row.values[0])).state for row in TABLE}  # type: ignore[arg-type]
    assert reached == set(State) - {State.UNREACHED}


def test_codes() -> None:
    """The exit codes are those of the interface."""
    assert {(state.word, state.code) for state in State} == {
        ("enrolled", 0),
        ("failed", 1),
        ("pending", 3),
        ("unknown", 4),
        ("stale", 5),
        ("enrolled", 6),
    }


@pytest.mark.parametrize(
    ("known", "remedy"),
    [
        ({"published": _failed(78)}, "Start PostgreSQL"),
        (
            {"published": _failed(78, invocation=A), "agent_unit": unit("failed", invocation=A)},
            "Start PostgreSQL; then: systemctl restart --no-block mast-agent",
        ),
        ({"published": published("waiting", error=error())}, "Start PostgreSQL"),
        ({"published": published("running", **_DEAD)}, "systemctl start --no-block mast-agent"),
        ({"published": published("stopped", **_DEAD)}, "systemctl start --no-block mast-agent"),
        ({"looked": True, "record": record()}, "systemctl restart --no-block mast-agent"),
        ({"agent_unit": unit("failed", exit_status=226)}, "lxc.md"),
        ({"agent_unit": unit("failed", exit_status=243)}, "LoadCredential="),
        ({"agent_unit": unit("failed", exit_status=69)}, "journalctl"),
        ({"record_readable": False}, "as root"),
        ({"record": record()}, "Start PostgreSQL"),
        ({"record": record(), "failure": None}, "as root"),
        ({}, "systemctl start --no-block mast-agent"),
    ],
)
def test_remedies(known: dict[str, Any], remedy: str) -> None:
    """Whatever is not well says what to do."""
    assert remedy in judge(facts(**known)).remedy


@pytest.mark.parametrize("state", ["enrolled", "running"])
def test_nothing_to_do(state: str) -> None:
    """What is well, or under way, asks for nothing."""
    assert judge(facts(published=published(state))).remedy == ""


_PUBLISHED = st.sampled_from(
    [
        None,
        *map(published, ("running", "waiting", "enrolled", "stopped", "failed")),
        *map(_this, ("running", "enrolled", "stopped")),
        *map(_failed, (69, 78)),
        _failed(78, invocation=A),
    ]
)
_UNITS = st.sampled_from(
    [
        None,
        *(
            unit(state, invocation=invocation, job=job)
            for state in ("active", "inactive", "activating", "failed", "maintenance")
            for invocation in (A, B, "")
            for job in (True, False)
        ),
        unit("failed", exit_status=226),
        unit("inactive", load_state="not-found"),
    ]
)


@given(
    published_=_PUBLISHED,
    record_=st.sampled_from([None, record()]),
    unit_=_UNITS,
    looked=st.booleans(),
    there=st.booleans(),
    readable=st.tuples(st.booleans(), st.booleans()),
)
def test_the_database_is_believed(
    *, published_: Any, record_: Any, unit_: Any, looked: bool, there: bool,
    readable: tuple[bool, bool],
) -> None:  # fmt: skip
    """Whatever else is known: a database that was asked alone decides on enrolled."""
    verdict = judge(
        facts(
            published=published_,
            record=record_,
            agent_unit=unit_,
            looked=looked,
            server=builders.server() if looked and there else None,
            record_readable=readable[0] or record_ is not None,
            published_readable=readable[1] or published_ is not None,
        )
    )
    assert verdict.summary
    if looked:
        assert (verdict.state is State.ENROLLED) is there
        assert verdict.state is not State.UNKNOWN


@given(
    published_=_PUBLISHED,
    record_=st.sampled_from([None, record()]),
    unit_=_UNITS,
    link=st.sampled_from([None, "", A, B]),
    alive=st.sampled_from([True, False, None]),
    foreign=st.booleans(),
)
def test_nothing_goes_on_too_early(
    *, published_: Any, record_: Any, unit_: Any, link: Any, alive: Any, foreign: bool
) -> None:
    """While a run is due or under way, only the database can say enrolled; the record never."""
    known = facts(
        published=published_, record=record_, agent_unit=unit_, link=link, alive=alive,
        foreign=foreign and record_ is not None,
    )  # fmt: skip
    verdict = judge(known)
    if unit_ is not None and (unit_.job or unit_.active_state == "activating"):
        assert verdict.state in (State.PENDING, State.FAILED)
    if verdict.state is State.ENROLLED:
        assert (published_ is not None and published_.state == "enrolled") or (
            unit_ is not None and unit_.active_state == "active"
        )
        assert "when it was last asked" in verdict.summary
