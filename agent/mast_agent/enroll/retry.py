"""How often to try again: tenacity, under one deadline, with full jitter.

Each cause has a retry policy (`cause.RetryPolicy`); this module turns it into waits. The sleep ends
early on a signal, since it is the event loop's.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    wait_exponential,
    wait_random,
    wait_random_exponential,
)

from mast_agent.failures.cause import RetryPolicy
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mast_agent.host.deadline import Deadline

GRACE_SECONDS = 30.0
"""How long an error that looks permanent may be a database that is still being set up."""
EVAL_ATTEMPTS = 5
"""How many evals may fail before this run leaves it to the next."""

LAST_TRY_SECONDS = 1.0
"""What is left of the deadline for the last attempt."""
_WATCHED_SECONDS = 30
"""How long a wait may be that something else would end."""
_WORTH_SECONDS = 0.3
"""How long it has to be for that to be worth the trouble."""
# Full jitter (random between zero and the exponential) spreads agents that start together; in
# grace it is the number of attempts that counts, for each is a line in the server's log.
_WAITS = {
    RetryPolicy.RETRY: wait_random_exponential(multiplier=0.2, max=3.5),
    RetryPolicy.EVALS: wait_random_exponential(multiplier=0.2, max=3),
    RetryPolicy.CROWDED: wait_random_exponential(multiplier=2, max=20),
    RetryPolicy.GRACE: wait_exponential(multiplier=3, max=12) + wait_random(0, 1),
}

_WATCHED = wait_random_exponential(multiplier=1, max=_WATCHED_SECONDS)

_T = TypeVar("_T")


class Watch(Protocol):
    """What ends a wait before its time."""

    def watches(self, failure: Failure) -> bool:
        """Tell whether it would end the wait after this failure."""

    async def ring(self, failure: Failure) -> None:
        """Return when the wait is to end."""


class Retry:
    """Repeats an attempt until it succeeds, is believed to be hopeless, or time is up."""

    def __init__(
        self,
        deadline: Deadline,
        on_wait: Callable[[Failure, int, float], None],
        watch: Watch | None = None,
    ) -> None:
        """`on_wait` is told of each failure, its attempt's number, and the seconds to wait."""
        self._deadline = deadline
        self._on_wait = on_wait
        self._watch = watch
        self._watched: Failure | None = None
        self._slug = ""
        self._repeated = 0
        self._since = 0.0
        self._evals_failed = 0
        self._telling: Failure | None = None

    async def __call__(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """Return what `attempt` returns.

        Raises its last Failure; the one before it where the last was only cut short by the
        deadline, as when there is no time left for a busy server to answer.
        """
        retrying = AsyncRetrying(
            sleep=self._sleep,
            retry=retry_if_exception(self._worth_another),
            wait=self._wait,
            stop=self._out_of_time,
            before_sleep=self._announce,
            reraise=True,
        )

        async def counted() -> _T:
            try:
                return await attempt()
            except Failure as failure:
                self._count(failure)
                raise

        try:
            return await retrying(counted)
        except Failure as failure:
            if self._is_believed(failure):
                raise failure.escalated() from None
            if failure.cut_short and self._telling is not None:
                raise self._telling from None
            raise

    async def _sleep(self, seconds: float) -> None:
        if self._watch is None or self._watched is None or seconds < _WORTH_SECONDS:
            await asyncio.sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._watch.ring(self._watched)

    def _worth_another(self, error: BaseException) -> bool:
        if not isinstance(error, Failure) or self._is_believed(error):
            return False
        retry_policy = error.cause.retry_policy
        if retry_policy is RetryPolicy.EVALS:
            return self._evals_failed < EVAL_ATTEMPTS
        return retry_policy is not RetryPolicy.NONE

    def _is_believed(self, failure: Failure) -> bool:
        """Tell whether what looked permanent has done so for as long as it is borne."""
        return failure.cause.retry_policy is RetryPolicy.GRACE and self._grace_left() <= 0

    def _count(self, failure: Failure) -> None:
        if failure.cause.slug != self._slug:
            self._slug, self._repeated, self._since = failure.cause.slug, 0, time.monotonic()
        self._repeated += 1
        if not failure.cut_short:
            self._telling = failure
        if failure.cause.retry_policy is RetryPolicy.EVALS:
            self._evals_failed += 1

    def _grace_left(self) -> float:
        return GRACE_SECONDS - (time.monotonic() - self._since)

    def _wait(self, state: RetryCallState) -> float:
        """Seconds to wait, counted from the first attempt that failed for this cause."""
        failure = _failure(state)
        watched = self._watch is not None and self._watch.watches(failure)
        self._watched = failure if watched else None
        number = state.attempt_number
        state.attempt_number = self._repeated
        try:
            seconds = (_WATCHED if watched else _WAITS[failure.cause.retry_policy])(state)
        finally:
            state.attempt_number = number
        if failure.cause.retry_policy is RetryPolicy.GRACE:
            seconds = min(seconds, max(self._grace_left(), 0) + 0.05)
        # Never sleep past the deadline, and leave enough of it for one more attempt.
        return max(0.0, min(seconds, self._deadline.remaining() - LAST_TRY_SECONDS))

    def _out_of_time(self, state: RetryCallState) -> bool:
        """Tenacity's stop_before_delay, which Debian 12's tenacity does not have yet."""
        del state
        return self._deadline.remaining() <= LAST_TRY_SECONDS

    def _announce(self, state: RetryCallState) -> None:
        seconds = state.next_action.sleep if state.next_action else 0.0
        self._on_wait(_failure(state), state.attempt_number, seconds)


def _failure(state: RetryCallState) -> Failure:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, Failure):
        raise TypeError("only a Failure is retried")
    return error
