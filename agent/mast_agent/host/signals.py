"""The signals that stop an enrollment, and the short while in which they have to wait.

While it works the event loop has them. What the end writes, after the loop, is written whole: a
signal that comes in the middle of it counts after it.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Any, TypeVar

from mast_agent.failures.failure import Failure, Stopped

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

_T = TypeVar("_T")


async def until_stopped(work: Coroutine[Any, Any, _T]) -> _T:
    """Run `work` as a task that the first stop signal cancels; further ones change nothing.

    Raises Stopped after a signal, once the task has cleaned up, and whatever `work` raises.
    """
    import asyncio  # noqa: PLC0415 - not for those who only hold

    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    received: list[int] = []

    def stop(signum: int) -> None:
        if not received:
            received.append(signum)
            task.cancel()

    for signum in STOP_SIGNALS:
        loop.add_signal_handler(signum, stop, signum)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        raise Stopped(received[0]) from None
    except Failure:
        # The signal may have come while the failure was already on its way.
        if received:
            raise Stopped(received[0]) from None
        raise


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Have SIGTERM and SIGHUP raise Stopped, as SIGINT raises KeyboardInterrupt.

    Their default action would leave a terminal as it is: without its cursor.
    """
    signals = (signal.SIGTERM, signal.SIGHUP)
    before = {each: signal.signal(each, _stop) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _stop(signum: int, _frame: object) -> None:
    raise Stopped(signum)


@contextlib.contextmanager
def deferred() -> Iterator[list[int]]:
    """Keep stop signals from ending the process, and yield those that came.

    By handlers and not by a mask: a look-up of a name may have left a thread behind, which would
    take what is masked here.
    """
    received: list[int] = []
    before = {
        signum: signal.signal(signum, lambda number, _: received.append(number))
        for signum in STOP_SIGNALS
    }
    try:
        yield received
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
