"""Asks sshd itself which files it reads a user's keys from: sshd -T, sshd(8).

Only root is told, and only where sshd and its host keys are there. What is in the files, and what
that means, is left to `closing`.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
from pathlib import Path

_SECONDS = 5.0
_PATH = "/usr/sbin:/usr/local/sbin:/usr/bin:/run/current-system/sw/bin"
_OPTION = "authorizedkeysfile "


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
    program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":" + _PATH)
    if program is None:
        return None
    import asyncio  # noqa: PLC0415 - only where there is an sshd to ask

    from mast_agent import process  # noqa: PLC0415 - as above
    from mast_agent.execve import StartError  # noqa: PLC0415 - as above

    lines: list[str] = []
    # All that a Match can ask for: where one is missing, sshd gives no answer at all.
    criteria = f"user={user},host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22"
    try:
        ended = asyncio.run(
            process.run(
                # sshd insists on being started by its absolute path.
                [str(Path(program).absolute()), "-T", "-C", criteria],
                environment={"PATH": _PATH, "LC_ALL": "C"},
                directory=Path("/"),
                seconds=_SECONDS,
                kill_after=1.0,
                on_line=lambda line: lines.append(line.content.decode(errors="replace")),
            )
        )
    except StartError:
        return None
    if ended.code != 0:
        return None
    return [
        word for line in lines if line.startswith(_OPTION) for word in _words(line[len(_OPTION) :])
    ]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
