"""`make bench`, tried out: everything can be measured, and the page is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from bench import measure, page, readme
from bench.measure import Command, Cost
from support.releases import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow(35)


def test_everything_is_measured(tmp_path: Path, scratch: Path) -> None:
    """A quick trial writes a page with each chapter and its bars, and leaves nothing behind."""
    output, temporary = tmp_path / "benchmarks.md", scratch / "bench"
    temporary.mkdir(mode=0o755)
    done = subprocess.run(
        [sys.executable, ROOT / "tests/bench/run.py", "--quick", "--output", output],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert list(temporary.iterdir()) == []
    text = output.read_text()
    for title in ("Enrolling", "From ready to the eval", "A minute of waiting", "Growth"):
        assert f"\n## {title}\n" in text, text
    begun = (ROOT / "README.md").read_text("utf-8")
    asked = re.sub(r"(?<=[ |])\d+(?:\.\d+)?(?= s| MiB)", "?", begun)
    shown = readme.with_figures(asked, text)
    assert asked.count("| median ? s") == 2, "README's comparison has figures of the page's"
    assert "| median ? s" not in shown
    assert "? s of processor time" not in shown
    bars = text.partition("## What has to hold")[2].partition("\n## ")[0].strip().splitlines()
    assert len(bars) == 2 + 6, text


def test_in_turn() -> None:
    """Each command runs once a round, after a round that does not count."""
    taken = measure.in_turn(
        {"true": Command(argv=("true",)), "false": Command(argv=("false",), codes=(1,))}, 3
    )
    assert {name: len(found) for name, found in taken.items()} == {"true": 3, "false": 3}


def test_a_wrong_end_is_not_measured() -> None:
    """A command that fails would be quick, and mean nothing."""
    with pytest.raises(RuntimeError, match="ended with 1"):
        measure.in_turn({"false": Command(argv=("false",))}, 1)


def test_figures() -> None:
    """Ratios are taken round by round; p95 is the nearest rank."""
    base = [Cost(wall, wall) for wall in (1.0, 10.0, 2.0)]
    costs = [Cost(wall, wall) for wall in (2.0, 10.0, 6.0)]
    assert measure.ratio(costs, base) == 2.0
    assert measure.difference(costs, base) == 1.0
    assert measure.p95(range(1, 21)) == 19


def test_page() -> None:
    """What is missed is seen on the page."""
    bars = [page.Bar(what="speed", bar="≤ 1", measured="2", held=False)]
    chapter = page.Chapter(title="Title", text="Text.", table="| a |", bars=bars)
    assert "| speed | ≤ 1 | 2 | **no** |" in page.render([chapter], "About.")
