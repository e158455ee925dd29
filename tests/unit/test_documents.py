"""The documents, where they speak of things that a program can look up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
_NAMED_TESTS = re.findall(
    r"`((?:unit|integration|system)/\w+\.py)(?:::(\w+))?`", (ROOT / "docs/faults.md").read_text()
)


def test_faults_are_all_there() -> None:
    """The list of faults names a test in each of its rows."""
    rows = [
        line
        for line in (ROOT / "docs/faults.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith(("| fault", "| ---"))
    ]
    assert len(rows) >= 40
    assert [row for row in rows if not re.search(r"\.py[:`]", row)] == []


@pytest.mark.parametrize(("file", "name"), sorted(set(_NAMED_TESTS)))
def test_named_test_exists(file: str, name: str) -> None:
    """A test that docs/faults.md names is there."""
    source = (ROOT / "tests" / file).read_text()
    assert not name or f"def {name}(" in source


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """A relative link of a document leads to a file of the repository."""
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []
