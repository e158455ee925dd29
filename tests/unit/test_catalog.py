"""The journal catalog and the events that the agent logs explain each other."""

from __future__ import annotations

import re
from pathlib import Path

from mast_agent.report.events import Event

CATALOG = Path(__file__).parents[2] / "systemd/mast-agent.catalog"
ENTRY = re.compile(
    r"^-- ([0-9a-f]{32})\nSubject: (.+)\n((?:[A-Z][\w-]+: .+\n)+)\n(?=\S)", re.MULTILINE
)


def test_each_event_has_exactly_one_entry() -> None:
    """The catalog's ids are the events' ids, each of them once."""
    ids = [match[1] for match in ENTRY.finditer(CATALOG.read_text(encoding="utf-8"))]
    assert sorted(ids) == sorted(event.message_id for event in Event)


def test_each_entry_says_where_it_comes_from() -> None:
    """Every entry names its origin and the man page, and fits a terminal."""
    text = CATALOG.read_text(encoding="utf-8")
    headers = [match[3] for match in ENTRY.finditer(text)]
    assert headers
    for header in headers:
        assert "Defined-By: mast-agent\n" in header
        assert "Documentation: man:mast-agent(1)\n" in header
    assert max(len(line) for line in text.splitlines()) <= 80
