"""Draws rows of a terminal as SVG, and reads the text of such a drawing."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from pictures.terminal import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

_SVG = "{http://www.w3.org/2000/svg}"
#: Light on dark, with its own background: as readable on a light page as on a dark one. Each colour
#: has at least the contrast of 4.5 to 1 that WCAG 2 asks for; a test computes it.
THEME = TerminalTheme(
    (30, 33, 39),
    (214, 218, 224),
    [
        (30, 33, 39), (240, 113, 120), (127, 199, 127), (229, 192, 123),
        (122, 170, 247), (208, 150, 226), (98, 196, 206), (214, 218, 224),
    ],
    [
        (150, 156, 166), (240, 113, 120), (127, 199, 127), (229, 192, 123),
        (122, 170, 247), (208, 150, 226), (98, 196, 206), (255, 255, 255),
    ],
)  # fmt: skip
#: Rich's own format names fonts of another host. The fonts here are those that the reader has; each
#: piece of text has its length beside it, so that any of them fits.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace;
font-size: {char_height}px; line-height: {line_height}px; font-variant-ligatures: none;
}}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def draw(rows: Sequence[Text], title: str, name: str) -> str:
    """Return the SVG of a terminal with these rows; `name` is what its ids begin with."""
    console = Console(
        width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True,
        color_system="truecolor", legacy_windows=False,
    )  # fmt: skip
    for row in rows:
        console.print(row, no_wrap=True, overflow="ignore", crop=False, highlight=False)
    drawn = console.export_svg(title=title, theme=THEME, code_format=_FORMAT, unique_id=name)
    # A line for each row, so that a change of one is a change of one.
    drawn = drawn.replace("</text><text", "</text>\n<text").replace("\n\n", "\n")
    return "\n".join(line.strip() for line in drawn.splitlines()) + "\n"


def text(svg: str) -> list[str]:
    """Return what is written in the terminal of a drawing, row by row, no spaces at its end."""
    root = ET.fromstring(svg)  # noqa: S314 - our own
    (matrix,) = (
        each for each in root.iter(f"{_SVG}g") if each.get("class", "").endswith("-matrix")
    )
    rows: dict[int, str] = {}
    for piece in matrix.iter(f"{_SVG}text"):
        (row,) = map(int, re.findall(r"-line-(\d+)\)", piece.get("clip-path", "")))
        column = round(float(piece.get("x", "0")) / _WIDTH)
        rows[row] = rows.get(row, "").ljust(column) + (piece.text or "").replace("\xa0", " ")
    return [rows.get(row, "").rstrip() for row in range(max(rows, default=-1) + 1)]


_WIDTH = 20 * 0.61
"""Of a character, in the drawing's units: Console.export_svg."""
