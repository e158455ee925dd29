"""Reads a systemd EnvironmentFile as the installed systemd reads it.

That systemd starts Mast with the same file. `envsyntax` has the syntax; here the file is opened,
and the version of the syntax is chosen.
"""

from __future__ import annotations

import contextlib
import grp
import os
import stat
from typing import TYPE_CHECKING

from mast_agent.config import envsyntax
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import service_manager

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 20
"""Larger files are refused, in bytes."""
COMMENTS_END_SINCE = 254
"""The first version of systemd in which a comment ends at its line, whatever the line ends with."""


def read(path: Path) -> dict[str, str]:
    """Return the variables of the file at `path`.

    Raises Failure (78): the file is missing, unreadable, no regular file, too large, or
    malformed; the message names the file, the line and, where it is one, the variable.
    """
    try:
        # O_NONBLOCK: a FIFO must not hold the agent up.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Failure(
            causes.ENV_FILE_MISSING,
            f"the environment file {path} does not exist",
            known={"path": str(path)},
        ) from error
    except OSError as error:
        raise unreadable(path, error.strerror) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)  # before fdopen(), which refuses a directory with an error of its own
        raise Failure(causes.ENV_FILE_MALFORMED, f"{path} is not a regular file")
    with os.fdopen(fd, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Failure(causes.ENV_FILE_MALFORMED, f"{path} is larger than {MAX_BYTES} bytes")
    try:
        return _parse_as_here(content)
    except SyntaxError as error:
        raise Failure(causes.ENV_FILE_MALFORMED, f"{path}, line {error.lineno}: {error.msg}") from (
            None
        )


def _parse_as_here(content: bytes) -> dict[str, str]:
    """Parse as the systemd of this machine does, which is looked for only where it matters."""
    found, comment = _parse(content, comments_continue=False)
    if comment is not None:
        continues = {version < COMMENTS_END_SINCE for version in service_manager.versions()}
        other, _ = _parse(content, comments_continue=True)
        if len(continues) != 1 and not _same(found, other):
            found = envsyntax.syntax_error(
                "the comment ends in a backslash: systemd before 254 takes the next line for a "
                "part of it, and which systemd reads this file cannot be told here. "
                "Take the backslash away",
                comment,
            )
        elif continues == {True}:
            found = other
    if isinstance(found, SyntaxError):
        raise found
    return found


def _parse(
    content: bytes, *, comments_continue: bool
) -> tuple[dict[str, str] | SyntaxError, int | None]:
    """Return one reading of the file, and the line of a comment that makes it one of two."""
    scanner = envsyntax.Scanner(content, comments_continue=comments_continue)
    try:
        return scanner.variables(), scanner.continued_comment
    except SyntaxError as error:
        return error, scanner.continued_comment


def _same(one: dict[str, str] | SyntaxError, other: dict[str, str] | SyntaxError) -> bool:
    if isinstance(one, SyntaxError) and isinstance(other, SyntaxError):
        return (one.msg, one.lineno) == (other.msg, other.lineno)
    return one == other


def unreadable(path: Path, reason: str | None) -> Failure:
    """Return what is to be said of a file that may not be read."""
    known = {"path": str(path)}
    # The file's own mode counts where the directories above it may be entered.
    if os.access(path.absolute().parent, os.X_OK):
        with contextlib.suppress(KeyError):
            known["group"] = grp.getgrgid(os.getegid()).gr_name
    return Failure(
        causes.ENV_FILE_UNREADABLE,
        f"the environment file {path} cannot be read: {reason}",
        known=known,
    )
