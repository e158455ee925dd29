"""The mark that somebody has revoked Mast's access by hand, so that it stays revoked.

It lies beside the key. The unit respects it at each start, across restarts and boots, until
somebody asks for access by hand. `closing` removes the key itself.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.access import authorized_keys
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import storage
from mast_agent.report import record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REVOKE = "sudo mast-agent access --revoke"
ALLOW = "sudo mast-agent access"

_DATE = re.compile(r"[0-9T:.+Z-]{10,40}", re.ASCII)
#: What to do first, where root too may not remove a file.
_PROTECTED = {
    errno.EPERM: "Take the file's protection away (chattr -i)",
    errno.EROFS: "Make the file system writable (mount -o remount,rw)",
    errno.EBUSY: "Unmount what is mounted there (findmnt)",
}


@dataclass(frozen=True, kw_only=True)
class Revocation:
    """That access was revoked here; `at` is when (ISO 8601), None where the mark is damaged."""

    at: str | None

    def __str__(self) -> str:
        """Say it, with the way back."""
        when = f" on {self.at}" if self.at else ""
        return f"revoked{when}; to allow it again: {ALLOW}"


def find(directory: Path) -> Revocation | None:
    """Return the mark that `revoke` left in `directory`, None when there is none.

    One that cannot be understood counts: a door stays closed. Raises Failure (77).
    """
    path = directory / authorized_keys.MARK
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise denied([(path, error)], ALLOW) from error
    at = None
    with contextlib.suppress(storage.UnusableError, OSError):
        at = (storage.read(path) or {}).get("revoked_at")
    return Revocation(at=at if isinstance(at, str) and _DATE.fullmatch(at) else None)


def seen(directory: Path) -> Revocation | None:
    """Return what `find` does, and None where this user may not look."""
    with contextlib.suppress(Failure):
        return find(directory)
    return None


def leave(directory: Path) -> Failure | None:
    """Leave the mark; return why not, which has to keep no key from being taken away."""
    try:
        # A mark that is there keeps its date.
        if find(directory) is None:
            authorized_keys.make(directory)
            document = {"version": 1, "revoked_at": record.now()}
            path = directory / authorized_keys.MARK
            storage.write(path, document, mode=0o644, durable=True)
    except authorized_keys.ForeignPathError as error:
        aside = shlex.join(["mv", "-T", str(error.path), f"{error.path}.foreign"])
        remedy = f"See who put it there, and move it away: {aside}; then: {REVOKE}"
        return Failure(causes.ACCESS_PATH_FOREIGN, str(error), remedy=remedy)
    except OSError as error:
        return denied([(directory, error)], REVOKE)
    except Failure as unreadable:
        return unreadable
    return None


def allow(directory: Path) -> None:
    """Take the mark away, since somebody asks for access. Raises Failure (77)."""
    path = directory / authorized_keys.MARK
    try:
        path.unlink()
        storage.sync_directory(directory)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise denied([(path, error)], ALLOW) from error


def denied(stayed: Sequence[tuple[Path, OSError]], again: str) -> Failure:
    """Return the failure (77) for what may not be changed; `again` is the command to repeat."""
    first = stayed[0][1]
    if os.geteuid() != 0:
        remedy = f"Run it as root: {again}"
    else:
        remedy = f"{_PROTECTED.get(first.errno or 0, 'Remove it by hand')}, then: {again}"
    said = "; ".join(f"{path} cannot be changed: {error.strerror}" for path, error in stayed)
    return Failure(causes.ACCESS_DENIED, said, remedy=remedy)
