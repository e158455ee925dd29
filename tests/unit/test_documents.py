"""The documents, where they speak of things that a program can look up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import documents

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "tests/release/README.md"]
)
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
    """A relative link of a document leads to a file of the repository, and to a heading in it."""
    for name, anchor in _links(document):
        target = document.parent / name if name else document
        assert target.exists(), name
        assert not anchor or anchor in _anchors(target), f"{name}#{anchor}"


def test_the_packages_documents_lead_to_each_other() -> None:
    """What the Debian package has of docs/ links to nothing that it does not have."""
    makefile = (ROOT / "packaging/package.mk").read_text()
    listed = re.findall(r"\bdocs/[\w./]+\w", makefile)
    assert "docs/reference.md" in listed
    for name in listed:
        if name.endswith(".md"):
            page = ROOT / name
            links = {(page.parent / link).resolve() for link, _ in _links(page) if link}
            assert {str(link.relative_to(ROOT)) for link in links} <= set(listed), name


def _links(document: Path) -> list[tuple[str, str]]:
    """Return the relative links of a document: path, "" for the document itself, and anchor."""
    return re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", document.read_text())


def _anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_of_commands_is_run_or_marked(document: Path) -> None:
    """Whoever writes commands says before them which test runs them, or why none does."""
    for block in documents.blocks(document):
        assert block.runner or block.reason, f"{block} is neither run by a test nor marked"
        if block.runner:
            # The test knows the page by its name, and says itself that it runs each block.
            assert Path(block.page).name in (ROOT / block.runner).read_text(), block
        assert not block.reason or block.reason.endswith("."), f"{block}: a reason is a sentence"
