"""Row 36 of the faults: a system bus that is absent, refuses, or never answers."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import TYPE_CHECKING

import pytest
from support.expect import assert_enrolled
from support.snippets import add_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster


@contextlib.contextmanager
def bus(kind: str, directory: Path) -> Iterator[str]:
    """Yield the address of a bus of that kind."""
    path = directory / "bus"
    with contextlib.ExitStack() as stack:
        if kind != "absent":
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(path))
            if kind == "deaf":
                listener.listen()
        yield f"unix:path={path}"


@pytest.mark.parametrize("kind", ["absent", "refusing", "deaf"])
def test_status_without_a_bus(
    agent: Agent, cluster: Cluster, database: str, scratch: Path, kind: str
) -> None:
    """Whatever the bus does, `status` answers in time with all it knows but the units."""
    server_id = add_row(cluster, database)
    directory = scratch / kind  # short enough for a socket's path
    directory.mkdir()
    with bus(kind, directory) as address:
        usual = agent.run("status").seconds  # there is no bus in the agent's environment
        text = agent.run("status", DBUS_SYSTEM_BUS_ADDRESS=address)
        status = agent.status(DBUS_SYSTEM_BUS_ADDRESS=address)
    assert text.code == 0, text
    assert "units       unknown: systemd does not answer" in text.stdout, text
    assert server_id in text.stdout, text
    assert text.seconds - text.held_up <= usual + 2, (usual, str(text))
    assert len(status["units"]) == 3, status
    assert set(status["units"].values()) == {None}, status


def test_enrolling_does_not_ask_the_bus(
    agent: Agent, cluster: Cluster, database: str, scratch: Path
) -> None:
    """`enroll` works with a deaf bus as it does without one."""
    server_id = add_row(cluster, database)
    directory = scratch / "enrolling"
    directory.mkdir()
    with bus("deaf", directory) as address:
        result = agent.enroll(10, DBUS_SYSTEM_BUS_ADDRESS=address)
    assert_enrolled(agent, result, server_id)


@pytest.mark.parametrize("missing", ["pydbus", "gi"])
def test_without_the_bindings(
    agent: Agent, cluster: Cluster, database: str, scratch: Path, missing: str
) -> None:
    """Where pydbus or PyGObject cannot be loaded, all but the units is there all the same."""
    server_id = add_row(cluster, database)
    folder = scratch / f"without-{missing}"
    folder.mkdir()
    (folder / f"{missing}.py").write_text(f"raise ImportError('no {missing} here')\n")
    path = ":".join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    assert_enrolled(agent, agent.enroll(30, PYTHONPATH=path), server_id)
    text = agent.run("status", PYTHONPATH=path)
    assert text.code == 0, text
    assert "units       unknown: systemd does not answer" in text.stdout, text
    assert "Traceback" not in text.stderr, text
    assert agent.run("check", PYTHONPATH=path).code == 0
    assert set(agent.status(PYTHONPATH=path)["units"].values()) == {None}
