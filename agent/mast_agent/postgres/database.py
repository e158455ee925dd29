"""What the agent asks Mast's database: one snapshot, without a decision.

Everything that one read-only transaction saw becomes a `snapshot.Snapshot`. `migrations` judges
whether the migrations are complete, and `servers` which row is this host.
"""

from __future__ import annotations

import enum
import functools
import hashlib
from typing import TYPE_CHECKING

from psycopg.errors import LockNotAvailable

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.postgres.snapshot import Identity, Server, Snapshot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mast_agent.postgres.session import Session, Transaction
    from mast_agent.postgres.sought import Sought

#: The key of the advisory lock, the same for every mast-agent of every version.
LOCK_KEY = int.from_bytes(hashlib.sha256(b"mast-agent enroll").digest()[:8], "big", signed=True)

# Ecto.Migrator holds this lock on schema_migrations for as long as it works (Ecto.Adapters.
# Postgres, lock_for_migrations); autovacuum takes the same mode, which means nothing.
_MIGRATING = """
SELECT EXISTS (
    SELECT FROM pg_locks AS held
    LEFT JOIN pg_stat_activity AS activity USING (pid)
    WHERE held.relation = to_regclass('schema_migrations')
      AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND held.granted
      AND held.mode IN ('ShareUpdateExclusiveLock', 'AccessExclusiveLock', 'ExclusiveLock')
      AND activity.backend_type IS DISTINCT FROM 'autovacuum worker'
)
"""

# By way of JSON, which has null for a column that a Mast may not have: enrolling needs none.
# A time without a zone is in UTC, as Ecto writes it; what is no time is none.
_SERVERS = r"""
SELECT id::text, name, of ->> 'host', of ->> 'private_key_id', of ->> 'user', of ->> 'port',
       of ? 'last_seen_at',
       CASE WHEN seen ~ '^\d{4}-\d\d-\d\dT[\d:.]+([-+][\d:]+|Z)?$' THEN extract(
           epoch FROM clock_timestamp()
               - (seen || CASE WHEN seen ~ 'T.*[-+Z]' THEN '' ELSE 'Z' END)::timestamptz
       )::float END
FROM servers, to_jsonb(servers) AS of, LATERAL (SELECT of ->> 'last_seen_at') AS _ (seen)
"""
_ALL = f"{_SERVERS} ORDER BY name"
_ONE = f"{_SERVERS} WHERE id = %s::uuid"
# In small letters of ASCII alone, which is quicker than a locale's; the address where there is one.
_DOUBLES = f"""{_SERVERS}
WHERE id = %s::uuid OR lower(name COLLATE "C") = ANY(%s)
   OR lower(host COLLATE "C") = ANY(%s) OR host LIKE '127.%%' ORDER BY name
"""
_HAS_HOST = """
SELECT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = to_regclass('servers') AND attname = 'host' AND NOT attisdropped
)
"""


async def look(session: Session, sought: Sought | None = None) -> Snapshot:
    """Take a snapshot, of all servers or of those that are sought, if the row is among them.

    Raises Failure: read-only server, no right to read, schema_migrations locked as a whole, or
    the connection's own failures.
    """
    try:
        return await session.transact(functools.partial(_look, sought))
    except LockNotAvailable:
        raise _locked() from None


def applied_counter(session: Session, wanted: frozenset[int]) -> Callable[[], Awaitable[int]]:
    """Return what counts the applied ones of the versions: one question, where a look is many.

    It raises Failure where that cannot be told.
    """
    exists = False
    versions = ", ".join(map(str, sorted(wanted)))
    # A text of its own, made once: what stands in it are numbers.
    counted = f"SELECT count(*) FROM schema_migrations WHERE version IN ({versions})".encode()  # noqa: S608

    async def count(ask: Transaction) -> int:
        nonlocal exists
        exists = exists or await ask.value("SELECT to_regclass('schema_migrations') IS NOT NULL")
        if not exists:
            return 0
        return int(await ask.value(counted))

    return lambda: session.ask(count)


def require_servers(snapshot: Snapshot) -> tuple[Server, ...]:
    """Return the rows of a database whose migrations are complete.

    Raises Failure: a later migration has the table locked (75), or there is none (78).
    """
    if snapshot.servers_locked:
        raise _locked()
    if snapshot.servers is None:
        raise Failure(
            causes.SCHEMA_INCOMPLETE, "all migrations are applied, but there is no table servers"
        )
    return snapshot.servers


def _locked() -> Failure:
    return Failure(
        causes.MIGRATIONS_RUNNING,
        "a migration is running: it has locked a table that the agent has to read",
    )


async def _look(sought: Sought | None, ask: Transaction) -> Snapshot:
    read_only, default_read_only = (
        await ask.rows(
            "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::bool"
        )
    )[0]
    if read_only or default_read_only:
        kind = "a standby" if read_only else "set to read-only (default_transaction_read_only)"
        raise Failure(causes.READ_ONLY, f"the server is {kind}: nothing can be enrolled in it")
    identity = await _identity(ask)
    applied: frozenset[int] | None = None
    if await _can_read(ask, "schema_migrations"):
        applied = frozenset(
            row[0] for row in await ask.rows("SELECT version FROM schema_migrations")
        )
    migrating = bool(await ask.value(_MIGRATING))
    servers: tuple[Server, ...] | None = None
    locked = False
    try:
        if await _can_read(ask, "servers"):
            row_id = sought.row_id(identity) if sought is not None else None
            servers = await _sought(ask, sought, row_id) if sought and row_id else None
            servers = servers or tuple(_server(*row) for row in await ask.rows(_ALL))
    except LockNotAvailable:
        # How far the migrations are is known all the same. Nothing more is asked: the
        # transaction is over, and its COMMIT becomes a rollback.
        locked = True
    return Snapshot(
        identity=identity,
        applied=applied,
        migrating=migrating,
        servers=servers,
        servers_locked=locked,
    )


async def _sought(ask: Transaction, sought: Sought, row_id: str) -> tuple[Server, ...] | None:
    """Return the rows that are sought, None where the one with the id is not among them."""
    if not (sought.names or sought.hosts):
        found = await ask.rows(_ONE, [row_id])
    elif await ask.value(_HAS_HOST):
        found = await ask.rows(_DOUBLES, [row_id, [*sought.names], [*sought.hosts]])
    else:
        return None
    servers = tuple(_server(*row) for row in found)
    return servers if any(server.id == row_id for server in servers) else None


def _server(  # noqa: PLR0917 - a row has these columns
    row_id: str,
    name: str,
    host: str | None,
    key: str | None,
    user: str | None,
    port: str | None,
    tells_contact: bool,  # noqa: FBT001 - as above
    seen_seconds: float | None,
) -> Server:
    number = int(port) if port is not None and port.isascii() and port.isdecimal() else None
    return Server(
        id=row_id,
        name=name,
        host=host,
        key_id=key,
        user=user,
        port=number,
        tells_contact=tells_contact,
        # A clock that was set back since then must not make it the future.
        seen_seconds=None if seen_seconds is None else max(0.0, seen_seconds),
    )


async def _identity(ask: Transaction) -> Identity:
    name, readable = (
        await ask.rows(
            "SELECT current_database()::text, "
            "has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"
        )
    )[0]
    identifier = None
    if readable:
        identifier = await ask.value("SELECT system_identifier::text FROM pg_control_system()")
    return Identity(system_identifier=identifier, name=name)


async def _can_read(ask: Transaction, table: str) -> bool:
    """Tell whether `table` is on the search path. Raises Failure (77) if it may not be read."""
    rows = await ask.rows(
        "SELECT has_table_privilege(found, 'SELECT'), current_user, nspname "
        "FROM (SELECT to_regclass(%s)::oid AS found) AS wanted "
        "LEFT JOIN pg_class ON pg_class.oid = found "
        "LEFT JOIN pg_namespace ON pg_namespace.oid = relnamespace",
        [table],
    )
    readable, user, schema = rows[0]
    if readable is False:
        raise Failure(
            causes.SELECT_DENIED,
            f"the role {user!r} may not read the table {table}",
            known={"schema": schema},
        )
    return readable is True


class Lock(enum.Enum):
    """What came of asking for the advisory lock."""

    HELD = "held"
    POOLED = "held by an open transaction, through a pooler"
    HELD_ELSEWHERE = "held by another agent"


async def try_lock(session: Session) -> Lock:
    """Take the agents' advisory lock on the database, for as long as the session lives.

    A lock of the session would stay behind on the server's connection where a pooler shares
    that out by transaction: there it is taken by a transaction that stays open.
    """
    pooled = await session.is_pooled()

    async def lock(ask: Transaction) -> bool:
        if pooled:
            return bool(await ask.value("SELECT pg_try_advisory_xact_lock(%s)", [LOCK_KEY]))
        return bool(await ask.value("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY]))

    if not await session.transact(lock, keep_open=pooled):
        return Lock.HELD_ELSEWHERE
    return Lock.POOLED if pooled else Lock.HELD
