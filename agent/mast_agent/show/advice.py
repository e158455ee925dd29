"""What to do about a failure, as pieces for `layout`: the sentence, and the commands below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.failures import remedies
from mast_agent.show.layout import Command, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mast_agent.show.layout import Piece


def pieces(label: str, remedy: str) -> Iterator[Piece]:
    """Give a remedy that is addressed to its reader; nothing for none."""
    if not remedy:
        return
    sentence, commands = remedies.split(remedy)
    yield Row(label=label, text=sentence)
    yield from (Command(text=command) for command in commands)
