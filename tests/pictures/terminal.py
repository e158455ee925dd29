"""A terminal that a program is run on, and what is seen there at the end."""

from __future__ import annotations

import fcntl
import itertools
import os
import pty
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, Any

import pyte
from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyte.screens import Char

COLUMNS, LINES = 100, 300
"""As many lines as a session could need: nothing may scroll out of the picture."""

_DIM, _FAINT = 2, "brightblack"
#: Names of colours that Rich has other names for.
_NAMES = {"default": None, "brown": "yellow", "brightbrown": "bright_yellow"}


class _Screen(pyte.Screen):
    """Pyte's screen, and dim text (ECMA-48's SGR 2), which it leaves out."""

    def select_graphic_rendition(self, *attrs: int, **kwargs: Any) -> None:
        """Change how what follows is shown."""
        super().select_graphic_rendition(*attrs, **kwargs)
        if _DIM in attrs and self.cursor.attrs.fg == "default":
            self.cursor.attrs = self.cursor.attrs._replace(fg=_FAINT)


def run(argv: Sequence[str], environment: Mapping[str, str], seconds: float) -> tuple[int, str]:
    """Run a program on a terminal; return its exit code and everything that it wrote there.

    Raises TimeoutError, and kills its process group, when it takes longer.
    """
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    with subprocess.Popen(
        argv, env=environment, stdin=child, stdout=child, stderr=child, start_new_session=True
    ) as process:
        os.close(child)
        try:
            written = _read(parent, time.monotonic() + seconds)
        except BaseException:
            os.killpg(process.pid, 9)
            raise
        finally:
            os.close(parent)
        return process.wait(), written.decode()


def _read(terminal: int, end: float) -> bytes:
    """Return what is written on the terminal until the last one who has it open is gone."""
    written = b""
    while (left := end - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                written += os.read(terminal, 65536)
            except OSError:  # EIO: nobody has it open any more, pty(7)
                return written
    raise TimeoutError(written.decode(errors="replace"))


def seen(written: str) -> list[Text]:
    """Return the rows that a terminal shows after all this was written, without empty last ones."""
    screen = _Screen(COLUMNS, LINES)
    pyte.Stream(screen).feed(written)
    rows = [_row([screen.buffer[y][x] for x in range(COLUMNS)]) for y in range(LINES)]
    while rows and not rows[-1].plain:
        rows.pop()
    return rows


def _row(cells: Sequence[Char]) -> Text:
    row = Text()
    for style, same in itertools.groupby(cells, _style):
        row.append("".join(cell.data for cell in same), style)
    row.rstrip()
    return row


def _style(cell: Char) -> Style:
    return Style(
        color=_colour(cell.fg), bgcolor=_colour(cell.bg), bold=cell.bold,
        italic=cell.italics, underline=cell.underscore, reverse=cell.reverse,
    )  # fmt: skip


def _colour(name: str) -> str | None:
    if name in _NAMES:
        return _NAMES[name]
    if len(name) == 6 and set(name) <= set("0123456789abcdef"):
        return f"#{name}"
    return name.replace("bright", "bright_")
