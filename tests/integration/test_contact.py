"""Whether Mast has reached its host, as its own row tells it by the database's clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.expect import assert_enrolled

if TYPE_CHECKING:
    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(10)

_AGO = "UPDATE servers SET last_seen_at = (now() - interval '{ago}') AT TIME ZONE 'utc'"


def _contact(agent: Agent) -> dict[str, Any]:
    contact: dict[str, Any] = agent.status()["access"]["contact"]
    return contact


@pytest.fixture(autouse=True)
def _enrolled(agent: Agent, cluster: Cluster, database: str) -> None:
    assert_enrolled(agent, agent.enroll(), cluster.sql("SELECT id FROM servers", database))


def test_age_of_the_last_visit(agent: Agent, cluster: Cluster, database: str) -> None:
    """It is counted by the database, whatever the time zone of the session is."""
    assert _contact(agent)["reach"] == "unchecked"
    cluster.sql(_AGO.format(ago="12 s"), database)
    cluster.sql(f"ALTER DATABASE {database} SET timezone = 'Asia/Tokyo'", database)
    contact = _contact(agent)
    assert contact["reach"] == "reached"
    assert 11 <= contact["seconds"] < 100  # Mast's column holds whole seconds


def test_time_with_a_zone(agent: Agent, cluster: Cluster, database: str) -> None:
    """A Mast that notes the zone too is read as well."""
    cluster.sql(f"ALTER DATABASE {database} SET timezone = 'Asia/Tokyo'", database)
    cluster.sql("ALTER TABLE servers ALTER COLUMN last_seen_at TYPE timestamptz", database)
    cluster.sql("UPDATE servers SET last_seen_at = now() - interval '30 s'", database)
    assert 30 <= _contact(agent)["seconds"] < 100


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE servers DROP COLUMN last_seen_at",
        "ALTER TABLE servers ALTER COLUMN last_seen_at TYPE text USING 'yesterday'",
        "UPDATE servers SET last_seen_at = 'infinity'",
    ],
    ids=["no column", "a text", "infinity"],
)
def test_what_says_nothing(agent: Agent, cluster: Cluster, database: str, change: str) -> None:
    """Another schema tells nothing of visits, and keeps nobody from being enrolled."""
    cluster.sql(change, database)
    contact = _contact(agent)
    assert contact["reach"] in ("unknown", "unchecked")
    assert contact["seconds"] is None
    assert agent.run("enroll").code == 0


def test_managed_has_a_code_of_its_own(agent: Agent, cluster: Cluster, database: str) -> None:
    """Whoever asks for more is told 6 where Mast has not come, 0 where it has."""
    never = agent.run("status", "--managed")
    assert never.code == 6, never
    assert "Mast has not reached this host since its key was installed" in never.stdout
    assert agent.run("status").code == 0
    cluster.sql(_AGO.format(ago="1 s"), database)
    assert agent.run("status", "--managed").code == 0
    waited = agent.run("status", "--managed", "--wait")
    assert waited.code == 0, waited


def test_managed_without_the_database(agent: Agent) -> None:
    """What cannot be asked is not claimed either way."""
    result = agent.run("status", "--managed", DATABASE_URL="ecto://mast:x@127.0.0.1:1/mast")
    assert result.code == 4, result
    assert "cannot be told" in result.stdout, result
