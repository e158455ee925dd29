"""The figures of README's comparison with a shell loop: taken from the page of benchmarks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NUMBER = r"\d+(?:\.\d+)?"


def _reaction(cells: Sequence[str]) -> str:
    return f"median {cells[0]} s, p95 {cells[1]} s"


def _waiting(cells: Sequence[str]) -> str:
    return f"{cells[0]} s of processor time, {cells[3]} MiB"


#: README's row, what the page calls it for the loop and for the agent, and what of it is shown.
_ROWS: tuple[tuple[str, str, str, Callable[[Sequence[str]], str]], ...] = (
    (
        'from "accepting" to the start of the eval',
        "loop, the server accepts connections",
        "agent, the server accepts connections",
        _reaction,
    ),
    (
        "a minute of waiting",
        "loop, nothing listens",
        "agent, nothing listens",
        _waiting,
    ),
)


def with_figures(readme: str, page: str) -> str:
    """Return README with the figures of a page that `page.render` has made.

    A row that was not measured stays. Raises ValueError for a README without the row.
    """
    for name, loop, agent, shown in _ROWS:
        measured = [_cells(page, row) for row in (loop, agent)]
        if not all(measured):
            continue
        row = f"| {name} | {' | '.join(map(shown, measured))} |"
        pattern = re.compile(rf"^\| {re.escape(name)} \|.*\|$", re.MULTILINE)
        readme, found = pattern.subn(row.replace("\\", r"\\"), readme)
        if found != 1:
            raise ValueError(f"README has {found} rows {name!r}")
    return readme


def _cells(page: str, name: str) -> list[str]:
    """Return the numbers of a row of the page, none where it does not have the row."""
    found = re.search(rf"^\| {re.escape(name)} \|(.*)\|$", page, re.MULTILINE)
    return re.findall(_NUMBER, found[1]) if found else []
