"""Revokes Mast's access, and fails rather than claim that a login is closed that is not.

Every key that sshd would find here is removed, whoever installed it. Then sshd is asked where else
it looks for keys.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.access import access, authorized_keys, revocation, sshd_config
from mast_agent.access.revocation import ALLOW, REVOKE
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import storage
from mast_agent.report import record
from mast_agent.report.events import Event

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mast_agent.config.settings import Settings
    from mast_agent.report.login_report import LoginReport
    from mast_agent.text.redact import Redactor

_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Granted:
    """What was done, to be said, and what came of trying the login where it was."""

    kind: Event
    said: str
    tried: LoginReport | None = None


def grant(
    config: Settings, failure: Failure | None, redactor: Redactor, *, by_hand: bool
) -> Granted:
    """Let Mast in, unless that was revoked and nobody asks for it by hand.

    `failure` is why the settings could not be read, if so. Raises Failure as `admission.install`
    does.
    """
    from mast_agent.access import admission  # noqa: PLC0415 - it runs programs, which `reset` does not

    directory = config.access_directory
    if not by_hand and (mark := revocation.find(directory)):
        return Granted(kind=Event.ACCESS_REVOKED, said=f"nothing to do: access was {mark}")
    if failure is not None:
        raise failure
    if by_hand:
        revocation.allow(directory)
    installed = admission.install(config)
    tried = admission.examine(config, installed, redactor)
    if mark := revocation.find(directory):
        # In the meantime, and perhaps before the key was written.
        close(directory, config.state_directory)
        return Granted(kind=Event.ACCESS_REVOKED, said=f"not left open: access was {mark}")
    return Granted(kind=Event.ACCESS_GRANTED, said=str(installed), tried=tried)


def revoke(config: Settings) -> tuple[Event, str]:
    """Take away every key, see to it that none comes back, and tell what was done.

    Raises Failure: 77 for what may not be removed or marked, 78 where sshd would still find a key
    or something that is no directory stands in the directory's place.
    """
    from mast_agent.access import admission  # noqa: PLC0415 - as above

    directory = config.access_directory
    gone, _ = authorized_keys.remove(directory)
    unmarked = revocation.leave(directory)
    # A trial that is under way would write back what it has read.
    admission.await_trial(directory)
    # After the mark: a unit that has not seen it may have put a key back in between.
    gone += close(directory, config.state_directory, _user(config))
    if unmarked is not None:
        raise unmarked
    return Event.ACCESS_REVOKED, _revoked(gone)


def close(
    directory: Path, state_directory: Path, user: str = access.DEFAULT_USER, again: str = REVOKE
) -> list[Path]:
    """Take away every key and return the files that are gone; `again` is the command to repeat.

    Raises Failure: 77 for what may not be removed, 78 where sshd would still find a key.
    """
    gone, stayed = authorized_keys.remove(directory)
    if stayed:
        raise revocation.denied(stayed, again)
    for each in sorted({user, access.DEFAULT_USER}):
        if found := _still_open(each, state_directory):
            raise Failure(
                causes.ACCESS_KEY_ELSEWHERE,
                f"sshd still finds a key for the user {each} in {', '.join(map(str, found))}",
                remedy="Take the key out of that file, or the file out of AuthorizedKeysFile, "
                f"then: {again}",
            )
    return gone


def _revoked(gone: Sequence[Path]) -> str:
    stays = f"It stays so, also over restarts and boots, until: {ALLOW}"
    if not gone:
        return f"Mast may not log in: no key of its was installed. {stays}"
    return f"Mast may not log in any more: removed {', '.join(map(str, gone))}. {stays}"


def _user(config: Settings) -> str:
    try:
        return access.login(config.mast).user
    except Failure:
        return access.DEFAULT_USER


def _still_open(user: str, state_directory: Path) -> list[Path]:
    """Return the files in which sshd would still find a key of Mast's.

    The user mast-managed is there for Mast alone: any key of its is Mast's. Another account may
    have keys of its own: there it is the recorded one that counts.
    """
    public = _recorded(state_directory)
    found = []
    for path in sshd_config.key_files(user) or ():
        lines = [line.strip() for line in _read(path).splitlines()]
        keys = [line.split() for line in lines if line and not line.startswith("#")]
        if any(user == access.DEFAULT_USER or public in words for words in keys):
            found.append(path)
    return found


def _recorded(state_directory: Path) -> str | None:
    """Return the body of the key that Mast reported, None where that is not known."""
    try:
        saved = record.load(state_directory)
    except (storage.UnusableError, OSError):
        return None
    public = saved.key.public if saved is not None and saved.key is not None else None
    words = (public or "").split()
    return words[1] if len(words) > 1 else None


def _read(path: Path) -> str:
    """Return the beginning of a file as sshd would find it, links followed; "" for nothing."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)  # before fdopen(), which refuses a directory with an error of its own
        return ""
    with os.fdopen(fd, "rb") as file:
        return file.read(_MAX_BYTES).decode(errors="replace")
