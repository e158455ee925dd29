"""Reads a systemd EnvironmentFile, with systemd's own quoting rules.

Source: systemd.exec(5), EnvironmentFile=, and the state machine of src/basic/env-file.c.
It is stricter than systemd in what systemd passes over in silence: a quote left open, a line
that assigns nothing and an invalid name are errors here, because Mast would not get the
variable that somebody meant to set. No message contains a value.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

from mast_agent import causes
from mast_agent.failure import Failure

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 20
"""Larger files are refused, in bytes."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NEWLINE = "\n\r"
_BLANK = " \t"
_ESCAPABLE_IN_DOUBLE_QUOTES = '"\\`$'


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
            causes.ENV_FILE_MISSING, f"the environment file {path} does not exist"
        ) from error
    except OSError as error:
        raise Failure(
            causes.ENV_FILE_UNREADABLE,
            f"the environment file {path} cannot be read: {error.strerror}",
            remedy=causes.ENV_FILE_UNREADABLE.remedy.replace("FILE", str(path)),
        ) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)  # before fdopen(), which refuses a directory with an error of its own
        raise Failure(causes.ENV_FILE_MALFORMED, f"{path} is not a regular file")
    with os.fdopen(fd, "rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise Failure(causes.ENV_FILE_MALFORMED, f"{path} is larger than {MAX_BYTES} bytes")
    try:
        return parse(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Failure(causes.ENV_FILE_MALFORMED, f"{path}, line {line}: not UTF-8") from None
    except SyntaxError as error:
        raise Failure(causes.ENV_FILE_MALFORMED, f"{path}, line {error.lineno}: {error.msg}") from (
            None
        )


def parse(text: str) -> dict[str, str]:
    """Return the variables that `text` assigns; a later assignment replaces an earlier one.

    Raises SyntaxError with `msg` and `lineno` set.
    """
    variables: dict[str, str] = {}
    scanner = _Scanner(text)
    while not scanner.at_end():
        if scanner.skip_blank_or_comment():
            continue
        name, value = scanner.assignment()
        variables[name] = value
    return variables


class _Scanner:
    """A cursor over the text that knows its line."""

    def __init__(self, text: str) -> None:
        self._text = text.removeprefix("\ufeff")
        self._at = 0
        self._line = 1

    def at_end(self) -> bool:
        return self._at >= len(self._text)

    def _next(self) -> str:
        char = self._text[self._at]
        self._at += 1
        if char == "\n":
            self._line += 1
        return char

    def _error(self, message: str, line: int) -> SyntaxError:
        error = SyntaxError(message)
        error.lineno = line
        return error

    def skip_blank_or_comment(self) -> bool:
        """Consume one blank character or one comment, if there is one here."""
        char = self._text[self._at]
        if char in _BLANK or char in _NEWLINE:
            self._next()
            return True
        if char not in "#;":
            return False
        while not self.at_end() and (char := self._next()) not in _NEWLINE:
            # A backslash continues a comment, as it does in systemd before 258.
            if char == "\\" and not self.at_end():
                self._next()
        return True

    def assignment(self) -> tuple[str, str]:
        line = self._line
        name = ""
        while True:
            if self.at_end() or self._text[self._at] in _NEWLINE:
                raise self._error("a line without '='", line)
            char = self._next()
            if char == "=":
                break
            name += char
        name = name.rstrip(_BLANK)
        if not _NAME.match(name):
            # What stands there may be the rest of a secret: it is not repeated.
            raise self._error("what stands before '=' is not a variable's name", line)
        value = self._value(name, line)
        if "\0" in value:
            raise self._error(f"{name} contains a NUL character", line)
        return name, value

    def _value(self, name: str, line: int) -> str:
        """Read a value: quoted parts first, then plain text up to the end of the line."""
        value = ""
        while not self.at_end():
            char = self._next()
            if char in _NEWLINE:
                return value
            if char == "'":
                value += self._quoted(name, line, "'")
            elif char == '"':
                value += self._quoted(name, line, '"')
            elif char not in _BLANK:
                self._at -= 1
                return value + self._plain()
        return value

    def _quoted(self, name: str, line: int, quote: str) -> str:
        value = ""
        while not self.at_end():
            char = self._next()
            if char == quote:
                return value
            if char == "\\" and quote == '"' and not self.at_end():
                escaped = self._next()
                if escaped in _ESCAPABLE_IN_DOUBLE_QUOTES:
                    value += escaped
                elif escaped != "\n":
                    value += "\\" + escaped
            else:
                value += char
        raise self._error(f"the quote that {name} opens is never closed", line)

    def _plain(self) -> str:
        value, keep = "", 0
        while not self.at_end():
            char = self._next()
            if char in _NEWLINE:
                break
            if char == "\\":
                if not self.at_end() and (escaped := self._next()) not in _NEWLINE:
                    value += escaped
                keep = len(value)  # an escaped blank at the end is meant
            else:
                value += char
                if char not in _BLANK:
                    keep = len(value)
        return value[:keep]
