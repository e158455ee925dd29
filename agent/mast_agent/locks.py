"""One enrollment at a time on this host.

The lock is the kernel's (flock(2)): it ends with the process, however that ends. Between hosts
that share a database there is the advisory lock of `database.try_lock`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from mast_agent import causes, storage
from mast_agent.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME = "lock"


@contextlib.contextmanager
def host_lock(runtime_directory: Path) -> Iterator[None]:
    """Hold the lock on this host.

    Raises Failure: 75 when another mast-agent holds it, 77 when the file may not be opened.
    """
    path = runtime_directory / FILE_NAME
    try:
        # Private: whoever can open it can hold it.
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failure(
            causes.LOCK_DENIED, f"the lock {path} cannot be opened: {error.strerror}"
        ) from error
    try:
        with contextlib.suppress(OSError):
            directory = os.open(runtime_directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                storage.give_to_owner(fd, directory)
            finally:
                os.close(directory)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                causes.LOCK_HELD, "another mast-agent on this host is enrolling"
            ) from None
        yield
    finally:
        os.close(fd)
