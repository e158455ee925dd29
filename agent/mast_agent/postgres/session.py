"""A connection to Mast's database on which the time of every statement is limited.

`database` decides what to ask. This module makes sure that no question takes too long: not when a
server stalls in the middle of a query, not when a table is locked, not when a signal arrives.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.errors import LockNotAvailable, QueryCanceled

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.postgres import pooler
from mast_agent.postgres.connect import connect
from mast_agent.postgres.diagnose import by_sqlstate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
    from typing import LiteralString

    from mast_agent.host.deadline import Deadline
    from mast_agent.postgres.parameters import ConnectionParameters

TRANSACTION_SECONDS = 8.0
"""How long one transaction of the agent may take."""
_LOCK_SECONDS = 2
_STATEMENT_SECONDS = 7

_T = TypeVar("_T")


class Transaction:
    """Asks questions inside one read-only transaction."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def rows(
        self,
        query: LiteralString | bytes,
        arguments: Sequence[object] | Mapping[str, object] = (),
    ) -> list[tuple[Any, ...]]:
        """Return all rows of `query`."""
        cursor = await self._connection.execute(query, arguments or None)
        return await cursor.fetchall()

    async def value(
        self,
        query: LiteralString | bytes,
        arguments: Sequence[object] | Mapping[str, object] = (),
    ) -> Any:
        """Return the first column of the first row of `query`."""
        return (await self.rows(query, arguments))[0][0]


class Session:
    """One open connection; `open_session` makes and closes it."""

    def __init__(
        self,
        connection: psycopg.AsyncConnection[Any],
        parameters: ConnectionParameters,
        deadline: Deadline,
    ) -> None:
        self._connection = connection
        self._parameters = parameters
        self._deadline = deadline

    async def transact(
        self, work: Callable[[Transaction], Awaitable[_T]], *, keep_open: bool = False
    ) -> _T:
        """Run `work` in a read-only transaction of at most TRANSACTION_SECONDS.

        With `keep_open` the transaction is left open behind it, until the session closes.
        Raises Failure, and LockNotAvailable when a table stayed locked for two seconds.
        """
        return await self._bounded(self._transaction(work, keep_open=keep_open))

    async def ask(self, work: Callable[[Transaction], Awaitable[_T]]) -> _T:
        """Run `work` outside of a transaction, for as long as one may take. Raises as that does."""
        return await self._bounded(work(Transaction(self._connection)))

    async def _transaction(
        self, work: Callable[[Transaction], Awaitable[_T]], *, keep_open: bool
    ) -> _T:
        connection = self._connection
        # SET LOCAL and not the options of the connection: a pooler takes those away or refuses.
        await connection.execute("BEGIN READ ONLY")
        # At most half of what is left, so that at the end it is still the lock that is named.
        lock_ms = max(1, round(min(_LOCK_SECONDS, self._deadline.remaining() / 2) * 1000))
        await connection.execute(f"SET LOCAL lock_timeout = '{lock_ms}ms'")
        await connection.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'")
        result = await work(Transaction(connection))
        if not keep_open:
            await connection.execute("COMMIT")
        return result

    async def _bounded(self, work: Awaitable[_T]) -> _T:
        """Wait for `work`, and cut the connection when time is up or a signal arrives.

        A task that runs a query is not cancelled: psycopg would then ask the server to cancel,
        and wait for the answer of a server that may be the one that hangs.
        """
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task}, timeout=self._deadline.within(TRANSACTION_SECONDS))
        finally:
            cut = not task.done()
            if cut:
                self._cut()
            with contextlib.suppress(Exception):
                await task
        if cut:
            raise Failure(
                causes.STALLED,
                f"the server at {self._parameters.place} stalled in the middle of a query",
            )
        try:
            return task.result()
        except LockNotAvailable:
            raise
        except QueryCanceled as error:
            raise Failure(
                causes.STALLED,
                f"the server at {self._parameters.place} is too slow: {_state(error)}",
            ) from error
        except psycopg.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: psycopg.Error) -> Failure:
        if error.sqlstate is None:
            return Failure(
                causes.CONNECTION_LOST, f"the connection to {self._parameters.place} was lost"
            )
        if error.diag.source_function is None:
            return pooler.failure(
                error.sqlstate, error.diag.message_primary or "", self._parameters
            )
        return by_sqlstate(
            error.sqlstate, f"the server at {self._parameters.place} reports {_state(error)}"
        )

    def _cut(self) -> None:
        """End the connection below libpq, which then reports it as lost."""
        with contextlib.suppress(OSError, psycopg.Error):
            duplicate = socket.socket(fileno=os.dup(self._connection.fileno()))
            with duplicate:
                duplicate.shutdown(socket.SHUT_RDWR)

    async def is_pooled(self) -> bool:
        """Tell whether a pooler such as PgBouncer stands before the server.

        A pooler invents the process id that it hands to its client (BackendKeyData).
        """

        async def ask(transaction: Transaction) -> int:
            return int(await transaction.value("SELECT pg_backend_pid()"))

        return await self.transact(ask) != self._connection.pgconn.backend_pid


def _state(error: psycopg.Error) -> str:
    return f"SQLSTATE {error.sqlstate} ({type(error).__name__})"


@contextlib.asynccontextmanager
async def open_session(
    parameters: ConnectionParameters, deadline: Deadline
) -> AsyncIterator[Session]:
    """Connect, and close the connection at the end. Raises Failure."""
    connection = await connect(parameters, deadline)
    try:
        await connection.set_autocommit(True)
        yield Session(connection, parameters, deadline)
    finally:
        # Not close(): it would say goodbye to a server that may have gone.
        connection.pgconn.finish()
