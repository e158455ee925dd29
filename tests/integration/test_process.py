"""A child process that is cancelled at every point of its start, its run and its end."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from mast_agent.host import process
from support.agent import wait_for

STEPS = 24


def alive_in(group: int) -> list[str]:
    """Return the processes of a process group, zombies left out."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


async def cancelled_after(steps: int, script: str, directory: Path) -> bool:
    """Run `script`, cancel it after that many steps of the event loop; tell whether it was in time.

    The loop is held up in each of them, so that the child is always ahead of it.
    """
    task = asyncio.ensure_future(
        process.run(
            ["/bin/sh", "-c", script],
            environment={"PATH": os.environ["PATH"]},
            directory=directory,
            seconds=30,
            kill_after=5,
            on_line=lambda _: None,
        )
    )
    for _ in range(steps):
        await asyncio.sleep(0)
        time.sleep(0.02)  # noqa: ASYNC251 - on purpose
    in_time = task.cancel()
    await asyncio.wait({task})
    assert task.cancelled() == in_time
    return in_time


@pytest.mark.parametrize("steps", range(STEPS))
def test_leaves_nothing(tmp_path: Path, steps: int) -> None:
    """Whenever it is cancelled, the child is ended with what it has started."""
    group = tmp_path / "group"
    script = f"echo $$ > {group}\nsleep 300 &\nwait"
    assert asyncio.run(cancelled_after(steps, script, tmp_path))
    if group.exists():
        wait_for(lambda: not alive_in(int(group.read_text())))


@pytest.mark.parametrize("steps", range(STEPS))
def test_is_not_forgotten(tmp_path: Path, steps: int) -> None:
    """A cancellation is never lost, not even in the moment in which the child ends by itself."""
    asyncio.run(cancelled_after(steps, "exit 0", tmp_path))
