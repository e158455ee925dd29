"""What `make bench` measures in a booted machine, tried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bench import booted, commands

if TYPE_CHECKING:
    from pathlib import Path

    from system.conftest import Base

pytestmark = pytest.mark.slow(25)


def test_the_commands_are_measured(debian_13: Base, tmp_path: Path) -> None:
    """Each command runs there as it has to end, and its ratios become a chapter."""
    with debian_13.machine(tmp_path) as machine:
        booted.prepare(machine, rounds=1)
        facts = machine.boot("bench/guest.py", "bench")
    wanted = {name for command, base, _ in commands.BARS for name in (command, base)}
    assert wanted - set(facts["taken"]) == {commands.CLOUD_INIT}, facts
    assert facts["status"].startswith("enrolled"), facts["status"]
    chapter = booted.describe("debian-13", facts)
    assert len(chapter.bars) == 4, chapter
    assert "| `mast-agent status`, as nobody |" in chapter.table, chapter.table
