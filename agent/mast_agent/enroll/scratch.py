"""The eval's own directory: its RELEASE_TMP, HOME and working directory.

It is in the runtime directory and belongs to this user alone. Anything else in its place is moved
away and never entered: whoever owns it would decide what the BEAM finds in its home.
"""

from __future__ import annotations

import os
import secrets
import shlex
import stat
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.cause import Phase
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = "eval"
_MODE = 0o700


def make(runtime_directory: Path, problem: Callable[[str], None]) -> Path:
    """Return the directory, made where there is none; `problem` is told what was in the way.

    Raises Failure: 75 when there is no room for it, 77 when it cannot be made otherwise, and where
    root would have to make it in a directory that another user may change.
    """
    path = runtime_directory / NAME
    try:
        _require_safe(runtime_directory)
        try:
            path.mkdir(mode=_MODE)
        except FileExistsError:
            found = path.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid():
                if stat.S_IMODE(found.st_mode) != _MODE:
                    path.chmod(_MODE)
                return path
            problem(f"{path} is not a directory of this user's: {_clear(path)}")
            path.mkdir(mode=_MODE)
    except OSError as error:
        raise Failure(
            causes.unless_full(causes.RUNTIME_DENIED, error),
            f"{path} cannot be made: {error.strerror}",
            remedy=_remedy(path),
            phase=Phase.ENROLL,
        ) from error
    return path


def _remedy(path: Path) -> str | None:
    """Return what to do about something that is in the way and cannot be moved."""
    if not os.path.lexists(path):
        return None
    if path.is_mount():
        return f"Unmount what is there: {shlex.join(['umount', str(path)])}"
    return f"Remove it: {shlex.join(['rm', '-rf', str(path)])}"


def _require_safe(runtime_directory: Path) -> None:
    """Raise Failure where root would run Mast in a place that another user can exchange."""
    found = runtime_directory.stat()
    if os.geteuid() == 0 and (found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise Failure(
            causes.RUNTIME_DENIED,
            f"{runtime_directory} may be changed by another user than root, who runs this",
            remedy="Run it as the service's user (--user NAME), or set RUNTIME_DIRECTORY",
            phase=Phase.ENROLL,
        )


def _clear(path: Path) -> str:
    """Take away what is at `path`, or else move it aside; tell which. Raises OSError."""
    try:
        path.rmdir()
    except OSError:
        aside = path.with_name(f"{path.name}.unusable.{secrets.token_hex(4)}")
        path.rename(aside)
        return f"moved to {aside}"
    return "removed"
