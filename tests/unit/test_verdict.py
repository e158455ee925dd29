"""The verdict of `mast-agent status`: a table of facts, each with its state, code and words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent import causes
from mast_agent.failure import Failure
from mast_agent.units import SETUP_FAILURES
from mast_agent.verdict import Facts, State, judge, with_concerns
from unit import builders
from unit.builders import error, published, record, server, unit

_DEAD = {"pid": 0}


def facts(**special: Any) -> Facts:
    """Make the facts of a host on which nothing is known, and everything may be read."""
    plain = {
        "published": None,
        "published_readable": True,
        "record": None,
        "record_readable": True,
        "agent_unit": None,
        "looked": False,
        "server": None,
        "failure": Failure(causes.REFUSED, "nothing listens"),
    }
    if special.get("looked"):
        plain["failure"] = None
    return Facts(**{**plain, **special})


def _failed(code: int) -> Any:
    return published("failed", error=error(code=code), **_DEAD)


_TABLE = [
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
        {"published": published("stopped", message="stopped by SIGTERM", **_DEAD)}, "pending",
        "stopped by SIGTERM", id="stopped",
    ),
    pytest.param(
        {"published": published("enrolled", **_DEAD)}, "enrolled", "what it said last",
        id="enrolled-and-the-database-not-asked",
    ),
    pytest.param(
        {"published": published("enrolled", **_DEAD), "record": record()}, "enrolled",
        "what it said last", id="enrolled-by-last-run-and-record",
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
        {"published": _failed(69), "agent_unit": unit("activating", sub_state="auto-restart")},
        "pending", "exit 69", id="transient-to-be-retried",
    ),
    pytest.param(
        {"published": _failed(69), "agent_unit": unit("failed", exit_status=69)}, "failed",
        "exit 69", id="transient-given-up-by-systemd",
    ),
    pytest.param(
        {"published": _failed(78), "looked": True}, "failed", "exit 78", id="failed-and-not-there"
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
    pytest.param(
        {
            "agent_unit": unit("active", status_text="enrolled: server 'web1'"),
            "record_readable": False, "published_readable": False,
        },
        "enrolled", "according to systemd: enrolled: server 'web1'", id="active-record-unreadable",
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
    # The record, when nothing nearer is known.
    pytest.param({"record": record()}, "enrolled", "according to the record", id="record-alone"),
    pytest.param(
        {"record": record(), "agent_unit": unit("inactive")}, "enrolled",
        "according to the record", id="record-and-inactive-unit",
    ),
    pytest.param(
        {"record": record(), "agent_unit": unit("inactive", load_state="not-found")}, "enrolled",
        "according to the record", id="record-and-no-unit",
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


@pytest.mark.parametrize(("known", "word", "summary"), _TABLE)
def test_verdict(known: dict[str, Any], word: str, summary: str) -> None:
    """Each combination of facts has its verdict, and the sentence that says why."""
    verdict = judge(facts(**known))
    assert verdict.state.word == word
    assert summary in verdict.summary


def test_every_state_is_in_the_table() -> None:
    """The table above reaches every state that there is."""
    reached = {judge(facts(**row.values[0])).state for row in _TABLE}  # type: ignore[arg-type]
    assert reached == set(State)


def test_codes() -> None:
    """The exit codes are those of the interface."""
    assert {state.word: state.code for state in State} == {
        "enrolled": 0,
        "failed": 1,
        "pending": 3,
        "unknown": 4,
        "stale": 5,
    }


@pytest.mark.parametrize(
    ("known", "remedy"),
    [
        ({"published": _failed(78)}, "Start PostgreSQL"),
        ({"published": published("waiting", error=error())}, "Start PostgreSQL"),
        ({"published": published("running", **_DEAD)}, "systemctl start mast-agent"),
        ({"published": published("stopped", **_DEAD)}, "systemctl start mast-agent"),
        ({"looked": True, "record": record()}, "systemctl restart mast-agent"),
        ({"agent_unit": unit("failed", exit_status=226)}, "lxc.md"),
        ({"agent_unit": unit("failed", exit_status=243)}, "LoadCredential="),
        ({"agent_unit": unit("failed", exit_status=69)}, "journalctl"),
        ({"record_readable": False}, "as root"),
        ({}, "systemctl start mast-agent"),
    ],
)
def test_remedies(known: dict[str, Any], remedy: str) -> None:
    """Whatever is not well says what to do."""
    assert remedy in judge(facts(**known)).remedy


@pytest.mark.parametrize("state", ["enrolled", "running"])
def test_nothing_to_do(state: str) -> None:
    """What is well, or under way, asks for nothing."""
    assert judge(facts(published=published(state))).remedy == ""


@given(
    published_=st.sampled_from(
        [
            None,
            *map(published, ("running", "waiting", "enrolled", "stopped", "failed")),
            *map(_failed, (69, 78)),
        ]
    ),
    record_=st.sampled_from([None, record()]),
    unit_=st.sampled_from(
        [
            None,
            *map(unit, ("active", "inactive", "activating", "failed", "maintenance")),
            unit("failed", exit_status=226),
            unit("inactive", load_state="not-found"),
        ]
    ),
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


_SILENT = Failure(causes.SSHD_SILENT, "Mast cannot log in: nothing listens at 127.0.0.1:22")
_UNIT_FAILED = Failure(causes.ACCESS_UNIT_FAILED, "mast-agent-access.service: two keys")


def test_concerns_are_said_and_change_no_code() -> None:
    """All that goes with an enrollment stands in the first line, whose code stays 0."""
    enrolled = judge(facts(looked=True, server=server()))
    changed = with_concerns(enrolled, (_SILENT, _UNIT_FAILED))
    assert changed.state is State.ENROLLED
    assert changed.summary.endswith(f"; but {_SILENT.message}; {_UNIT_FAILED.message}")
    assert changed.remedy == causes.SSHD_SILENT.remedy
    assert with_concerns(enrolled, ()) == enrolled


def test_concerns_leave_the_verdict_s_remedy() -> None:
    """A host that is not enrolled keeps its own remedy, and is not told of logging in."""
    pending = judge(facts(looked=True))
    ahead = Failure(causes.SCHEMA_AHEAD, "something else")
    changed = with_concerns(pending, (_SILENT, ahead))
    assert changed.state is State.PENDING
    assert changed.summary == f"{pending.summary}; and something else"
    assert changed.remedy == pending.remedy
    assert with_concerns(pending, (_SILENT,)) == pending
