"""The agent is started before everything else: it waits for each thing, says which, and enrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.expect import assert_enrolled, waits_for
from support.migrating import migrating
from support.snippets import add_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(15)


def test_everything_comes_after_the_agent(
    own_cluster: Cluster, reference: Path, new_agent: Callable[[str], Agent]
) -> None:
    """Server, role, database and migrations come one by one; each wait is named; it enrolls."""
    url = own_cluster.url("mast")
    agent = new_agent(url)
    process = agent.start("enroll", "--timeout", "120")
    try:
        agent.wait_published(waits_for("refused"))
        own_cluster.start()
        agent.wait_published(waits_for("wrong-password"))
        own_cluster.create_role("mast")
        agent.wait_published(waits_for("database-missing"), 30)
        own_cluster.sql("CREATE DATABASE mast OWNER mast")
        agent.wait_published(waits_for("migrations-pending", 0), 30)
        with migrating(reference, url, sleep=4):
            running = agent.wait_published(waits_for("migrations-running", 20), 60)
            status = agent.status()
            result = agent.finish(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert running["migrations"] == {"applied": 20, "total": 22}, running
    assert "20 of 22" in running["message"], running
    assert "a migration is running" in running["message"], running
    assert (status["verdict"], status["code"]) == ("pending", 3), status
    assert status["error"]["cause"] == "migrations-running", status
    assert_enrolled(agent, result, own_cluster.sql("SELECT id FROM servers", "mast"))
    assert agent.eval_count() == 1, result
    waits = [line for line in result.stderr.splitlines() if ": waiting: " in line]
    expected = ["refused", "password", "does not exist", "0 of 22", "20 of 22"]
    positions = [
        next((number for number, line in enumerate(waits) if words in line), -1)
        for words in expected
    ]
    assert -1 not in positions, result
    assert positions == sorted(positions), result


def test_gap_in_the_middle_is_waited_for(agent: Agent, cluster: Cluster, database: str) -> None:
    """A version missing in the middle is missing, though the greatest is there."""
    server_id = add_row(cluster, database)
    version = cluster.sql(
        "DELETE FROM schema_migrations WHERE version = (SELECT version FROM schema_migrations "
        "ORDER BY version OFFSET 10 LIMIT 1) RETURNING version",
        database,
    )
    process = agent.start("enroll", "--timeout", "30")
    try:
        waiting = agent.wait_published(waits_for("migrations-pending", 21))
        insert = f"INSERT INTO schema_migrations VALUES ({version}, now())"  # noqa: S608 - a number
        cluster.sql(insert, database)
        result = agent.finish(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert "21 of 22" in waiting["message"], waiting
    assert "none is running" in waiting["message"], waiting
    assert_enrolled(agent, result, server_id)
    assert agent.eval_count() == 0, result
