"""Rows 13 to 17 of the faults: migrations missing, running, interrupted, ahead, or not readable."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from support.expect import assert_enrolled, assert_failed, waits_for
from support.migrating import migrating
from support.postgres import BINARIES
from support.snippets import add_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(10)

AHEAD = "20991231235959"


def apply(cluster: Cluster, database: str, version: str) -> None:
    """Note `version` as applied, as Ecto does at the end of a migration."""
    insert = f"INSERT INTO schema_migrations VALUES ({version}, now())"  # noqa: S608 - a number
    cluster.sql(insert, database)


@contextlib.contextmanager
def open_transaction(cluster: Cluster, database: str, statement: str) -> Iterator[None]:
    """Run `statement` in a session of its own, in a transaction that stays open."""
    session = subprocess.Popen(
        [f"{BINARIES}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", cluster.directory,
         "-p", str(cluster.port), "-U", "mast", "-d", database],
        env={"PGPASSWORD": "mast-canary", "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert session.stdin is not None
        assert session.stdout is not None
        session.stdin.write(f"BEGIN; {statement}; SELECT 'begun';\n")
        session.stdin.flush()
        assert session.stdout.readline() == "begun\n"
        yield
    finally:
        session.kill()
        session.communicate()


def test_no_table_yet(
    cluster: Cluster, empty_database: str, new_agent: Callable[[str], Agent]
) -> None:
    """An empty database has none of the migrations, which is waited for."""
    agent = new_agent(cluster.url(empty_database))
    result = agent.enroll(2)
    published = assert_failed(
        agent, result, code=75, cause="migrations-pending", phase="migrations", remedy="migrate()"
    )
    assert published["migrations"] == {"applied": 0, "total": 22}, published
    assert "no table schema_migrations yet" in published["error"]["message"], published


def test_each_step_is_counted(agent: Agent, cluster: Cluster, database: str) -> None:
    """Rows that come one by one are counted and logged one by one, and the last one ends it."""
    server_id = add_row(cluster, database)
    versions = cluster.sql("SELECT version FROM schema_migrations ORDER BY 1", database).split()
    cluster.sql(f"DELETE FROM schema_migrations WHERE version >= {versions[-3]}", database)  # noqa: S608
    process = agent.start("enroll", "--timeout", "40")
    try:
        for applied, version in enumerate(versions[-3:], start=19):
            agent.wait_published(waits_for("migrations-pending", applied))
            apply(cluster, database, version)
        result = agent.finish(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert_enrolled(agent, result, server_id)
    for applied in (19, 20, 21):
        lines = [line for line in result.stderr.splitlines() if f"{applied} of 22" in line]
        assert len(lines) == 1, result


@pytest.mark.parametrize("mode", ["SHARE UPDATE EXCLUSIVE", "ACCESS EXCLUSIVE"])
def test_running_migration_is_recognized(
    agent: Agent, cluster: Cluster, database: str, mode: str
) -> None:
    """Ecto's lock says that a migration is running, and a table locked whole says so too."""
    cluster.sql(
        "DELETE FROM schema_migrations WHERE version = "
        "(SELECT max(version) FROM schema_migrations)",
        database,
    )
    with open_transaction(cluster, database, f"LOCK TABLE schema_migrations IN {mode} MODE"):
        result = agent.enroll(4)
    published = assert_failed(
        agent, result, code=75, cause="migrations-running", phase="migrations", remedy="Wait"
    )
    assert "a migration is running" in published["error"]["message"], published
    assert result.seconds - result.held_up < 4 + 10, result


def test_enrolls_when_the_lock_is_gone(agent: Agent, cluster: Cluster, database: str) -> None:
    """A table that a migration has locked is waited for, and then read."""
    server_id = add_row(cluster, database)
    process = None
    try:
        with open_transaction(cluster, database, "LOCK TABLE servers IN ACCESS EXCLUSIVE MODE"):
            process = agent.start("enroll", "--timeout", "40")
            waiting = agent.wait_published(lambda status: status["state"] == "waiting")
        result = agent.finish(process)
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.communicate()
    assert waiting["error"]["cause"] == "migrations-running", waiting
    assert_enrolled(agent, result, server_id)


def test_server_killed_in_the_middle_of_a_migration(
    own_cluster: Cluster, reference: Path, new_agent: Callable[[str], Agent]
) -> None:
    """A migration that dies with its backend is not taken for applied; the next run of it is."""
    own_cluster.start()
    own_cluster.create_role("mast")
    own_cluster.sql("CREATE DATABASE mast OWNER mast")
    url = own_cluster.url("mast")
    agent = new_agent(url)
    process = agent.start("enroll", "--timeout", "90")
    try:
        with migrating(reference, url, sleep=60):
            agent.wait_published(waits_for("migrations-running", 20), 60)
            backend = own_cluster.sql(
                "SELECT pid FROM pg_stat_activity WHERE application_name <> 'mast-agent' "
                "AND usename = 'mast' AND backend_xid IS NOT NULL"
            )
            # The whole server goes through crash recovery, as after a power loss.
            os.kill(int(backend.split()[0]), signal.SIGKILL)
        interrupted = agent.wait_published(waits_for("migrations-pending", 20), 30)
        rows = own_cluster.sql("SELECT count(*) FROM schema_migrations", "mast")
        with migrating(reference, url):
            result = agent.finish(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert rows == "20"
    assert interrupted["migrations"] == {"applied": 20, "total": 22}, interrupted
    assert_enrolled(agent, result, own_cluster.sql("SELECT id FROM servers", "mast"))


def test_schema_ahead_of_the_release(agent: Agent, cluster: Cluster, database: str) -> None:
    """A version that the release does not know stops it before any eval, and is named."""
    apply(cluster, database, AHEAD)
    result = agent.enroll(10)
    published = assert_failed(
        agent, result, code=78, cause="schema-ahead", phase="migrations", remedy="newer release"
    )
    assert AHEAD in published["error"]["message"], published
    assert agent.eval_count() == 0, result


@pytest.mark.parametrize("table", ["schema_migrations", "servers"])
def test_no_right_to_read(agent: Agent, cluster: Cluster, database: str, table: str) -> None:
    """A table that the role may not read stops it, and is named."""
    cluster.sql(f"REVOKE SELECT ON {table} FROM mast", database)  # noqa: S608 - from the list above
    result = agent.enroll(10)
    published = assert_failed(
        agent, result, code=77, cause="select-denied", phase="migrations", remedy="GRANT ALL"
    )
    assert table in published["error"]["message"], published
    assert agent.eval_count() == 0, result
