"""The syntax of a systemd EnvironmentFile, in both readings that systemd has had of it.

Source: systemd.exec(5), EnvironmentFile=; src/basic/env-file.c (the state machine), utf8.c (which
characters are valid) and env-util.c (which names are). Held against the
real systemd 252 and 257. They differ in one thing, since 254: whether a backslash at the end of a
comment makes the next line a part of it. Which of them reads a file here is `envfile`'s to know.

It is stricter than systemd in what systemd passes over with a warning at most: a quote left open,
a line that assigns nothing and an invalid name are errors here, because Mast would not get the
variable that somebody meant to set. No message contains a value.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# unichar_is_valid(): what Unicode reserves for no character at all.
_NONCHARACTER = re.compile(
    "[\ufdd0-\ufdef"
    + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(17))
    + "]"
)
_BYTE_ORDER_MARK = "\xef\xbb\xbf"
_NEWLINE = "\n\r"
_BLANK = " \t"
_ESCAPABLE_IN_DOUBLE_QUOTES = '"\\`$'


def parse(content: bytes, *, comments_continue: bool) -> dict[str, str]:
    """Return the variables that `content` assigns; a later assignment replaces an earlier one.

    `comments_continue`: a backslash at the end of a comment makes the next line a part of it.
    Raises SyntaxError with `msg` and `lineno` set.
    """
    return Scanner(content, comments_continue=comments_continue).variables()


def syntax_error(message: str, line: int) -> SyntaxError:
    """Return an error in `line`; `message` has no part of a value."""
    error = SyntaxError(message)
    error.lineno = line
    return error


class Scanner:
    """A cursor over the bytes, each as one character, that knows its line.

    `continued_comment` is the line of the first comment that has a backslash before its end.
    """

    def __init__(self, content: bytes, *, comments_continue: bool) -> None:
        # Bytes, since a comment may be in any encoding; names and values are decoded at their end.
        self._text = content.decode("latin-1")
        self._comments_continue = comments_continue
        self._at = 0
        self._line = 1
        self._what = ""
        self.continued_comment: int | None = None

    def variables(self) -> dict[str, str]:
        """Return what is assigned, from the beginning to the end."""
        if self._text.startswith(_BYTE_ORDER_MARK):
            raise syntax_error(
                "the file begins with a byte order mark, which systemd takes for a part of the "
                "first name: save it as UTF-8 without one",
                1,
            )
        found: dict[str, str] = {}
        while not self._at_end():
            if not self._skip_blank_or_comment():
                name, value = self._assignment()
                found[name] = value
        return found

    def _at_end(self) -> bool:
        return self._at >= len(self._text)

    def _next(self) -> str:
        char = self._text[self._at]
        self._at += 1
        if char == "\n":
            self._line += 1
        elif char == "\0":
            # systemd refuses the whole file, wherever it is.
            raise syntax_error(f"{self._what or 'it'} contains a NUL character", self._line)
        return char

    def _skip_blank_or_comment(self) -> bool:
        """Consume one blank character or one comment, if there is one here."""
        char = self._text[self._at]
        if char in _BLANK or char in _NEWLINE:
            self._next()
            return True
        if char not in "#;":
            return False
        line = self._line
        while not self._at_end() and (char := self._next()) not in _NEWLINE:
            if char != "\\" or self._at_end():
                continue
            escaped = self._next()
            if escaped in _NEWLINE:
                self.continued_comment = self.continued_comment or line
                if not self._comments_continue:
                    break
        return True

    def _assignment(self) -> tuple[str, str]:
        line = self._line
        raw = ""
        while True:
            if self._at_end() or self._text[self._at] in _NEWLINE:
                raise syntax_error("a line without '='", line)
            char = self._next()
            if char == "=":
                break
            raw += char
        name = raw.rstrip(_BLANK)
        if re.match(r"export[ \t]", name):
            raise syntax_error("'export' is not a part of this syntax: write NAME=VALUE", line)
        if not _NAME.match(name):
            # What stands there may be the rest of a secret: it is not repeated.
            raise syntax_error("what stands before '=' is not a variable's name", line)
        self._what = name
        value = self._decoded(self._value(line), line)
        self._what = ""
        return name, value

    def _decoded(self, raw: str, line: int) -> str:
        try:
            value = raw.encode("latin-1").decode()
        except UnicodeDecodeError:
            raise syntax_error(f"{self._what} is not UTF-8", line) from None
        if _NONCHARACTER.search(value):
            raise syntax_error(f"{self._what} contains a code point that is no character", line)
        return value

    def _value(self, line: int) -> str:
        """Read a value: quoted parts first, then plain text up to the end of the line."""
        value = ""
        while not self._at_end():
            char = self._next()
            if char in _NEWLINE:
                return value
            if char in "'\"":
                value += self._quoted(line, char)
            elif char not in _BLANK:
                self._at -= 1
                return value + self._plain()
        return value

    def _quoted(self, line: int, quote: str) -> str:
        value = ""
        while not self._at_end():
            char = self._next()
            if char == quote:
                return value
            if char == "\\" and quote == '"' and not self._at_end():
                escaped = self._next()
                if escaped in _ESCAPABLE_IN_DOUBLE_QUOTES:
                    value += escaped
                elif escaped != "\n":
                    value += "\\" + escaped
            else:
                value += char
        raise syntax_error(f"the quote that {self._what} opens is never closed", line)

    def _plain(self) -> str:
        value, keep = "", 0
        while not self._at_end():
            char = self._next()
            if char in _NEWLINE:
                break
            if char == "\\":
                if not self._at_end() and (escaped := self._next()) not in _NEWLINE:
                    value += escaped
                keep = len(value)  # an escaped blank at the end is meant
            else:
                value += char
                if char not in _BLANK:
                    keep = len(value)
        return value[:keep]
