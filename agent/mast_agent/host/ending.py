"""Ends the process: with a code, or by a signal as if it had never been caught."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End with `code`, whatever becomes of the output that is still to be written.

    Without taking the interpreter apart: that is a tenth of what a short command takes, has a code
    of its own for output that nobody takes (120), and waits for what a thread still does.
    """
    _flush()
    os._exit(code)


def die_by(signum: int) -> NoReturn:
    """End as if there had been no handler, so that a shell and systemd see the signal."""
    _flush()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    raise SystemExit(128 + signum)  # not reached unless the signal is blocked


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            if stream is not None:  # closed before the start
                stream.flush()
