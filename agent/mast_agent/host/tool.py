"""Runs one of the system's own programs to its end, and returns what it printed.

For the few that root asks about a login: sshd, ssh, ssh-keygen, journalctl. What they say is their
callers' business; that they are bounded in time and reaped is `process`'.
"""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mast_agent.host.process import Line

_SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KILL_AFTER_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a program ended: its exit code, negative for a signal, and both streams as text."""

    code: int
    out: str
    err: str


def find(name: str) -> str | None:
    """Return the path of a program; what lies in the directories of root's programs too."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{_SYSTEM}")


def run(argv: Sequence[str], *, seconds: float) -> Ended:
    """Run a program in English and in an empty environment. Raises OSError.

    One that takes longer than `seconds` is ended, and counts as ended by that signal.
    """
    import asyncio  # noqa: PLC0415 - most who import this run nothing

    from mast_agent.host import process  # noqa: PLC0415 - as above
    from mast_agent.host.execve import StartError  # noqa: PLC0415 - as above

    streams: dict[str, list[str]] = {"stdout": [], "stderr": []}

    def take(line: Line) -> None:
        streams[line.stream].append(line.content.decode("utf-8", "backslashreplace"))

    try:
        ended = asyncio.run(
            process.run(
                argv,
                environment={"PATH": _SYSTEM, "LC_ALL": "C.UTF-8"},
                directory=Path("/"),
                seconds=seconds,
                kill_after=_KILL_AFTER_SECONDS,
                on_line=take,
            )
        )
    except StartError as error:
        raise OSError(errno.ENOEXEC, error.strerror) from error
    return Ended(
        code=ended.code, out="\n".join(streams["stdout"]), err="\n".join(streams["stderr"])
    )
