"""README: short, in an order for newcomers, and its diagram and figures are the project's."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from bench import readme
from support import documents

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
BENCHMARKS = ROOT / "docs" / "benchmarks.md"
QUICK_STARTS = ("Quick start: NixOS", "Quick start: Debian")


def test_order() -> None:
    """What it is, a picture, two quick starts, a failure, the comparison, and then the rest."""
    assert len(TEXT.splitlines()) <= 220
    assert TEXT.index("docs/images/demo.svg") < TEXT.index("\n## ")
    headings = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    assert headings[:4] == [*QUICK_STARTS, "When it fails", "Instead of a shell loop"]
    assert "docs/images/failure.svg" in TEXT


@pytest.mark.parametrize("heading", QUICK_STARTS)
def test_quick_start_has_ten_lines(heading: str) -> None:
    """Commands and settings together."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)^## ", TEXT, re.MULTILINE | re.DOTALL)
    typed = "".join(re.findall(r"^```\w+\n(.*?)^```", section, re.MULTILINE | re.DOTALL))
    assert len(typed.splitlines()) == 10
    assert "mast-agent status --wait" in typed


def test_every_picture_is_shown() -> None:
    """No picture is kept for nothing, and each says in words what it shows."""
    shown = {path: words for words, path in re.findall(r"!\[(.*?)\]\((docs/images/.*?)\)", TEXT)}
    kept = {str(path.relative_to(ROOT)) for path in ROOT.glob("docs/images/*")}
    assert set(shown) == kept
    assert all(len(words) > 40 for words in shown.values())


def test_the_order_of_a_boot_is_the_units() -> None:
    """Each arrow between two units of the diagram is an After= of the second."""
    (diagram,) = re.findall(r"^```mermaid\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (chain,) = re.findall(r"^ *(\S+\.service(?: --> \S+\.service)+)$", diagram, re.MULTILINE)
    units = chain.split(" --> ")
    assert units[-1] == "mast-agent-access.service"
    for before, unit in itertools.pairwise(units):
        after = re.findall(r"^After=(.*)$", (ROOT / "systemd" / unit).read_text(), re.MULTILINE)
        assert before in " ".join(after).split(), (before, unit)


PAGE = """\
| agent, the server accepts connections | 0.23 | 0.37 | 0.57 |
| loop, the server accepts connections | 0.48 | 1.08 | 1.10 |
| agent, nothing listens | 0.28 | 0.29 | 0 | 36 |
| loop, nothing listens | 1.38 | 1.39 | 0 | 2 |
"""


def test_figures_come_from_the_page() -> None:
    """`make bench` writes into README what it has measured, and nothing else."""
    begin = "| a minute of waiting | "
    old = begin + "? | ? |\n"
    measured = begin + "1.38 s of processor time, 2 MiB | 0.28 s of processor time, 36 MiB |\n"
    name = '| from "accepting" to the start of the eval | '
    reaction = name + "median 0.48 s, p95 1.08 s | median 0.23 s, p95 0.37 s |\n"
    assert readme.with_figures(f"a\n{name}? | ? |\n{old}b\n", PAGE) == f"a\n{reaction}{measured}b\n"
    assert readme.with_figures(old, "") == old
    with pytest.raises(ValueError, match="0 rows"):
        readme.with_figures("", PAGE)


def test_figures_are_those_of_the_page() -> None:
    """Where the page of benchmarks is kept, README says what it says; else README has figures."""
    page = BENCHMARKS.read_text(encoding="utf-8") if BENCHMARKS.exists() else ""
    assert readme.with_figures(TEXT, page) == TEXT
    assert readme.with_figures(TEXT, PAGE).count("processor time") == 2


def test_commands_of_readme_are_run_or_marked() -> None:
    """Its blocks are those that tests know: two quick starts, operating, the two of development."""
    found = [(block.heading, bool(block.runner)) for block in documents.blocks(README)]
    assert found == [
        ("Quick start: NixOS", True),
        ("Quick start: NixOS", False),
        ("Quick start: Debian", True),
        ("Operate", True),
        ("Development", False),
    ]
