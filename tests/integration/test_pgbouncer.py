"""Row 42 of the faults: PgBouncer, sharing connections out by transaction, before the database."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from support.agent import wait_for
from support.expect import assert_enrolled
from support.postgres import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster


def answers(port: int) -> bool:
    """Tell whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def pooler(cluster: Cluster, scratch: Path) -> Iterator[int]:
    """Start PgBouncer in transaction mode before the shared server; yield its port."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "apt-get install pgbouncer"
    directory = scratch / "pgbouncer"
    directory.mkdir()
    port = free_port()
    (directory / "users").write_text('"mast" "mast-canary"\n')
    (directory / "pgbouncer.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={cluster.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {directory}/users\n"
        "pool_mode = transaction\ndefault_pool_size = 5\n"
    )
    process = subprocess.Popen(
        [program, "-q", directory / "pgbouncer.ini"],
        user="postgres" if os.geteuid() == 0 else None,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: answers(port))
        yield port
    finally:
        process.kill()
        process.wait()


def test_enrolls_through_a_pooler(
    cluster: Cluster, database: str, pooler: int, new_agent: Callable[[str], Agent]
) -> None:
    """It says that session locks do not hold there, enrolls, and leaves no lock behind."""
    agent = new_agent(f"ecto://mast:mast-canary@127.0.0.1:{pooler}/{database}")
    first = agent.enroll(40)
    server_id = cluster.sql("SELECT id FROM servers", database)
    assert_enrolled(agent, first, server_id)
    assert "session locks do not hold there" in first.stderr, first
    locks = cluster.sql(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database "
        "WHERE locktype = 'advisory' AND datname = current_database()",
        database,
    )
    assert locks == "0", first
    # With the lock of a session left on one of the pooler's connections this would not end.
    second = agent.enroll(40, "--force")
    assert_enrolled(agent, second, server_id)
    assert agent.eval_count() == 2, second
    assert cluster.sql("SELECT count(*) FROM servers", database) == "1"


def test_says_nothing_without_a_pooler(agent: Agent, cluster: Cluster, database: str) -> None:
    """Straight at the server there is no talk of a pooler."""
    result = agent.enroll(40)
    assert_enrolled(agent, result, cluster.sql("SELECT id FROM servers", database))
    assert "pooler" not in result.stderr, result
