"""Ties a child process to this process: the kernel kills it when this one dies.

When the agent ends normally, `process` ends its child. After SIGKILL, which the kernel also sends
when memory is short, no code of the agent runs any more. In a unit systemd then ends what is left,
and outside of one the kernel does: PR_SET_PDEATHSIG, prctl(2).
"""

from __future__ import annotations

import ctypes
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def until_death() -> Callable[[], None]:
    """Return what the child has to call, as `preexec_fn` where it executes a program.

    The bond is with the thread that forks, so that has to be the main one. It outlasts execve(2),
    but not a program with set-user-ID or capabilities of its own, nor a change of the user, which
    has to come first; a kernel or a filter that knows no such call leaves the child as it would be
    without.
    """
    # Looked up here: between fork and exec only calls are made.
    prctl = ctypes.CDLL(None).prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    parent = os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call
            os.kill(os.getpid(), signal.SIGKILL)

    return bind
