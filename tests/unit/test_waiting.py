"""When a wait for a status is over, and what is said then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mast_agent.config.settings import Settings
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host.deadline import Deadline
from mast_agent.status import status, waiting
from mast_agent.status.facts import Facts
from mast_agent.status.status import Status
from mast_agent.status.verdict import State, Verdict
from unit import builders

if TYPE_CHECKING:
    from mast_agent.failures.cause import Cause


def _seen(state: State, *, cause: Cause | None = None) -> Status:
    """Return what a look saw: the database said so, or did not answer because of `cause`."""
    facts = Facts(
        published=None,
        published_readable=True,
        record=None,
        record_readable=True,
        foreign=False,
        agent_unit=None,
        mast_unit=None,
        alive=False,
        looked=cause is None,
        server=None,
        failure=Failure(cause, "no answer") if cause is not None else None,
        now=0.0,
    )
    return Status(
        verdict=Verdict(state=state, summary="", remedy=""),
        facts=facts,
        settings_failure=None,
        release=None,
        release_failure=None,
        migrations=None,
        access_unit=None,
        record_state="absent",
        access=builders.access(),
        access_wanted=False,
    )


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Wait `seconds`, while what is seen is one after the other."""

    def run(seconds: float, *seen: Status) -> Status:
        looks = iter(seen)
        monkeypatch.setattr(status, "collect", lambda *_, **__: next(looks))
        nowhere = Path("/nonexistent")
        config = Settings(
            mast_bin=None,
            timeout=seconds,
            state_directory=nowhere,
            runtime_directory=nowhere,
            access_directory=nowhere,
            login_directory=nowhere,
            access=False,
            mast={},
        )
        return waiting.wait(config, None, Deadline(seconds))

    return run


@pytest.mark.parametrize("cause", [causes.TIMED_OUT, causes.STALLED])
def test_a_last_look_that_was_cut_short_says_nothing(wait: Any, cause: Cause) -> None:
    """What the database said a second before stands: it was given no time to say it again."""
    before = _seen(State.PENDING)
    assert wait(1.5, before, _seen(State.UNKNOWN, cause=cause)) is before


def test_a_database_that_falls_silent_is_unknown(wait: Any) -> None:
    """Where it was given its time, no answer is one."""
    last = _seen(State.UNKNOWN, cause=causes.TIMED_OUT)
    assert wait(60, _seen(State.PENDING), last) is last


def test_a_database_that_refuses_has_answered(wait: Any) -> None:
    """However little time was left."""
    last = _seen(State.UNKNOWN, cause=causes.REFUSED)
    assert wait(1.5, _seen(State.PENDING), last) is last


def test_what_is_final_ends_the_wait(wait: Any) -> None:
    """At once, with what was seen."""
    last = _seen(State.ENROLLED)
    assert wait(60, last) is last
