"""The account that Mast logs in as, the way sshd sees it: shell, lock, expiry, groups.

It is read as root from the files of passwd(5) and shadow(5) and through the name service. Nobody
logs in for that; `trial` does.
"""

from __future__ import annotations

import datetime as dt
import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

_SHADOW = Path("/etc/shadow")
#: What sshd on Linux takes for locked where PAM does not decide (its LOCKED_PASSWD_PREFIX).
_LOCKED = "!"
_NO_LOGIN = frozenset({"nologin", "false"})
_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Account:
    """What matters of an account to a login by key.

    `shell_problem` is "" for a shell that runs commands. `locked` and `expired` are None where
    this user may not read it.
    """

    name: str
    groups: frozenset[str]
    shell: str
    shell_problem: str
    locked: bool | None
    expired: bool | None


def look(name: str, shadow: Path = _SHADOW) -> Account:
    """Return the account. Raises KeyError where there is none."""
    entry = pwd.getpwnam(name)
    locked, expired = _shadow(name, shadow)
    return Account(
        name=name,
        groups=_groups(name, entry.pw_gid),
        shell=entry.pw_shell or "/bin/sh",
        shell_problem=_shell_problem(entry.pw_shell or "/bin/sh"),
        locked=locked,
        expired=expired,
    )


def _groups(name: str, gid: int) -> frozenset[str]:
    found = set()
    for number in os.getgrouplist(name, gid):
        try:
            found.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return frozenset(found)


def _shell_problem(shell: str) -> str:
    path = Path(shell)
    if path.name in _NO_LOGIN:
        return "lets nobody log in"
    if not path.is_file():
        return "does not exist"
    if not os.access(path, os.X_OK):
        return "cannot be executed"
    return ""


def _shadow(name: str, path: Path) -> tuple[bool | None, bool | None]:
    """Return whether the password is locked, and whether the account has expired: shadow(5)."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None, None
    for line in lines:
        fields = line.split(":")
        if fields[0] == name and len(fields) > 7:  # noqa: PLR2004 - the eighth is the expiry
            day = fields[7]
            expired = day.isdecimal() and int(day) <= (dt.datetime.now(dt.UTC).date() - _EPOCH).days
            return fields[1].startswith(_LOCKED), expired
    return None, None
