"""Enrolling once and again: one row always, whatever is lost or copied on the agent's side."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from support.copying import copy_database
from support.expect import assert_enrolled
from support.postgres import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.agent import Agent


def row_ids(cluster: Cluster, database: str) -> list[str]:
    """Return the ids of all rows of servers."""
    return cluster.sql("SELECT id FROM servers ORDER BY inserted_at", database).split()


@pytest.fixture(scope="module")
def enrolled_database(cluster: Cluster, migrated_template: str) -> Iterator[str]:
    """Make a database in which the tests of this module enroll one host, again and again."""
    name = "enrolled_again"
    cluster.sql(f"CREATE DATABASE {name} OWNER mast TEMPLATE {migrated_template}")
    yield name
    cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def enrolled(
    cluster: Cluster, enrolled_database: str, new_agent: Callable[[str], Agent]
) -> tuple[Agent, str]:
    """Enroll a fresh host by the reference release; return the agent and the row's id."""
    agent = new_agent(cluster.url(enrolled_database))
    result = agent.enroll()
    (server_id,) = row_ids(cluster, enrolled_database)
    assert_enrolled(agent, result, server_id)
    assert agent.eval_count() == 1, result
    return agent, server_id


def test_fresh(enrolled: tuple[Agent, str]) -> None:
    """A fresh host is enrolled: the row's id is in the record and in `status --json`."""
    agent, server_id = enrolled
    status = agent.status()
    assert status["verdict"] == "enrolled", status
    assert status["server"]["id"] == server_id, status
    assert status["record"] == {**status["record"], "state": "present", "server_id": server_id}
    assert status["database"]["reachable"] is True, status
    assert (agent.state / "enrollment.json").stat().st_mode & 0o777 == 0o600


def test_again_costs_no_eval(
    enrolled: tuple[Agent, str], cluster: Cluster, enrolled_database: str
) -> None:
    """A second run finds the row and starts no BEAM."""
    agent, server_id = enrolled
    before = agent.eval_count()
    result = agent.enroll()
    assert_enrolled(agent, result, server_id)
    assert agent.eval_count() == before, result
    assert row_ids(cluster, enrolled_database) == [server_id], result


def test_force_evaluates_again(
    enrolled: tuple[Agent, str], cluster: Cluster, enrolled_database: str
) -> None:
    """`--force` runs the eval once more, and there is still one row."""
    agent, server_id = enrolled
    before = agent.eval_count()
    result = agent.enroll(30, "--force")
    assert_enrolled(agent, result, server_id)
    assert agent.eval_count() == before + 1, result
    assert row_ids(cluster, enrolled_database) == [server_id], result


def test_deleted_record_is_found_again(
    enrolled: tuple[Agent, str], cluster: Cluster, enrolled_database: str
) -> None:
    """Without its record the host is found in the database, and the record written anew."""
    agent, server_id = enrolled
    before = agent.eval_count()
    (agent.state / "enrollment.json").unlink()
    result = agent.enroll()
    assert_enrolled(agent, result, server_id)
    assert agent.eval_count() == before, result
    assert row_ids(cluster, enrolled_database) == [server_id], result


def test_record_of_another_machine_is_not_believed(
    agent: Agent, cluster: Cluster, database: str
) -> None:
    """A clone with its original's record is enrolled as itself, beside the original."""
    assert agent.enroll(30, MAST_REFERENCE_HOSTNAME="original").code == 0
    (original,) = row_ids(cluster, database)
    record = agent.record()
    record["machine"] = "0" * 32
    (agent.state / "enrollment.json").write_text(json.dumps(record))
    result = agent.enroll(30, MAST_REFERENCE_HOSTNAME="clone")
    assert agent.eval_count() == 2, result
    first, clone = row_ids(cluster, database)
    assert first == original
    assert_enrolled(agent, result, clone)
    assert agent.record()["machine"] != "0" * 32, agent.record()


def test_record_of_another_cluster_is_not_believed(
    scratch: Path,
    cluster: Cluster,
    migrated_template: str,
    new_agent: Callable[[str], Agent],
) -> None:
    """Pointed at another cluster, where the recorded row also exists, the agent asks anew."""
    other = Cluster(scratch / "other")
    name = "moved_here"
    cluster.sql(f"CREATE DATABASE {name} OWNER mast TEMPLATE {migrated_template}")
    agent = new_agent(cluster.url(name))
    try:
        result = agent.enroll(30, MAST_REFERENCE_HOSTNAME="first")
        assert result.code == 0, result
        before = agent.record()
        # With a system identifier of its own, unlike the copies of the template.
        other.initdb()
        other.start()
        other.create_role("mast")
        copy_database(cluster, name, other, name)
        result = agent.enroll(30, DATABASE_URL=other.url(name), MAST_REFERENCE_HOSTNAME="second")
        ids = row_ids(other, name)
    finally:
        other.stop()
        shutil.rmtree(other.directory, ignore_errors=True)
        cluster.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    assert agent.eval_count() == 2, result
    assert len(ids) == 2, ids
    assert_enrolled(agent, result, ids[1])
    after = agent.record()
    assert after["database"]["system_identifier"] != before["database"]["system_identifier"], after


def test_deleted_row_is_stale_and_enroll_converges(
    agent: Agent, cluster: Cluster, database: str
) -> None:
    """A row that the database has lost makes `status` say stale, and `enroll` makes a new one."""
    assert agent.enroll().code == 0
    (lost,) = row_ids(cluster, database)
    cluster.sql("DELETE FROM servers", database)
    status = agent.status()
    assert (status["verdict"], status["code"]) == ("stale", 5), status
    assert "Enroll again" in status["remedy"], status
    result = agent.enroll()
    (found,) = row_ids(cluster, database)
    assert found != lost
    assert_enrolled(agent, result, found)
    assert agent.eval_count() == 2, result
    assert agent.status()["verdict"] == "enrolled"
