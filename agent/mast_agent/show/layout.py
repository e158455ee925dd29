"""Lays rows and paragraphs out for a terminal or a pipe: width, colour and marks. Pure.

`screen` decides what there is to show. Nothing is ever cut: on a terminal a long line continues
below, where its text begins; in a pipe every line stays whole.
"""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mast_agent.text.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NARROWEST = 40
"""Columns below which nothing is laid out: a terminal that says less does not tell the truth."""
_MARK_WIDTH, LABEL_WIDTH = 13, 12


class Mark(enum.Enum):
    """How far a phase is: its word, its symbol, the same in ASCII, and its colour."""

    DONE = ("done", "✓", "+", "green")
    WORKING = ("at work", "◌", "~", "cyan")
    WAITING = ("waiting", "◌", "~", "yellow")
    FAILED = ("failed", "✗", "x", "red")
    NOT_REACHED = ("not reached", "·", ".", "bright_black")
    UNKNOWN = ("unknown", "?", "?", "yellow")
    HIDDEN = ("hidden", "-", "-", "bright_black")
    OFF = ("off", "-", "-", "bright_black")
    WARNING = ("warning", "!", "!", "yellow")

    def __init__(self, word: str, symbol: str, plain: str, colour: str) -> None:
        self.word = word
        self.symbol = symbol
        self.plain = plain
        self.colour = colour


@dataclass(frozen=True, kw_only=True)
class Style:
    """For whom it is laid out. `width` are the columns of a terminal, None for a pipe.

    `utf8` says that the stream's encoding takes every character.
    """

    width: int | None = None
    colour: bool = False
    utf8: bool = True


PIPE = Style()


@dataclass(frozen=True, kw_only=True)
class Row:
    """A mark, a label and what is to be said of it. Without a mark the label comes first.

    `space` are the columns of the label, with the blanks behind it. `sign` is shown on a terminal
    instead of the mark's own: one character.
    """

    label: str
    text: str
    mark: Mark | None = None
    sign: str | None = None
    space: int = LABEL_WIDTH


@dataclass(frozen=True, kw_only=True)
class Heading:
    """The first line."""

    mark: Mark
    text: str


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command to run, set apart from what is said."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Note:
    """A paragraph that is less important than the rest."""

    text: str


Piece = Heading | Row | Command | Note | None
"""What a screen is made of; None is an empty line."""


def style(stream: Any, environ: Mapping[str, str]) -> Style:
    """Return how to write on `stream`, a text stream or None.

    NO_COLOR (no-color.org) comes before CLICOLOR_FORCE (bixense.com/clicolors).
    """
    import shutil  # noqa: PLC0415 - costs, and only who prints a screen needs it

    terminal = stream is not None and stream.isatty()
    able = terminal and environ.get("TERM") != "dumb"
    forced = environ.get("CLICOLOR_FORCE", "") not in ("", "0")
    return Style(
        width=max(NARROWEST, shutil.get_terminal_size().columns) if terminal else None,
        colour=not environ.get("NO_COLOR") and (able or forced),
        utf8=_is_utf8(getattr(stream, "encoding", None)) and (not terminal or _terminal_is_utf8()),
    )


def _is_utf8(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "").replace("_", "") in ("utf8", "utf8sig")


def _terminal_is_utf8() -> bool:
    """Tell whether the locale is one of UTF-8: Python writes that under LC_ALL=C too (PEP 540)."""
    import locale  # noqa: PLC0415 - only for a terminal

    return _is_utf8(locale.nl_langinfo(locale.CODESET))


def text(pieces: Sequence[Piece], how: Style) -> str:
    """Return the pieces as text, without a line feed at its end."""
    return "\n".join(line for piece in pieces for line in _lines(piece, how))


def shown(said: str, how: Style) -> str:
    """Return a text in characters that can be written there and do nothing but be seen."""
    said = escape(said)
    return said if how.utf8 else said.encode("ascii", "backslashreplace").decode("ascii")


def _lines(piece: Piece, how: Style) -> Iterator[str]:
    match piece:
        case None:
            yield ""
        case Heading(mark=mark, text=said):
            # In a pipe the first word is the verdict's.
            begin = "" if how.width is None else f"{_sign(mark, how)} "
            yield from _paragraph(begin, said, how, colour=mark.colour, bold=True)
        case Row() as row:
            yield from _row(row, how)
        case Command(text=said):
            yield from _paragraph("      $ ", said, how, bold=True)
        case Note(text=said):
            yield from _paragraph("  ", said, how, colour="bright_black")


def _row(row: Row, how: Style) -> Iterator[str]:
    label, mark = f"{row.label:<{row.space}}", row.mark
    if mark is None:
        return _paragraph(f"{'  ' if how.width is None else '    '}{label}", row.text, how)
    shown = _sign(mark, how) if row.sign is None or how.width is None else row.sign
    sign = f"  {shown:<{_MARK_WIDTH if how.width is None else 1}} "
    # In a pipe the mark is a word already.
    said = "" if how.width is None and row.text == mark.word else row.text
    return _paragraph(f"{sign}{label}", said, how, colour=mark.colour, only=len(sign))


def _sign(mark: Mark, how: Style) -> str:
    if how.width is None:
        return mark.word
    return mark.symbol if how.utf8 else mark.plain


def _paragraph(
    begin: str,
    said: str,
    how: Style,
    *,
    colour: str | None = None,
    bold: bool = False,
    only: int | None = None,
) -> Iterator[str]:
    """Return `begin` and `said`, which goes on below itself; `only` so many characters have colour.

    No text from elsewhere can bring a line or a colour of its own.
    """
    said = shown(said, how)
    lines = [said] if how.width is None else _wrapped(said, how.width - len(begin))
    for number, line in enumerate(lines):
        indent = begin if number == 0 else " " * len(begin)
        whole = f"{indent}{line}".rstrip()
        if not how.colour or (colour is None and not bold):
            yield whole
        elif only is None:
            yield _styled(whole, colour, bold=bold)
        else:
            yield _styled(whole[:only], colour) + whole[only:] if number == 0 else whole


def cells(said: str) -> int:
    """Return how many columns a text takes: two for what is wide in East Asia (UAX 11)."""
    return len(said) if said.isascii() else sum(map(_cells, said))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):  # drawn onto the one before it
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _wrapped(said: str, width: int) -> list[str]:
    """Return `said` in lines of at most `width` columns, which `textwrap` does not count.

    A word that is longer than a line is broken: its rest would be lost behind the edge.
    """
    lines, line = [], ""
    for word in said.split(" "):
        longer = f"{line} {word}" if line else word
        if cells(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while cells(line) > width:
            end = _fitting(line, width)
            lines.append(line[:end])
            line = line[end:]
    return [*lines, line] if line or not lines else lines


def _fitting(word: str, width: int) -> int:
    """Return how many characters of a word fit, at least one."""
    used = 0
    for number, char in enumerate(word):
        used += _cells(char)
        if used > width:
            return max(1, number)
    return len(word)


def _styled(said: str, colour: str | None, *, bold: bool = False) -> str:
    from typer import style as styled  # noqa: PLC0415 - only where there is colour

    return styled(said, fg=colour, bold=bold or None)
