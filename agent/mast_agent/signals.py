"""The signals that stop an enrollment, and the short while in which they have to wait.

While it works the event loop has them (`enrollment`). What the end writes, after the loop, is
written whole: a signal that comes in the middle of it counts after it.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def held() -> Iterator[list[int]]:
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
