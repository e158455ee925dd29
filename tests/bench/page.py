"""The page that the measurements become: Markdown, for docs/benchmarks.md."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench import measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.measure import Cost


@dataclass(frozen=True, kw_only=True)
class Bar:
    """What has to hold: what was measured, in words, and whether that is within."""

    what: str
    bar: str
    measured: str
    held: bool


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One set of measurements: what was done, the table, and the bars that it decides."""

    title: str
    text: str
    table: str
    bars: list[Bar] = field(default_factory=list)


def table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Return a table in Markdown: so many columns of texts, then figures, to the right."""
    lines = [header, [*["---"] * texts, *["---:"] * (len(header) - texts)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def costs(taken: Mapping[str, Sequence[Cost]], ratios: Mapping[str, str] | None = None) -> str:
    """Return the table of what commands cost; `ratios` says what to put into the last column."""
    rows = []
    for name, found in taken.items():
        walls = [cost.wall for cost in found]
        rows.append([
            name,
            milliseconds(measure.median(walls)),
            milliseconds(measure.p95(walls)),
            milliseconds(measure.median(cost.cpu for cost in found)),
            (ratios or {}).get(name, ""),
        ])  # fmt: skip
    header = ["command", "median ms", "p95 ms", "CPU ms", "ratio"]
    return table(header, rows)


def milliseconds(seconds: float) -> str:
    """Return milliseconds without a unit."""
    return f"{seconds * 1000:.0f}"


def render(chapters: Sequence[Chapter], about: str) -> str:
    """Return the page."""
    bars = [bar for chapter in chapters for bar in chapter.bars]
    summary = table(
        ["what", "bar", "measured", "held"],
        [[bar.what, bar.bar, bar.measured, "yes" if bar.held else "**no**"] for bar in bars],
    )
    parts = ["# Benchmarks", about, "## What has to hold", summary]
    for chapter in chapters:
        parts += [f"## {chapter.title}", chapter.text, chapter.table]
    return "\n\n".join(parts) + "\n"
