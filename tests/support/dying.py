"""Keeps what was measured of a process that ends itself by a signal, as a stopped agent does.

coverage.py saves at the end of the interpreter, at os._exit, and where SIGTERM finds no handler. A
process that takes its handler away and then sends itself the signal gets to none of them. Run by
each interpreter while `scripts/coverage` measures; it is of no consequence otherwise.
"""

from __future__ import annotations

import os
import sys


def _watch() -> None:
    kill = os.kill

    def saving(pid: int, signum: int, /) -> None:
        coverage = sys.modules.get("coverage")
        if pid == os.getpid() and coverage is not None:
            measuring = coverage.Coverage.current()
            if measuring is not None:
                measuring.save()
        kill(pid, signum)

    os.kill = saving


_watch()
