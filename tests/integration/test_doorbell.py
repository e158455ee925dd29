"""What ends a wait early: a server of this host that begins to listen, and migrations."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import time
from typing import TYPE_CHECKING

import pytest
from mast_agent.enroll import doorbell
from mast_agent.enroll.doorbell import COUNT_SECONDS, Doorbell
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host.deadline import Deadline
from mast_agent.postgres import ecto_url
from unit.builders import target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mast_agent.postgres.parameters import ConnectionParameters
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(10)

PENDING = Failure(causes.MIGRATIONS_PENDING, "some are missing")


async def _until(cluster: Cluster, database: str, *statements: str) -> list[bool]:
    """Run statements while it is waited for three migrations; tell after which it had rung."""
    target = ecto_url.parse({"DATABASE_URL": cluster.url(database)})
    bell = Doorbell(target, Deadline(60), frozenset({1, 2, 3}))
    ringing = asyncio.ensure_future(bell.ring(PENDING))
    rung = []
    for statement in statements:
        await asyncio.sleep(2 * COUNT_SECONDS)
        await asyncio.to_thread(cluster.sql, statement, database)
        await asyncio.wait({ringing}, timeout=4 * COUNT_SECONDS)
        rung.append(ringing.done())
    await asyncio.wait_for(ringing, 30)
    return rung


_TABLE = "CREATE TABLE schema_migrations (version bigint, inserted_at timestamp)"


def test_the_last_migration(cluster: Cluster, empty_database: str) -> None:
    """It does not ring for a table alone, nor for versions of others; it does for the last one."""
    own = f"{_TABLE}; ALTER TABLE schema_migrations OWNER TO mast"
    others = "INSERT INTO schema_migrations VALUES (7), (8), (9)"
    all_three = "INSERT INTO schema_migrations VALUES (1), (2), (3)"
    rung = asyncio.run(_until(cluster, empty_database, own, others, all_three))
    assert rung[:2] == [False, False], rung


def test_some_more(cluster: Cluster, empty_database: str) -> None:
    """It rings for progress too, so that it can be told."""
    own = f"{_TABLE}; ALTER TABLE schema_migrations OWNER TO mast"
    asyncio.run(_until(cluster, empty_database, own, "INSERT INTO schema_migrations VALUES (1)"))


def test_what_cannot_be_counted(cluster: Cluster, empty_database: str) -> None:
    """Where the role may not read them, it rings, so that the attempt finds it out."""
    asyncio.run(_until(cluster, empty_database, _TABLE))


def bell(where: ConnectionParameters) -> Doorbell:
    """Return a doorbell for a server at `where`."""
    return Doorbell(where, Deadline(60), frozenset({1}))


async def _ring_after(where: ConnectionParameters, listen: Callable[[], socket.socket]) -> bool:
    """Tell whether it rings once `listen` was called, and not before."""
    ringing = asyncio.ensure_future(bell(where).ring(Failure(causes.REFUSED, "")))
    await asyncio.sleep(3 * doorbell.KNOCK_SECONDS)
    early = ringing.done()
    with listen():
        await asyncio.wait_for(ringing, 30)
    return not early


def test_a_port_of_this_host() -> None:
    """It rings when something listens there, and knocks without a connection until then."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def listen() -> socket.socket:
        server = socket.create_server(("127.0.0.1", port))
        server.settimeout(30)
        return server

    where = dataclasses.replace(target(), host="127.0.0.1", port=port)
    assert asyncio.run(_ring_after(where, listen))


def test_a_socket(tmp_path: Path) -> None:
    """It rings when something listens at the socket, not when only its file is there."""
    path = tmp_path / ".s.PGSQL.5432"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()

    def listen() -> socket.socket:
        path.unlink()
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen()
        return server

    where = dataclasses.replace(target(), host=None, socket_directory=str(tmp_path), port=5432)
    assert asyncio.run(_ring_after(where, listen))


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "localhost4", "127.9.9.9"])
def test_names_are_not_looked_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a loopback address is called, no name service is asked to knock."""

    def look_up(*_: object, **__: object) -> None:
        raise AssertionError("a look-up")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    where = dataclasses.replace(target(), host=name, port=1)
    assert not asyncio.run(doorbell.listens(where))


def test_what_listens_and_is_no_server_is_not_knocked_at_all_the_time() -> None:
    """Where the attempt fails all the same, it does not ring again at once."""

    async def twice(where: ConnectionParameters) -> float:
        rings = bell(where)
        await rings.ring(Failure(causes.REFUSED, ""))
        begin = time.monotonic()
        await rings.ring(Failure(causes.REFUSED, ""))
        return time.monotonic() - begin

    with socket.create_server(("127.0.0.1", 0)) as server:
        where = dataclasses.replace(target(), host="127.0.0.1", port=server.getsockname()[1])
        assert asyncio.run(twice(where)) >= 0.9 * doorbell.APART_SECONDS
