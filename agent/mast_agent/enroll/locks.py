"""One enrollment at a time on this host.

The lock is the kernel's (flock(2)): it ends with the process, however that ends. Between hosts
that share a database there is the advisory lock of `database.try_lock`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shlex
import stat
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.cause import Phase
from mast_agent.failures.failure import Failure
from mast_agent.host import storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_NAME = "lock"


@contextlib.contextmanager
def host_lock(runtime_directory: Path) -> Iterator[None]:
    """Hold the lock on this host.

    Raises Failure: 75 when another mast-agent holds it or there is no room for it, 77 when the
    file may not be opened, or is none that the agent has made.
    """
    path = runtime_directory / FILE_NAME
    try:
        fd = _open(runtime_directory)
    except OSError as error:
        raise Failure(
            causes.unless_full(causes.LOCK_DENIED, error),
            f"the lock {path} cannot be opened: {error.strerror}",
            remedy=_remedy(path, runtime_directory),
            phase=Phase.ENROLL,
        ) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                causes.LOCK_HELD, "another mast-agent on this host is enrolling"
            ) from None
        yield
    finally:
        os.close(fd)


def _open(runtime_directory: Path) -> int:
    """Open the lock file, making it where there is none. Raises OSError.

    Root may do this in a directory of the service's user: what stands there is taken as it is and
    never given to anybody, since it may be another name of one of root's own files.
    """
    directory = os.open(runtime_directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            # Private: whoever can open it can hold it.
            fd = os.open(FILE_NAME, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=directory)
        except FileExistsError:
            fd = os.open(FILE_NAME, flags, dir_fd=directory)
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                os.close(fd)
                raise OSError(errno.EINVAL, "not a file of the agent's") from None
            return fd
        with contextlib.suppress(OSError):
            storage.give_to_owner(fd, directory)
        return fd
    finally:
        os.close(directory)


def _remedy(path: Path, runtime_directory: Path) -> str | None:
    """Return what to do about a lock file that is in the way of the directory's owner."""
    try:
        found, owner = path.lstat(), runtime_directory.stat().st_uid
    except OSError:
        return None
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == owner:
        return None
    return f"While no mast-agent runs, remove it: {shlex.join(['rm', '-rf', str(path)])}"
