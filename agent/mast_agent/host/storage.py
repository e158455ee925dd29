"""Small files that are whole or absent, and JSON in them that is never trusted.

Written to a temporary name, synced, renamed, and the directory synced: rename(2) and fsync(2).
Read without following a link, without waiting for a FIFO, and within a size.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 65536
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")


class UnusableError(Exception):
    """There is something at that path which is not a document of ours."""


def open_regular(path: Path) -> int | None:
    """Return a descriptor of the regular file at `path`, None when there is nothing.

    Raises UnusableError for anything else, which is neither followed nor waited for, and OSError.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.is_symlink():
            raise UnusableError("a symbolic link") from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)  # before fdopen(), which refuses a directory with an error of its own
        raise UnusableError("not a regular file")
    return fd


def read(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in `path`, None when there is no such file.

    Raises UnusableError when it is not a small regular file with a JSON object in it, and
    OSError when it cannot be read.
    """
    fd = open_regular(path)
    if fd is None:
        return None
    with os.fdopen(fd, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnusableError(f"larger than {MAX_BYTES} bytes")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnusableError("not JSON") from error
    if not isinstance(document, dict):
        raise UnusableError("not a JSON object")
    return document


def write(path: Path, document: dict[str, Any], *, mode: int, durable: bool) -> None:
    """Replace the file at `path` by `document`. Raises OSError; see `replace`."""
    content = json.dumps(document, indent=1, ensure_ascii=True).encode() + b"\n"
    replace(path, content, mode=mode, durable=durable)


def replace(path: Path, content: bytes, *, mode: int, durable: bool) -> None:
    """Replace the file at `path` by `content`, as a whole or not at all.

    `durable` waits until the disk has it. A file written by root belongs to the owner of its
    directory, so that a run by hand does not lock the unit's user out. Raises OSError.

    The names are those in the one directory that was opened: whoever may write above it cannot
    move the end of the work elsewhere.
    """
    # Not secrets.token_hex(), which would load OpenSSL for those who only read.
    temporary = f".{path.name}.{os.urandom(4).hex()}"
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(temporary, flags, 0o600, dir_fd=directory)
        try:
            with os.fdopen(fd, "wb") as file:
                give_to_owner(fd, directory)
                os.fchmod(fd, mode)
                file.write(content)
                file.flush()
                if durable:
                    os.fsync(fd)
            os.rename(temporary, path.name, src_dir_fd=directory, dst_dir_fd=directory)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=directory)
            raise
        if durable:
            os.fsync(directory)
    finally:
        os.close(directory)


def is_temporary(path: Path) -> bool:
    """Tell whether it is a file that `replace` had no time to finish."""
    return _TEMPORARY.fullmatch(path.name) is not None


def sync_directory(path: Path) -> None:
    """Wait until the disk has the names in a directory: fsync(2). Raises OSError."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def give_to_owner(fd: int, directory: int) -> None:
    """Let a file that root has just created in `directory` belong to the directory's owner.

    Only a file that this process created itself, exclusively (O_EXCL), may be given: what already
    stands in a directory that another user may write can be a hard link to a file of root's.
    """
    if os.geteuid() != 0:
        return
    owner, present = os.fstat(directory), os.fstat(fd)
    # Not for nothing: a unit's filter on system calls may deny it.
    if (owner.st_uid, owner.st_gid) == (present.st_uid, present.st_gid):
        return
    if not stat.S_ISREG(present.st_mode) or present.st_nlink > 1 or present.st_uid != 0:
        raise PermissionError(errno.EPERM, "not a file that has just been made")
    os.fchown(fd, owner.st_uid, owner.st_gid)


def make_for(path: Path, uid: int, gid: int, *, mode: int) -> None:
    """As root, make the directory `path` if there is none, and let it be the user's.

    One of root's is handed over only where nothing is in it; any other is left as it is, and
    whether the user can do with it is for the user to find out. Raises OSError.
    """
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        path.mkdir(mode=0o700)
        flags |= os.O_NOFOLLOW  # what has been put there since is not what was made
    except FileExistsError:
        pass  # a link in a directory of root's is somebody's intention: /var/lib/private
    directory = os.open(path, flags)
    try:
        if os.fstat(directory).st_uid == 0 and not os.listdir(directory):  # noqa: PTH208 - it is a descriptor
            os.fchown(directory, uid, gid)
            os.fchmod(directory, mode)
    finally:
        os.close(directory)


def set_aside(path: Path) -> Path | None:
    """Move what is at `path` out of the way, and return where to; None if that failed."""
    aside = path.with_name(f"{path.name}.unusable")
    try:
        path.rename(aside)
    except OSError:
        return None
    return aside
