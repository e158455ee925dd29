"""Asks sshd itself which files it reads a user's keys from: sshd -T, sshd(8).

It answers root only, and only where sshd and its host keys are installed. `closing` decides what
the files mean.
"""

from __future__ import annotations

import pwd
import re
import shlex
from pathlib import Path

from mast_agent.access import sshd_settings
from mast_agent.host import tool

_OPTION = "authorizedkeysfile"


def key_files(user: str) -> list[Path] | None:
    """Return the files that sshd reads for `user` when Mast comes; None where it does not tell.

    Starts a process, for at most 5 seconds.
    """
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        return []  # nobody logs in as an account that is not there
    patterns = _patterns(user)
    if patterns is None:
        return None
    tokens = {"%%": "%", "%h": account.pw_dir, "%u": user, "%U": str(account.pw_uid)}
    return [
        Path(account.pw_dir) / re.sub("%.", lambda found: tokens.get(found[0], found[0]), each)
        for each in patterns
        if each != "none"
    ]


def _patterns(user: str) -> list[str] | None:
    """Return the values of AuthorizedKeysFile, tokens and all."""
    program = tool.find("sshd")
    if program is None:
        return None
    # All that a Match can ask for: where one is missing, sshd gives no answer at all.
    criteria = f"user={user},host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22"
    try:
        # By its absolute path, on which sshd insists.
        argv = [str(Path(program).absolute()), "-T", "-C", criteria]
        ended = tool.run(argv, seconds=sshd_settings.SECONDS)
    except OSError:
        return None
    if ended.code != 0:
        return None
    return [
        word for value in sshd_settings.parse(ended.out).get(_OPTION, []) for word in _words(value)
    ]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
