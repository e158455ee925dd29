"""A terminal's rows and their drawing, and what holds of every picture in the documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pictures import drawing, terminal
from pictures.sessions import IMAGES

if TYPE_CHECKING:
    from pathlib import Path

    from rich.color_triplet import ColorTriplet

PICTURES = sorted(IMAGES.glob("*.svg"))


def _luminance(colour: tuple[int, ...]) -> float:
    """Return the relative luminance of WCAG 2."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: ColorTriplet, other: ColorTriplet) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _draw(written: str) -> str:
    return drawing.draw(terminal.seen(written), "a title", "name")


def test_text_comes_back() -> None:
    """What a drawing says is what the terminal showed, with each row and column."""
    assert drawing.text(_draw("one\r\n\r\n  \x1b[1mtwo\x1b[0m   <&>\r\n")) == [
        "one",
        "",
        "  two   <&>",
    ]


def test_what_is_overwritten_is_not_seen() -> None:
    """A line that is drawn again counts as it is at the end, as on a terminal."""
    assert drawing.text(_draw("| 1 of 22\r/ 22 of 22\r\nnext\x1b[1A\r\x1b[2Kdone\r\n")) == [
        "done",
        "next",
    ]


def test_lines_are_broken_where_a_terminal_breaks_them() -> None:
    """A line that is too long goes on in the next row."""
    rows = drawing.text(_draw("x" * (terminal.COLUMNS + 3)))
    assert [len(row) for row in rows] == [terminal.COLUMNS, 3]


@pytest.mark.parametrize(
    ("sequence", "drawn"),
    [
        ("31", drawing.THEME.ansi_colors[1].hex),
        ("33", drawing.THEME.ansi_colors[3].hex),
        ("90", drawing.THEME.ansi_colors[8].hex),
        ("2", drawing.THEME.ansi_colors[8].hex),
        ("38;2;1;2;3", "#010203"),
    ],
)
def test_colours(sequence: str, drawn: str) -> None:
    """Each is the theme's, and dim is gray."""
    assert f"fill: {drawn}" in _draw(f"\x1b[{sequence}mtext\x1b[0m")


def test_every_colour_can_be_read() -> None:
    """WCAG 2 asks for a contrast of 4.5 to 1."""
    theme = drawing.THEME
    colours = [theme.foreground_color, *(theme.ansi_colors[index] for index in range(1, 16))]
    for colour in colours:
        assert _contrast(colour, theme.background_color) >= 4.5, colour


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_nothing_is_fetched_and_no_path_is_of_a_machine(picture: Path) -> None:
    """A picture names no other host, and no directory that only the one who made it has."""
    text = picture.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"')\s]*", text)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in text
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
    paths = set(re.findall(r"(?<![\w./:])/\w+", "\n".join(drawing.text(text))))
    assert paths <= {"/dev", "/etc", "/opt", "/proc", "/run", "/usr", "/var"}
