"""Rows 46 and 47 of the faults, and their kind: whose row it is, and what becomes of it.

With the reference's Mast.Bootstrap, which goes by the name alone, with a script's, which prints
nothing, and with the one of this project (nix/bootstrap.ex).
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
from support.expect import assert_enrolled, assert_failed
from support.snippets import add_row, psql, this_host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(55)

YES = {"MAST_AGENT_ACCESS": "yes"}
ANOTHER_VAULT_KEY = base64.b64encode(bytes(range(32))).decode()
COUNT = "echo x >> $MAST_REFERENCE_EVAL_LOG\n"


def insert(cluster: Cluster, database: str, name: str, host: str, port: int = 22) -> str:
    """Insert a row as somebody else has, and return its id."""
    values = f"('{name}', '{host}', 'root', {port})"
    sql = f'INSERT INTO servers (name, host, "user", port) VALUES {values} RETURNING id'  # noqa: S608
    return cluster.sql(sql, database)


def forget(agent: Agent) -> None:
    """Lose the record."""
    (agent.state / "enrollment.json").unlink()


@pytest.fixture
def own(agent: Agent, with_bootstrap: Path) -> Agent:
    """The agent with this project's Mast.Bootstrap."""
    agent.environment["MAST_BIN"] = str(with_bootstrap / "bin" / "mast")
    return agent


@pytest.mark.parametrize("host", ["10.9.9.9", "another.example.org", "2001:db8::9"])
@pytest.mark.parametrize("arguments", [(), ("--force",)])
def test_name_with_the_address_of_another(
    agent: Agent, cluster: Cluster, database: str, host: str, arguments: tuple[str, ...]
) -> None:
    """A row with this host's name and another's address: named, with the ways out, no eval."""
    row = insert(cluster, database, this_host(), host)
    result = agent.enroll(30, *arguments)
    published = assert_failed(
        agent, result, code=70, cause="name-taken", phase="enroll", remedy=f"MAST_SELF_HOST={host}"
    )
    for part in (row, host, this_host()):
        assert part in published["error"]["message"]
    assert agent.eval_count() == 0, result
    checked = agent.run("check")
    assert checked.code == 70, checked
    assert host in checked.stderr, checked
    assert agent.status()["code"] == 1


def test_both_rows_of_a_contradiction_are_named(
    agent: Agent, cluster: Cluster, database: str
) -> None:
    """Where the name is in one row and the address in another, both are told."""
    ids = [
        insert(cluster, database, this_host(), "10.9.9.9"),
        insert(cluster, database, "mast", "127.0.0.1"),
    ]
    result = agent.enroll(30)
    assert_failed(agent, result, code=70, cause="name-taken", phase="enroll")
    for part in (*ids, "10.9.9.9", "127.0.0.1", "'mast'"):
        assert part in result.stderr
    assert agent.eval_count() == 0


def test_remedy_of_a_contradiction(agent: Agent, cluster: Cluster, database: str) -> None:
    """Either remedy helps: the address is this host's by MAST_SELF_HOST, or the row is deleted."""
    row = insert(cluster, database, this_host(), "10.9.9.9")
    assert agent.enroll(30).code == 70
    result = agent.enroll(30, MAST_SELF_HOST="10.9.9.9")
    assert_enrolled(agent, result, row)
    assert agent.eval_count() == 0, result
    # By the record now, also where nothing is set any more.
    assert_enrolled(agent, agent.enroll(30), row)
    forget(agent)
    cluster.sql("DELETE FROM servers", database)
    assert agent.enroll(30).code == 0
    assert agent.eval_count() == 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_bootstrap_that_prints_nothing(
    scripted_agent: Callable[[str], Agent], cluster: Cluster, database: str, host: str
) -> None:
    """A row `mast` on a loopback address is this host, also without the record and with --force."""
    once = f"INSERT INTO servers (name, host) VALUES ('mast', '{host}') ON CONFLICT DO NOTHING"  # noqa: S608
    agent = scripted_agent(COUNT + psql(cluster, database, once))
    first = agent.enroll(30)
    row = cluster.sql("SELECT id FROM servers", database)
    assert_enrolled(agent, first, row)
    assert_enrolled(agent, agent.enroll(30), row)
    assert agent.eval_count() == 1
    forget(agent)
    assert_enrolled(agent, agent.enroll(30), row)
    assert_enrolled(agent, agent.enroll(30, "--force"), row)
    assert agent.status()["verdict"] == "enrolled"


def test_an_address_is_not_enough(agent: Agent, cluster: Cluster, database: str) -> None:
    """A row of another name with an address that this host has today is not taken for its own."""
    addresses = [line for line in _addresses() if ":" not in line]
    if not addresses:
        addresses = ["debian"]
    row = insert(cluster, database, "web2", addresses[0])
    result = agent.enroll(30)
    assert result.code == 0, result
    assert agent.record()["server"]["id"] != row, result
    assert agent.eval_count() == 1, result


def _addresses() -> list[str]:
    from mast_agent.host import identity  # noqa: PLC0415 - what the agent sees of this machine

    return sorted(identity.identify().addresses)


def test_moved_sshd(own: Agent, cluster: Cluster, database: str) -> None:
    """After sshd has moved, the row has the old port: status says it, enroll changes it, once."""
    assert own.enroll(30).code == 0
    moved = {"MAST_SELF_PORT": "2222", "MAST_SELF_USER": "ops"}
    before = own.status(**moved)
    assert before["verdict"] == "enrolled"
    assert "port 22 where MAST_SELF_PORT is 2222" in before["summary"]
    assert "mast-agent" in before["remedy"]
    result = own.enroll(30, **moved)
    assert result.code == 0, result
    assert "is up to date now: it had port 22 where MAST_SELF_PORT is 2222" in result.stderr
    assert cluster.sql('SELECT host, "user", port FROM servers', database) == "127.0.0.1|ops|2222"
    evals = cluster.sql("SELECT count(*) FROM audit_events", database)
    again = own.enroll(30, **moved)
    assert "running" not in again.stderr, again
    assert cluster.sql("SELECT count(*) FROM audit_events", database) == evals
    assert "MAST_SELF_PORT" not in own.status(**moved)["summary"]


def test_moved_address_of_a_recorded_row(own: Agent, cluster: Cluster, database: str) -> None:
    """With another MAST_SELF_HOST the record still knows the row, and so does the eval."""
    assert own.enroll(30, MAST_SELF_HOST="10.0.0.5").code == 0
    result = own.enroll(30, MAST_SELF_HOST="10.0.0.6")
    assert result.code == 0, result
    assert cluster.sql("SELECT host FROM servers", database) == "10.0.0.6"


def test_bootstrap_that_changes_nothing(agent: Agent, cluster: Cluster, database: str) -> None:
    """An eval that leaves the row as it is ends with 0 and says so; it is no loop."""
    assert agent.enroll(30).code == 0
    result = agent.enroll(30, MAST_SELF_PORT="2222")
    assert result.code == 0, result
    assert result.stderr.count("still has port 22 where MAST_SELF_PORT is 2222") == 1, result
    assert agent.eval_count() == 2
    assert cluster.sql("SELECT port FROM servers", database) == "22"


def test_bootstrap_that_cannot_be_asked(agent: Agent) -> None:
    """An eval that fails leaves the host enrolled, and the difference is said."""
    assert agent.enroll(30).code == 0
    result = agent.enroll(30, MAST_SELF_PORT="2222", MAST_REFERENCE_ENROLL="raise")
    assert result.code == 0, result
    assert "still has port 22" in result.stderr, result


def test_two_rows_after_a_restore(agent: Agent, cluster: Cluster, database: str) -> None:
    """A database that was restored on a host of another name: two rows, and it is said."""
    old = insert(cluster, database, "old-name", "127.0.0.1")
    assert agent.enroll(30).code == 0
    status = agent.status()
    assert status["verdict"] == "enrolled"
    assert f"the row 'old-name' ({old})" in status["summary"]
    cluster.sql("DELETE FROM servers WHERE name = 'old-name'", database)
    assert "old-name" not in agent.status()["summary"]


def test_restored_row_is_kept(own: Agent, cluster: Cluster, database: str) -> None:
    """This project's Mast.Bootstrap goes on with the row that leads here, and makes no second."""
    old = insert(cluster, database, "old-name", "127.0.0.1")
    assert_enrolled(own, own.enroll(30), old)
    assert cluster.sql("SELECT count(*) FROM servers", database) == "1"


@pytest.mark.parametrize("mast", ["reference", "own"])
@pytest.mark.parametrize("more", [(), ("--force",)])
def test_wrong_vault_key_after_the_enrollment(
    agent: Agent, with_bootstrap: Path, mast: str, more: tuple[str, ...]
) -> None:
    """Another well-formed MAST_VAULT_KEY is configuration: named, 78, one eval."""
    if mast == "own":
        agent.environment["MAST_BIN"] = str(with_bootstrap / "bin" / "mast")
    assert agent.enroll(30).code == 0
    evals = agent.eval_count()
    result = agent.enroll(30, *more, MAST_VAULT_KEY=ANOTHER_VAULT_KEY)
    assert_failed(
        agent, result, code=78, cause="vault-key-wrong", phase="enroll", remedy="MAST_VAULT_KEY"
    )
    assert ANOTHER_VAULT_KEY not in result.stderr + json.dumps(agent.record())
    assert result.stderr.count("running /") == 1, result
    assert agent.eval_count() in (evals, evals + 1)
    # With the right one it is as it was, and costs no eval.
    again = agent.enroll(30)
    assert again.code == 0, again
    assert "running /" not in again.stderr, again


def test_wrong_vault_key_before_the_enrollment(own: Agent, cluster: Cluster, database: str) -> None:
    """A key is not stored beside others that this MAST_VAULT_KEY does not open."""
    assert own.enroll(30).code == 0
    forget(own)
    cluster.sql("UPDATE servers SET name = 'another', host = '10.0.0.1'", database)
    result = own.enroll(30, MAST_VAULT_KEY=ANOTHER_VAULT_KEY)
    assert_failed(
        own, result, code=78, cause="vault-key-wrong", phase="enroll", remedy="MAST_VAULT_KEY"
    )
    assert cluster.sql("SELECT count(*) FROM private_keys", database) == "1"


def test_wrong_vault_key_of_an_unrecorded_row(
    agent: Agent, cluster: Cluster, database: str
) -> None:
    """Where the key has to be asked for, a wrong vault key is not passed over."""
    assert agent.enroll(30).code == 0
    forget(agent)
    result = agent.enroll(30, **YES, MAST_VAULT_KEY=ANOTHER_VAULT_KEY)
    assert_failed(
        agent, result, code=78, cause="vault-key-wrong", phase="enroll", remedy="MAST_VAULT_KEY"
    )
    assert cluster.sql("SELECT count(*) FROM servers", database) == "1"


@pytest.mark.parametrize("command", ["enroll", "check", "access"])
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_self_address(agent: Agent, command: str, host: str) -> None:
    """Mast's SSH takes no IPv6 address: refused with the way out, before anything is waited for."""
    result = agent.run(command, MAST_SELF_HOST=host)
    assert result.code == 78, result
    assert "MAST_SELF_HOST" in result.stderr, result
    assert "127.0.0.1" in result.stderr, result
    assert agent.eval_count() == 0


def test_malformed_port(agent: Agent) -> None:
    """A port that is none is configuration, too, and costs no eval."""
    result = agent.enroll(30, MAST_SELF_PORT="22x")
    assert_failed(
        agent, result, code=78, cause="variable-malformed", phase="release", remedy="65535"
    )


def test_retired_migration(agent: Agent, cluster: Cluster, database: str) -> None:
    """A version older than every file is no downgrade: it goes on, and says so once."""
    cluster.sql("INSERT INTO schema_migrations VALUES (20200101000000, now())", database)
    result = agent.enroll(30)
    assert result.code == 0, result
    assert result.stderr.count("20200101000000") == 1, result
    assert agent.run("check").code == 0
    cluster.sql("INSERT INTO schema_migrations VALUES (20990101000000, now())", database)
    result = agent.enroll(30)
    assert_failed(agent, result, code=78, cause="schema-ahead", phase="migrations")


def test_columns_that_this_mast_has_not(agent: Agent, cluster: Cluster, database: str) -> None:
    """A schema without user and port is compared by what it has."""
    cluster.sql('ALTER TABLE servers DROP COLUMN "user", DROP COLUMN port', database)
    row = add_row(cluster, database)
    assert_enrolled(agent, agent.enroll(30, MAST_SELF_PORT="2222"), row)
    assert agent.eval_count() == 0
