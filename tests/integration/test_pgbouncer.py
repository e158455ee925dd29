"""Rows 42 and 49 of the faults: PgBouncer before the database, and what it says of itself."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from support.agent import wait_for
from support.expect import assert_enrolled, assert_failed, assert_no_secret
from support.postgres import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(15)


def answers(port: int) -> bool:
    """Tell whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def pgbouncer(directory: Path, cluster: Cluster, *databases: str, **settings: str) -> Iterator[int]:
    """Run PgBouncer in transaction mode before `cluster`; yield its port.

    `databases` are further lines of its section [databases], with {server} for the server's place.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "apt-get install pgbouncer"
    directory.mkdir()
    port = free_port()
    server = f"host=127.0.0.1 port={cluster.port}"
    (directory / "users").write_text(
        "".join(f'"{user}" "{user}-canary"\n' for user in ("mast", "ghost"))
    )
    given = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "scram-sha-256",
        "auth_file": f"{directory}/users",
        "pool_mode": "transaction",
        "default_pool_size": "5",
        "admin_users": "mast",
        **settings,
    }
    sections = ["[databases]", *(line.format(server=server) for line in databases), "[pgbouncer]"]
    sections += [f"{name} = {value}" for name, value in given.items()]
    (directory / "pgbouncer.ini").write_text("\n".join(sections) + "\n")
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


@pytest.fixture(scope="module")
def pooler(cluster: Cluster, scratch: Path) -> Iterator[int]:
    """PgBouncer as it is by itself; the server behind its database `dead` is not there."""
    dead = f"dead = host=127.0.0.1 port={free_port()}"
    with pgbouncer(scratch / "pgbouncer", cluster, "* = {server}", dead) as port:
        yield port


#: How the pooler says no: the database, user and password that are asked for; then what of its
#: words has to be quoted, the exit code, and the cause.
REFUSALS = {
    "wrong password": (
        ("fine", "mast", "wrong-canary"), "SASL authentication failed", 78, "wrong-password",
    ),
    "no such user": (
        ("fine", "nobody", "nobody-canary"), "SASL authentication failed", 78, "wrong-password",
    ),
    "user unknown to the server": (
        ("fine", "ghost", "ghost-canary"), 'failed for user "ghost"', 78, "wrong-password",
    ),
    "no such database": (
        ("nope", "mast", "mast-canary"), "no such database: nope", 78, "database-missing",
    ),
    "no such database behind it": (
        ("behind", "mast", "mast-canary"), '"nothere" does not exist', 78, "database-missing",
    ),
    "disabled": (
        ("off", "mast", "mast-canary"), 'database "off" is disabled', 69, "pooler-refused",
    ),
    "paused": (
        ("paused", "mast", "mast-canary"), "query_wait_timeout", 69, "pooler-server-down",
    ),
    "no server": (
        ("dead", "mast", "mast-canary"), "query_wait_timeout", 69, "pooler-server-down",
    ),
    "statement mode": (
        ("statements", "mast", "mast-canary"), "statement pooling mode", 78,
        "pooler-statement-mode",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def refusing(cluster: Cluster, scratch: Path) -> Iterator[int]:
    """PgBouncer that lets nobody wait for long, with a database for each way to say no."""
    databases = (
        "fine = {server} dbname=postgres",
        "behind = {server} dbname=nothere",
        "off = {server} dbname=postgres",
        "paused = {server} dbname=postgres",
        "statements = {server} dbname=postgres pool_mode=statement",
        f"dead = host=127.0.0.1 port={free_port()}",
    )
    with pgbouncer(
        scratch / "refusing-pooler", cluster, *databases, query_wait_timeout="2"
    ) as port:
        for command in ("DISABLE off", "PAUSE paused"):
            subprocess.run(
                ["psql", "-XqAt", "-h", "127.0.0.1", "-p", str(port), "-U", "mast",
                 "-d", "pgbouncer", "-c", command],
                env={**os.environ, "PGPASSWORD": "mast-canary"}, check=True, capture_output=True,
            )  # fmt: skip
        yield port


@pytest.mark.parametrize("name", REFUSALS)
def test_its_words_are_quoted_and_judged(
    name: str, refusing: int, new_agent: Callable[[str], Agent]
) -> None:
    """What the pooler says is repeated, as the pooler's, with the code that belongs to it."""
    (database, user, password), words, code, cause = REFUSALS[name]
    result = new_agent(f"ecto://{user}:{password}@127.0.0.1:{refusing}/{database}").run("check")
    assert result.code == code, result
    assert f"the pooler at 127.0.0.1:{refusing} says: " in result.stderr, result
    assert words in result.stderr, result
    assert f"[{cause}, exit {code}]" in result.stderr, result
    assert "log of PostgreSQL" not in result.stderr, result
    assert_no_secret(result.stdout + result.stderr, password)


def test_refusal_has_its_grace(refusing: int, new_agent: Callable[[str], Agent]) -> None:
    """What may be a pooler that is still being set up is borne for a while, and is then 78."""
    agent = new_agent(f"ecto://mast:mast-canary@127.0.0.1:{refusing}/nope")
    result = agent.enroll(9)
    published = assert_failed(
        agent, result, code=78, cause="database-missing", phase="database", remedy="[databases]"
    )
    assert published["attempts"] >= 2, (published, str(result))


def test_silent_in_the_middle_of_the_login(pooler: int, new_agent: Callable[[str], Agent]) -> None:
    """A pooler that has no server for a client is named, though it says nothing."""
    result = new_agent(f"ecto://mast:mast-canary@127.0.0.1:{pooler}/dead").run("check")
    assert result.code == 69, result
    assert "begins the login of 'mast' and does not end it" in result.stderr, result
    assert "SHOW POOLS" in result.stderr, result


def test_server_behind_it_goes_away(
    own_cluster: Cluster, scratch: Path, new_agent: Callable[[str], Agent]
) -> None:
    """A pooler that has known its server says that it is gone when it is asked for something."""
    own_cluster.start()
    own_cluster.create_role("mast")
    with pgbouncer(
        scratch / "leaving", own_cluster, "* = {server}", query_wait_timeout="1"
    ) as port:
        agent = new_agent(f"ecto://mast:mast-canary@127.0.0.1:{port}/postgres")
        # Nothing is migrated there; the pooler has the server's greeting now.
        before = agent.run("check")
        assert before.code == 75, before
        own_cluster.stop()

        def says_so() -> bool:
            result = agent.run("check")
            assert result.code == 69, result
            assert "[pooler-server-down, exit 69]" in result.stderr, result
            return "says: server login has been failing" in result.stderr

        assert wait_for(says_so)


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
