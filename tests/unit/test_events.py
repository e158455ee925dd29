"""The kinds of event and their message ids."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from mast_agent.report.events import Event

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"


def test_message_ids_are_unique() -> None:
    """No two kinds share a MESSAGE_ID, which a catalog could not tell apart."""
    assert len({event.message_id for event in Event}) == len(Event) > 10


@pytest.mark.parametrize("event", Event, ids=lambda event: event.name)
def test_form(event: Event) -> None:
    """A MESSAGE_ID has the form of a 128-bit id of version 4, and a priority is one of syslog's."""
    assert re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", event.message_id)
    assert 3 <= event.priority <= 6


def test_documented() -> None:
    """The reference lists exactly these kinds with these ids."""
    rows = re.findall(r"^\| (\w+) \| `([0-9a-f]{32})` \|", REFERENCE.read_text(), re.MULTILINE)
    assert dict(rows) == {event.name: event.message_id for event in Event}
