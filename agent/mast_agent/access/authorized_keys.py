"""The file that sshd reads for the user that Mast logs in as: authorized_keys, sshd(8).

It is one directory with one file in it, which is named after the user and belongs to whoever runs
this (root). A file in its place that is not ours is left alone when a key is installed, and is
removed when access is revoked, since the worst to leave behind then is a key that still works.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING

from mast_agent.host import storage

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Says in the same directory that no key is to be installed: no user has such a name.
MARK = ".revoked"
TRIAL_COMMENT = "mast-agent-trial"
"""Ends the line of a key that is there for a trial login alone (`trial`)."""

_MODE = 0o644
"""sshd reads it as the user; it is a public key."""
_MAX_BYTES = 4096
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class ForeignPathError(Exception):
    """Something stands at `path` that was not put there by us; the text says what."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path} {what}")
        self.path = path


def line(key: str, sources: Sequence[str]) -> str:
    """Return the content of the file for a key, as `public_key.parse` returns one.

    No forwarding of any kind, no terminal, no rc file, and from these addresses alone.
    """
    return f"{_options(sources)} {key}\n"


def trial_line(key: str, sources: Sequence[str], expires: dt.datetime) -> str:
    """Return the line for a key with the same options, which is good until `expires` (UTC)."""
    return f'{_options(sources)},expiry-time="{expires:%Y%m%d%H%M%SZ}" {key} {TRIAL_COMMENT}\n'


def _options(sources: Sequence[str]) -> str:
    return f'restrict,from="{",".join(sources)}"'


def without_trials(content: str) -> str:
    """Return the content of a file without the lines of trial logins."""
    lines = content.splitlines(keepends=True)
    return "".join(each for each in lines if not each.rstrip("\n").endswith(f" {TRIAL_COMMENT}"))


def read(directory: Path, user: str) -> str | None:
    """Return what is installed for `user`, a trial's key aside; None when nothing is.

    Raises ForeignPathError for what sshd would read and we did not write, and OSError.
    """
    path = directory / user
    try:
        fd = storage.open_regular(path)
    except storage.UnusableError as error:
        raise ForeignPathError(path, f"is {error}") from error
    if fd is None:
        return None
    with os.fdopen(fd, "rb") as file:
        return without_trials(file.read(_MAX_BYTES).decode("utf-8", "backslashreplace"))


def install(directory: Path, user: str, content: str) -> bool:
    """Make `content` all that is installed; tell whether that changed anything.

    Raises ForeignPathError, and then nothing was written; and OSError.
    """
    make(directory)
    path = directory / user
    with contextlib.suppress(FileNotFoundError):
        _require_ours(path, stat.S_IFREG, "a regular file")
    changed = read(directory, user) != content or stat.S_IMODE(path.stat().st_mode) != _MODE
    if changed:
        storage.replace(path, content.encode(), mode=_MODE, durable=True)
    # A user who is no longer the one has no business here any more.
    former, stayed = _clear(directory, keep=user)
    if stayed:
        raise stayed[0][1]
    return bool(former) or changed


def make(directory: Path) -> None:
    """Make the directory where it is missing. Raises ForeignPathError and OSError."""
    with contextlib.suppress(FileExistsError):
        directory.mkdir(parents=True)
        directory.chmod(0o755)  # whatever the umask is: sshd looks into it as the user
    _require_ours(directory, stat.S_IFDIR, "a directory")


@contextlib.contextmanager
def beside(directory: Path, user: str, trial: str) -> Iterator[None]:
    """Have the line of a trial beside what is installed for `user`, for as long as the block runs.

    Raises ForeignPathError and OSError.
    """
    path = directory / user
    content = read(directory, user) or ""
    before = path.stat()
    storage.replace(path, f"{content}{trial}".encode(), mode=_MODE, durable=False)
    try:
        yield
    finally:
        remove_trials(directory)
        # Since when Mast's own key is there: a trial does not change that.
        with contextlib.suppress(FileNotFoundError):  # revoked meanwhile
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def installed_at(directory: Path, user: str) -> float | None:
    """Return since when the present key is there, in seconds of the wall clock; None for never."""
    try:
        return (directory / user).lstat().st_mtime
    except OSError:
        return None


def remove_trials(directory: Path) -> bool:
    """Take away the lines of trials, and tell whether there were any. Raises OSError.

    So are files that were not written to their end. What is not a file of ours is left alone.
    """
    found = False
    for path in sorted(directory.iterdir()) if directory.is_dir() else []:
        try:
            _require_ours(path, stat.S_IFREG, "a regular file")
        except ForeignPathError:
            continue
        if storage.is_temporary(path):
            path.unlink()
            found = True
            continue
        content = path.read_text(encoding="utf-8", errors="surrogateescape")
        kept = without_trials(content)
        if kept != content:
            found = True
            encoded = kept.encode("utf-8", "surrogateescape")
            storage.replace(path, encoded, mode=_MODE, durable=True)
    return found


def remove(directory: Path) -> tuple[list[Path], list[tuple[Path, OSError]]]:
    """Take away everything that sshd would find, whoever put it there, and its way there.

    Returns what is gone, and what had to stay, each with the reason. A link is taken away itself,
    also in the directory's place: what it leads to is somebody else's. Never raises.
    """
    try:
        found = directory.lstat()
        if stat.S_ISLNK(found.st_mode):
            directory.unlink()
            return [directory], []
        # sshd finds nothing below a file.
        removed, stayed = _clear(directory) if stat.S_ISDIR(found.st_mode) else ([], [])
    except (FileNotFoundError, NotADirectoryError):
        return [], []
    except OSError as error:
        return [], [(directory, error)]
    # The unit that owns the directory makes it again when it needs it.
    with contextlib.suppress(OSError):
        directory.rmdir()
    return removed, stayed


def _require_ours(path: Path, file_type: int, kind: str) -> None:
    found = path.lstat()
    if stat.S_IFMT(found.st_mode) != file_type:
        raise ForeignPathError(path, f"is not {kind}")
    if found.st_uid == 0 != os.geteuid():
        # As it should be; the one who asks is not root.
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    if found.st_uid != os.geteuid():
        raise ForeignPathError(path, f"belongs to the user {found.st_uid}")
    if found.st_mode & _WRITABLE_BY_OTHERS:
        raise ForeignPathError(path, "may be written by others")
    if file_type == stat.S_IFREG and found.st_nlink > 1:
        raise ForeignPathError(path, "has other names (hard links)")


def _clear(
    directory: Path, keep: str | None = None
) -> tuple[list[Path], list[tuple[Path, OSError]]]:
    """Remove all files but `keep` and the mark, as many as can be. Raises OSError."""
    removed, stayed = [], []
    for path in sorted(directory.iterdir()):
        if path.name in (keep, MARK) or (path.is_dir() and not path.is_symlink()):
            continue
        try:
            path.unlink()
            removed.append(path)
        except OSError as error:
            stayed.append((path, error))
    if removed:
        with contextlib.suppress(OSError):
            storage.sync_directory(directory)
    return removed, stayed
