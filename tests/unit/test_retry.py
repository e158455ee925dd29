"""How often it is tried again: by cause, under one deadline, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import random
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from mast_agent.enroll import retry
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.host import deadline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mast_agent.failures.cause import Cause


class Clock:
    """A monotonic clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 5000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return the seconds since some time."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Give the modules under test a clock that the test moves."""
    clock = Clock()
    random.seed(20260101)  # a test that fails has to fail again
    monkeypatch.setattr(deadline, "time", clock)
    monkeypatch.setattr(retry, "time", clock)
    monkeypatch.setattr(retry, "asyncio", SimpleNamespace(sleep=clock.sleep))
    return clock


class Run:
    """One run of `Retry` over attempts that take no time: what came of it, and when."""

    def __init__(self, clock: Clock, seconds: float, attempt: Callable[[int], str]) -> None:
        self.began = clock.now
        self.attempts: list[float] = []
        self.announced: list[tuple[str, int, float]] = []
        self.failure: Failure | None = None
        self.result = ""
        self._clock = clock
        self._attempt = attempt
        loop = retry.Retry(deadline.Deadline(seconds), self._announce)
        try:
            self.result = asyncio.run(self._run(loop))
        except Failure as failure:
            self.failure = failure
        self.took = clock.now - self.began

    async def _run(self, loop: retry.Retry) -> str:
        async def attempt() -> str:
            self.attempts.append(self._clock.now - self.began)
            return self._attempt(len(self.attempts))

        return await loop(attempt)

    def _announce(self, failure: Failure, attempt: int, seconds: float) -> None:
        self.announced.append((failure.cause.slug, attempt, seconds))


def _always(cause: Cause) -> Callable[[int], str]:
    def attempt(number: int) -> str:
        raise Failure(cause, f"attempt {number}")

    return attempt


def _ends_as(cause: Cause) -> Callable[[int], str]:
    """Fail with `cause` once, and then for want of a database until it is believed."""

    def attempt(number: int) -> str:
        raise Failure(cause if number > 3 else causes.REFUSED, f"attempt {number}")

    return attempt


def test_success_at_once(clock: Clock) -> None:
    """An attempt that succeeds is the only one."""
    run = Run(clock, 60, lambda number: f"result {number}")
    assert run.result == "result 1"
    assert clock.slept == []


@pytest.mark.parametrize(
    "cause",
    [causes.SCHEMA_AHEAD, causes.CONNECT_DENIED, causes.BOOTSTRAP_MISSING, causes.NOT_ENROLLED],
    ids=lambda cause: cause.slug,
)
def test_hopeless(clock: Clock, cause: Cause) -> None:
    """A cause that waiting cannot help is given up at once, also after another one's waits."""
    run = Run(clock, 60, _always(cause))
    assert len(run.attempts) == 1
    assert clock.slept == []
    later = Run(clock, 60, _ends_as(cause))
    assert len(later.attempts) == 4
    assert later.failure is not None
    assert later.failure.cause is cause


def test_transient_until_the_deadline(clock: Clock) -> None:
    """A transient cause is retried until the deadline is near, and never slept past."""
    run = Run(clock, 60, _always(causes.REFUSED))
    assert run.failure is not None
    assert run.failure.code == Code.UNAVAILABLE
    assert 58 <= run.took <= 60
    assert len(run.attempts) > 20
    assert max(clock.slept) <= 3.5
    assert len(run.announced) == len(clock.slept) == len(run.attempts) - 1


def test_last_failure_is_raised(clock: Clock) -> None:
    """What is raised is the failure of the last attempt itself, not a wrapper of the retries."""
    run = Run(clock, 20, _always(causes.REFUSED))
    assert run.failure is not None
    assert run.failure.message == f"attempt {len(run.attempts)}"


@pytest.mark.parametrize("seconds", [0.05, 0.9, 1.0, 1.5, 7.0, 31.0])
@pytest.mark.parametrize(
    "cause",
    [causes.REFUSED, causes.TOO_MANY_CONNECTIONS, causes.WRONG_PASSWORD],
    ids=lambda cause: cause.slug,
)
def test_never_past_the_deadline(clock: Clock, seconds: float, cause: Cause) -> None:
    """However short the time is, it is tried once, and the sleeping ends before the deadline."""
    run = Run(clock, seconds, _always(cause))
    assert run.attempts
    assert run.took <= seconds
    assert all(slept >= 0 for slept in clock.slept)


def test_slow_attempts_count(clock: Clock) -> None:
    """The time that the attempts themselves take is part of the deadline."""

    def attempt(number: int) -> str:
        clock.now += 5
        raise Failure(causes.TIMED_OUT, f"attempt {number}")

    run = Run(clock, 30, attempt)
    assert len(run.attempts) <= 6
    assert run.took <= 30 + 5


def test_last_try_that_is_cut_short(clock: Clock) -> None:
    """What was seen before counts for more than that the deadline ended the last try."""

    def attempt(number: int) -> str:
        if number == 1 and seen:
            raise Failure(seen[0], "seen")
        clock.now += 60
        raise Failure(causes.TIMED_OUT, "no answer", cut_short=True)

    for seen in ([], [causes.LOCK_HELD], [causes.REFUSED]):
        run = Run(clock, 60, attempt)
        assert run.failure is not None
        assert run.failure.cause is (seen[0] if seen else causes.TIMED_OUT)
        assert len(run.attempts) == len(seen) + 1


def test_crowded_is_asked_seldom(clock: Clock) -> None:
    """A server without connections left is asked far less often than one that is down."""
    crowded = [Run(clock, 120, _always(causes.TOO_MANY_CONNECTIONS)) for _ in range(20)]
    down = [Run(clock, 120, _always(causes.REFUSED)) for _ in range(20)]
    for run in crowded:
        assert run.failure is not None
        assert run.failure.code == Code.TEMPFAIL
    # Jitter makes single runs differ by a multiple; it is the mean that matters to a server.
    assert 4 * sum(len(run.attempts) for run in crowded) < sum(len(run.attempts) for run in down)


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        (causes.WRONG_PASSWORD, Code.CONFIG),
        (causes.ROLE_MISSING, Code.CONFIG),
        (causes.DATABASE_MISSING, Code.CONFIG),
        (causes.NOT_POSTGRESQL, Code.CONFIG),
        (causes.TLS_FAILED, Code.CONFIG),
    ],
    ids=lambda value: getattr(value, "slug", None),
)
def test_grace(clock: Clock, cause: Cause, code: Code) -> None:
    """What looks permanent is believed after 30 s and a handful of attempts, not before."""
    run = Run(clock, 300, _always(cause))
    assert run.failure is not None
    assert run.failure.code == code
    assert 30 <= run.took < 31
    assert 3 <= len(run.attempts) <= 6


@pytest.mark.parametrize("cause", [causes.NOT_POSTGRESQL, causes.TLS_FAILED])
def test_grace_cut_short(clock: Clock, cause: Cause) -> None:
    """When the time is over before the grace is, the cause is not yet believed: 69."""
    run = Run(clock, 20, _always(cause))
    assert run.failure is not None
    assert run.failure.code == Code.UNAVAILABLE


def test_grace_that_is_rewarded(clock: Clock) -> None:
    """A role or database that comes into being within the grace is found."""

    def attempt(number: int) -> str:
        if clock.now - 5000 < 12:
            raise Failure(causes.DATABASE_MISSING, f"attempt {number}")
        return "there"

    run = Run(clock, 300, attempt)
    assert run.result == "there"
    assert run.took < 30


def test_grace_begins_with_its_cause(clock: Clock) -> None:
    """The grace of a cause is not used up by another one that came before."""

    def attempt(number: int) -> str:
        early = clock.now - 5000 < 60
        raise Failure(causes.REFUSED if early else causes.ROLE_MISSING, f"attempt {number}")

    run = Run(clock, 300, attempt)
    assert run.failure is not None
    assert run.failure.cause is causes.ROLE_MISSING
    assert 90 <= run.took < 95


def test_waits_start_small_for_each_cause(clock: Clock) -> None:
    """A new cause is looked at again soon, however long the one before has lasted."""

    def attempt(number: int) -> str:
        cause = causes.STARTING if number > 40 else causes.REFUSED
        raise Failure(cause, f"attempt {number}")

    run = Run(clock, 300, attempt)
    first_of_new = next(seconds for slug, _, seconds in run.announced if slug == "starting")
    assert first_of_new <= 0.2


@pytest.mark.parametrize(
    "cause", [causes.EVAL_FAILED, causes.EVAL_HUNG, causes.EVAL_KILLED], ids=lambda c: c.slug
)
def test_evals_are_bounded(clock: Clock, cause: Cause) -> None:
    """An eval that goes on failing is left to the next run after five of them."""
    run = Run(clock, 3600, _always(cause))
    assert len(run.attempts) == retry.EVAL_ATTEMPTS == 5
    assert run.failure is not None
    assert run.failure.code == Code.TEMPFAIL


def test_evals_are_bounded_across_causes(clock: Clock) -> None:
    """Evals count together, however they failed and whatever failed in between."""
    kinds = [causes.EVAL_FAILED, causes.REFUSED, causes.EVAL_HUNG, causes.EVAL_KILLED]

    def attempt(number: int) -> str:
        raise Failure(kinds[number % len(kinds)], f"attempt {number}")

    run = Run(clock, 3600, attempt)
    assert sum(slug.startswith("eval-") for slug, _, _ in run.announced) == 4
    assert run.failure is not None
    assert run.failure.cause.slug.startswith("eval-")


def test_bugs_are_not_retried(clock: Clock) -> None:
    """An exception that is no Failure comes through at once."""

    def attempt(number: int) -> str:
        raise ZeroDivisionError(number)

    with pytest.raises(ZeroDivisionError):
        Run(clock, 60, attempt)
    assert clock.slept == []


def test_full_jitter(clock: Clock) -> None:
    """Agents that fail together spread evenly from zero to the greatest wait."""
    random.seed(7)
    waits: list[float] = []
    for _ in range(120):
        run = Run(clock, 20, _always(causes.REFUSED))
        waits += [seconds for _, attempt, seconds in run.announced if attempt == 8]
    assert len(waits) == 120
    for third in range(3):  # of 0 to 3 seconds
        assert 25 < sum(third <= seconds < third + 1 for seconds in waits) < 55


def test_announcements(clock: Clock) -> None:
    """Each wait is announced before it, with the attempt's number and its length."""

    def attempt(number: int) -> str:
        if number < 4:
            raise Failure(causes.REFUSED, f"attempt {number}")
        return "done"

    run = Run(clock, 60, attempt)
    assert [number for _, number, _ in run.announced] == [1, 2, 3]
    assert [seconds for _, _, seconds in run.announced] == clock.slept


class Rings:
    """What ends each wait after `seconds`, for one cause; without a clock of its own."""

    def __init__(self, clock: Clock, cause: Cause, seconds: float) -> None:
        self._clock = clock
        self._cause = cause
        self._seconds = seconds

    def watches(self, failure: Failure) -> bool:
        """Tell whether it is that cause."""
        return failure.cause is self._cause

    async def ring(self, failure: Failure) -> None:
        """Let the time pass."""
        assert self.watches(failure)
        self._clock.now += self._seconds


def test_a_wait_that_is_watched(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends when it rings, and may be long; one that nobody watches is as long as ever."""
    monkeypatch.setattr(retry, "asyncio", SimpleNamespace(sleep=clock.sleep, timeout=_no_timeout))
    rings = Rings(clock, causes.REFUSED, 0.01)
    announced: list[float] = []

    async def run(cause: Cause) -> int:
        count = 0

        async def attempt() -> str:
            nonlocal count
            count += 1
            if count == 40:
                return "there"
            raise Failure(cause, "not yet")

        loop = retry.Retry(
            deadline.Deadline(300), lambda _, __, seconds: announced.append(seconds), rings
        )
        begin = clock.now
        assert await loop(attempt) == "there"
        assert (clock.now - begin < 15) == (cause is causes.REFUSED)
        return count

    asyncio.run(run(causes.REFUSED))
    assert max(announced) > 3.5
    announced.clear()
    asyncio.run(run(causes.STARTING))
    assert max(announced) <= 3.5


@contextlib.asynccontextmanager
async def _no_timeout(_seconds: float) -> AsyncIterator[None]:
    yield
