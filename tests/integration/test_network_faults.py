"""Rows 1, 9, 10 and 11 of the faults: between the agent and a server that answers properly."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from support.agent import Agent, wait_for
from support.canaries import SUPERUSER_PASSWORD
from support.expect import assert_failed
from support.network import deaf_listener, full_backlog, http_responder, resetter
from support.postgres import BINARIES, free_port
from support.swarm import Outcome, run_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.postgres import Cluster

TIMEOUT = 2.0
# Name, cause, and a part of the remedy. All of them end with 69.
CASES = {
    "refused": ("refused", "Start PostgreSQL at "),
    "socket missing": ("socket-missing", "correct DATABASE_URL"),
    "name unknown": ("name-unresolved", "host of DATABASE_URL"),
    "deaf": ("timed-out", "firewall"),
    "backlog full": ("timed-out", "firewall"),
    "web server": ("not-postgresql", "another program listens"),
    "reset": ("connection-lost", "log of PostgreSQL"),
}


@pytest.fixture(scope="module")
def outcomes(
    new_agent: Callable[[str], Agent], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Agent, Outcome]]]:
    """Every case at once: they do nothing but wait."""
    with contextlib.ExitStack() as stack:
        addresses = {
            "refused": f"127.0.0.1:{free_port()}/mast",
            "socket missing": "localhost/mast?socket_dir=/nonexistent",
            "name unknown": "nope.invalid/mast",
            "deaf": f"127.0.0.1:{stack.enter_context(deaf_listener())}/mast",
            "backlog full": f"127.0.0.1:{stack.enter_context(full_backlog())}/mast",
            "web server": f"127.0.0.1:{stack.enter_context(http_responder())}/mast",
            "reset": f"127.0.0.1:{stack.enter_context(resetter())}/mast",
        }
        yield run_all(
            tmp_path_factory.mktemp("network"),
            {
                name: (
                    new_agent(f"ecto://mast:mast-canary@{address}"),
                    ("enroll", "--timeout", str(TIMEOUT)),
                )
                for name, address in addresses.items()
            },
        )


@pytest.mark.parametrize("name", CASES)
def test_unreachable_database_is_named_and_bounded(
    outcomes: dict[str, tuple[Agent, Outcome]], name: str
) -> None:
    """Each kind of unreachable server is told apart, and the deadline is kept within a second."""
    agent, outcome = outcomes[name]
    cause, remedy = CASES[name]
    assert_failed(agent, outcome, code=69, cause=cause, phase="database", remedy=remedy)
    assert outcome.seconds >= TIMEOUT - 1.1, outcome
    assert outcome.seconds - outcome.held_up <= TIMEOUT + 1, outcome


@pytest.mark.parametrize("name", CASES)
def test_one_cause_is_one_line(outcomes: dict[str, tuple[Agent, Outcome]], name: str) -> None:
    """However often it is tried, a wait for one cause is one line, and the end another."""
    agent, outcome = outcomes[name]
    lines = outcome.stderr.splitlines()
    assert len([line for line in lines if "waiting:" in line]) <= 1, outcome
    assert [line for line in lines if "error:" in line] == [lines[-1]], outcome
    if name in ("refused", "socket missing", "reset"):
        assert agent.published()["attempts"] > 1, (agent.published(), str(outcome))


def test_stall_in_the_middle_of_a_query(agent: Agent, cluster: Cluster, database: str) -> None:
    """A server that stops answering in the middle of a query is left, within the deadline."""
    lock = subprocess.Popen(
        [f"{BINARIES}/psql", "-XqAt", "-h", cluster.directory, "-p", str(cluster.port),
         "-U", "postgres", "-d", database],
        env={"PGPASSWORD": SUPERUSER_PASSWORD, "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    backend = 0
    process = None
    try:
        assert lock.stdin is not None
        assert lock.stdout is not None
        lock.stdin.write("BEGIN; LOCK TABLE servers; SELECT 'locked';\n")
        lock.stdin.flush()
        assert lock.stdout.readline() == "locked\n"
        # The agent's backend waits for the lock: there it is frozen, with a query under way.
        process = agent.start("enroll", "--timeout", "4")
        found = wait_for(
            lambda: cluster.sql(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'mast-agent' "
                "AND datname = current_database() AND wait_event_type = 'Lock'",
                database,
            )
        )
        backend = int(found)
        os.kill(backend, signal.SIGSTOP)
        result = agent.finish(process)
    finally:
        if backend:
            os.kill(backend, signal.SIGCONT)
        if process is not None and process.poll() is None:
            process.kill()
            process.communicate()
        lock.kill()
        lock.communicate()
    assert_failed(agent, result, code=75, cause="stalled", phase="database", remedy="pg_stat")
    assert result.seconds - result.held_up <= 4 + 1, result
