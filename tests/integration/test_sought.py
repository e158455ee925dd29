"""Of a fleet only those rows are read that count, and nothing is decided otherwise for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from mast_agent.config.login import Wanted
from mast_agent.enroll import concerns, servers
from mast_agent.host.deadline import Deadline
from mast_agent.host.identity import Host
from mast_agent.postgres import database as database_
from mast_agent.postgres import ecto_url, sought
from mast_agent.postgres.session import open_session
from support.snippets import add_row

if TYPE_CHECKING:
    from mast_agent.postgres.snapshot import Snapshot
    from mast_agent.postgres.sought import Sought
    from support.postgres import Cluster

HOST = Host(names=frozenset({"web", "web.lan"}), addresses=frozenset({"192.0.2.7"}), machine="m")
WANTED = Wanted(host="192.0.2.7")
ABSENT = "00000000-0000-4000-8000-000000000000"
FLEET = """
INSERT INTO servers (name, host)
SELECT 'web-' || number, '10.0.' || number / 250 || '.' || number % 250
FROM generate_series(1, 2000) AS number
"""
# Name and address of what may be this host, and of what may look so.
OTHERS = [
    ("WEB.LAN", "203.0.113.1"),
    ("Web.Lan.", "127.0.0.1"),
    ("loop", "127.9.9.9"),
    ("local", "LocalHost"),
    ("six", "::1"),
    ("bracketed", "[::1]"),
    ("anywhere", "0.0.0.0"),
    ("self", "192.0.2.7"),
    ("called", "web.lan"),
    ("stranger", "198.51.100.1"),
]


def looked(cluster: Cluster, name: str, wanted: Sought | None) -> Snapshot:
    """Look into a database for what is sought, None for everything."""

    async def look() -> Snapshot:
        target = ecto_url.parse({"DATABASE_URL": cluster.url(name)})
        async with open_session(target, Deadline(30)) as session:
            return await database_.look(session, wanted)

    return asyncio.run(look())


def filled(cluster: Cluster, name: str) -> str:
    """Put a fleet, this host's row and its doubles into a database; return the row's id."""
    cluster.sql(FLEET, name)
    row_id = add_row(cluster, name, "web")
    for other, host in OTHERS:
        cluster.sql(f"INSERT INTO servers (name, host) VALUES ('{other}', '{host}')", name)  # noqa: S608
    return row_id


def test_an_enrollment_reads_its_row_alone(cluster: Cluster, database: str) -> None:
    """Where the id is known, no other row is read."""
    row_id = filled(cluster, database)
    snapshot = looked(cluster, database, sought.Sought(known_id=lambda _: row_id))
    assert snapshot.servers is not None
    assert [row.id for row in snapshot.servers] == [row_id]


def test_status_reads_the_doubles_too(cluster: Cluster, database: str) -> None:
    """The row and what is said of it are as with all rows, of which few are read."""
    row_id = filled(cluster, database)
    wanted = sought.with_doubles(lambda _: row_id, HOST, WANTED)
    some, every = (looked(cluster, database, each).servers for each in (wanted, None))
    assert some is not None
    assert every is not None
    assert len(some) < 15 < len(every)
    row = servers.known(some, row_id, HOST, WANTED)
    assert row is not None
    assert row == servers.known(every, row_id, HOST, WANTED)
    said = [
        [(each.cause, each.message) for each in concerns.of(rows, row, HOST, WANTED)]
        for rows in (some, every)
    ]
    assert said[0] == said[1]
    for find in (servers.candidates, servers.leading_here):
        assert find(some, HOST, WANTED) == find(every, HOST, WANTED)


def test_a_host_without_a_name_has_doubles_too(cluster: Cluster, database: str) -> None:
    """A host that is called localhost has no name to ask for, but Mast may reach it twice."""
    row_id = filled(cluster, database)
    nameless = replace(HOST, names=frozenset())
    wanted = sought.with_doubles(lambda _: row_id, nameless, WANTED)
    some, every = (looked(cluster, database, each).servers for each in (wanted, None))
    assert some is not None
    assert every is not None
    found = servers.leading_here(some, nameless, WANTED)
    assert found
    assert found == servers.leading_here(every, nameless, WANTED)


@pytest.mark.parametrize("known", [None, ABSENT, "no id", ABSENT.upper()])
def test_without_its_row_all_are_read(cluster: Cluster, database: str, known: str | None) -> None:
    """Where no id is known, or no row has it, name and address decide among all of them."""
    filled(cluster, database)
    every = looked(cluster, database, None)
    assert looked(cluster, database, sought.Sought(known_id=lambda _: known)) == every
    wanted = sought.with_doubles(lambda _: known, HOST, WANTED)
    assert looked(cluster, database, wanted).servers == every.servers


def test_a_mast_without_addresses(cluster: Cluster, database: str) -> None:
    """Where there is no column to look for doubles in, all rows are read."""
    row_id = filled(cluster, database)
    cluster.sql("ALTER TABLE servers RENAME host TO address", database)
    every = looked(cluster, database, None)
    wanted = sought.with_doubles(lambda _: row_id, HOST, WANTED)
    assert looked(cluster, database, wanted).servers == every.servers
    one = looked(cluster, database, sought.Sought(known_id=lambda _: row_id)).servers
    assert one is not None
    assert [row.id for row in one] == [row_id]
