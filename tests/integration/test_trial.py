"""The trial of Mast's login leaves nothing, whatever ends it.

What it finds out where there is an sshd is seen in tests/system/test_login.py.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.agent import wait_for
from support.network import deaf_listener

if TYPE_CHECKING:
    from support.agent import Agent

pytestmark = pytest.mark.slow(15)

#: An account that every machine has, and that is not root.
USER = "nobody"
YES = {"MAST_AGENT_ACCESS": "yes"}


@pytest.fixture
def enrolled(agent: Agent) -> Agent:
    """An agent whose host is enrolled, with a key to install."""
    agent.environment["MAST_SELF_USER"] = USER
    assert agent.enroll(30, **YES).code == 0
    return agent


def _left(agent: Agent) -> dict[str, Any]:
    """Return what stands in the directories of the trial, the key of Mast aside."""
    text = (agent.access / USER).read_text() if (agent.access / USER).exists() else ""
    scratch: list[Path] = list(agent.login.iterdir()) if agent.login.exists() else []
    return {
        "lines": [line for line in text.splitlines() if "mast-agent-trial" in line],
        "scratch": [path.name for path in scratch if path.name != "login.json"],
        "others": [path.name for path in agent.access.iterdir() if path.name != USER],
    }


NOTHING: dict[str, Any] = {"lines": [], "scratch": [], "others": []}


def test_silent_port(enrolled: Agent) -> None:
    """Where nothing listens the key is installed all the same, and that is said and published."""
    result = enrolled.run("access", MAST_SELF_PORT="1")
    assert result.code == 0, result
    assert "Mast cannot log in: nothing listens at 127.0.0.1:1" in result.stderr, result
    assert [each["cause"] for each in enrolled.login_report()["problems"]][-1] == "sshd-silent"
    assert (enrolled.access / USER).read_text().count("\n") == 1
    assert _left(enrolled) == NOTHING


def test_deaf_port(enrolled: Agent) -> None:
    """Something that accepts and stays silent holds nothing up for long."""
    with deaf_listener() as port:
        result = enrolled.run("access", MAST_SELF_PORT=str(port))
    assert result.code == 0, result
    assert enrolled.login_report()["tried"] is True
    assert enrolled.login_report()["problems"], enrolled.login_report()
    assert _left(enrolled) == NOTHING


def test_another_address(enrolled: Agent) -> None:
    """MAST_SELF_HOST that is not this host's is refused before anything is written."""
    result = enrolled.run("access", MAST_SELF_HOST="198.51.100.7")
    assert result.code == 78, result
    assert "[access-host-foreign, exit 78]" in result.stderr, result
    assert not enrolled.access.exists()


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_killed_in_the_middle(enrolled: Agent, signum: signal.Signals) -> None:
    """Nothing is left of a trial whose process is killed at any moment; the next one works."""
    seed = time.time_ns() % 10**6
    chance = random.Random(seed)  # noqa: S311 - chance, and no secret
    family: set[int] = set()
    with deaf_listener() as port:
        variables = {"MAST_SELF_PORT": str(port)}
        begin = time.monotonic()
        started = enrolled.start("access", **variables)
        wait_for(lambda: enrolled.access.exists() and _left(enrolled)["lines"])
        until_line = time.monotonic() - begin
        started.kill()
        enrolled.finish(started)
        for _ in range(8):
            process = enrolled.start("access", **variables)
            time.sleep(until_line * chance.uniform(0.4, 1.6))
            family.update(descendants(process.pid))
            os.kill(process.pid, signum)
            enrolled.finish(process)
            wait_for(lambda: _left(enrolled) == NOTHING)
            assert (enrolled.access / USER).read_text().count("\n") == 1, seed
    # ssh itself ends with its own time for connecting.
    wait_for(lambda: not any(map(_alive, family)))


def test_tidy(enrolled: Agent) -> None:
    """What was left by a trial of which everything was killed is taken away by --tidy."""
    with deaf_listener() as port:
        process = enrolled.start("access", MAST_SELF_PORT=str(port))
        wait_for(lambda: enrolled.access.exists() and _left(enrolled)["lines"])
        for pid in [*descendants(process.pid), process.pid]:
            os.kill(pid, signal.SIGKILL)
        enrolled.finish(process)
    assert _left(enrolled) != NOTHING
    assert enrolled.run("access", "--tidy").code == 0
    assert _left(enrolled) == NOTHING
    assert (enrolled.access / USER).read_text().count("\n") == 1


def descendants(pid: int) -> list[int]:
    """Return the processes that a process has started, and what those have: proc(5)."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    children = [int(child) for child in text.split()]
    return [each for child in children for each in (child, *descendants(child))]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
