"""Makes sure that nothing of a trial login is left, whatever ends it.

A separate process, the guardian, waits for the end of the process that tries the login. If that is
killed, the guardian removes the key. If both are killed, for example by the service manager, the
unit's ExecStopPost= removes it, or else the next run. The key expires soon in any case.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import time
from typing import TYPE_CHECKING, NoReturn

from mast_agent.access import authorized_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PREFIX = "trial-"
"""What the private directories of trials begin with."""
_DONE = b"."
_POLL_SECONDS = 0.1


@contextlib.contextmanager
def alone(directory: Path, *, seconds: float) -> Iterator[bool]:
    """Hold the directory of keys for one run at a time; yield whether that could be had in time.

    The lock is the kernel's, on the directory itself: it ends with the last process that has it.
    """
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + seconds
        while not (held := _try_lock(fd)) and time.monotonic() < end:
            time.sleep(_POLL_SECONDS)
        yield held
    finally:
        os.close(fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def guarded(directory: Path, scratch: Path) -> Iterator[None]:
    """Have somebody clean up behind the block, even if this process is killed in it."""
    reading, writing = os.pipe()
    guardian = os.fork()
    if guardian == 0:
        _guard(reading, writing, directory, scratch)
    os.close(reading)
    try:
        yield
    finally:
        os.write(writing, _DONE)
        os.close(writing)
        os.waitpid(guardian, 0)


def _guard(reading: int, writing: int, directory: Path, scratch: Path) -> NoReturn:
    """Wait for the end of the parent, and clean up unless it says that it has."""
    try:
        os.setsid()
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        os.close(writing)
        if os.read(reading, 1) != _DONE:
            tidy(directory, scratch)
    finally:
        os._exit(0)


def tidy(directory: Path, scratch: Path) -> bool:
    """Take away what trials have left, and tell whether there was anything. Raises OSError."""
    found = authorized_keys.remove_trials(directory)
    for private in scratch.glob(f"{PREFIX}*"):
        shutil.rmtree(private, ignore_errors=True)
        found = True
    return found
