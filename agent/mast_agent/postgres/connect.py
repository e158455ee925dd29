"""Opens one connection to PostgreSQL, bounded in time and ending at once when cancelled.

libpq is driven here through psycopg's own binding rather than through `AsyncConnection.connect`
for three reasons: the name is looked up the way Mast looks it up, and a name service that hangs
holds nothing up; libpq can be told to report the SQLSTATE of a refusal (see `diagnose`); and the
time is bounded to the fraction of a second. What comes out is an ordinary psycopg connection.
What libpq is told is `libpq`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.postgres import libpq
from mast_agent.postgres.diagnose import connection_failure

if TYPE_CHECKING:
    from mast_agent.host.deadline import Deadline
    from mast_agent.postgres.parameters import ConnectionParameters

TRY_SECONDS = 5.0
"""How long one address is tried."""


async def connect(
    parameters: ConnectionParameters, deadline: Deadline
) -> psycopg.AsyncConnection[Any]:
    """Return an open connection, trying the host's addresses in turn.

    Raises Failure: whatever `diagnose` makes of the last address's refusal, or that the name
    cannot be resolved, or that nothing answered within TRY_SECONDS or the deadline.
    """
    if parameters.host is None:
        return await _connect(parameters, None, deadline)
    failure: Failure | None = None
    for address in await _resolve(parameters, deadline):
        try:
            return await _connect(parameters, address, deadline)
        except Failure as error:
            failure = error
            if error.cause.slug not in _NEXT_ADDRESS_MAY_HELP:
                break
    raise failure or Failure(
        causes.NAME_UNRESOLVED, f"the host name {parameters.host!r} has no address"
    )


_NEXT_ADDRESS_MAY_HELP = frozenset(
    cause.slug for cause in (causes.REFUSED, causes.UNREACHABLE, causes.TIMED_OUT)
)


async def _connect(
    parameters: ConnectionParameters, address: str | None, deadline: Deadline
) -> psycopg.AsyncConnection[Any]:
    seconds = deadline.within(TRY_SECONDS)
    pgconn = libpq.start(parameters, address)
    try:
        async with asyncio.timeout(seconds):
            await _handshake(pgconn, parameters)
    except BaseException as error:
        # The server has asked for the password and got it, or has been content without.
        begun = pgconn.used_password or pgconn.status == pq.ConnStatus.AUTH_OK
        pgconn.finish()
        if isinstance(error, TimeoutError):
            raise _silent(parameters, begun=begun, cut_short=seconds < TRY_SECONDS) from None
        raise
    connection = psycopg.AsyncConnection[Any](pgconn)
    # A prepared statement belongs to a session, which a pooler may not keep for us.
    connection.prepare_threshold = None
    return connection


def _silent(parameters: ConnectionParameters, *, begun: bool, cut_short: bool) -> Failure:
    """Return what silence means; in the middle of the login (`begun`) it is a pooler that waits."""
    if begun:
        return Failure(
            causes.TIMED_OUT,
            f"what listens at {parameters.place} begins the login of {parameters.user!r} and does "
            "not end it, as a pooler does that gets no connection to its server",
            remedy=causes.POOLER_SERVER_DOWN.remedy,
            cut_short=cut_short,
        )
    return Failure(
        causes.TIMED_OUT, f"the server at {parameters.place} does not answer", cut_short=cut_short
    )


async def _handshake(pgconn: pq.abc.PGconn, parameters: ConnectionParameters) -> None:
    """Drive libpq's connection state machine (libpq, PQconnectPoll)."""
    while True:
        if pgconn.status == pq.ConnStatus.BAD:
            raise connection_failure(_report(pgconn), parameters)
        status = pgconn.connect_poll()
        if status == pq.PollingStatus.OK:
            break
        if status == pq.PollingStatus.FAILED:
            raise connection_failure(_report(pgconn), parameters)
        await _ready(pgconn.socket, write=status == pq.PollingStatus.WRITING)
    libpq.quieten(pgconn)
    pgconn.nonblocking = 1


def _report(pgconn: pq.abc.PGconn) -> str:
    return pgconn.error_message.decode("utf-8", "surrogateescape")


async def _ready(fd: int, *, write: bool) -> None:
    """Wait until `fd` can be read or written. libpq may open another socket afterwards."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def set_ready() -> None:
        if not ready.done():
            ready.set_result(None)

    add, remove = (
        (loop.add_writer, loop.remove_writer) if write else (loop.add_reader, loop.remove_reader)
    )
    add(fd, set_ready)
    try:
        await ready
    finally:
        remove(fd)


async def _resolve(parameters: ConnectionParameters, deadline: Deadline) -> list[str]:
    """Return the addresses of the server's host, of the one family that Mast would use.

    The look-up runs in a daemon thread: getaddrinfo(3) cannot be interrupted, and neither a
    signal nor the deadline may wait for it.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str] | socket.gaierror] = loop.create_future()
    family = socket.AF_INET6 if parameters.ipv6 else socket.AF_INET
    # As bytes it is not put through IDNA, whose tables take as long to load as a login.
    name = parameters.host
    host = name.encode() if name is not None and name.isascii() else name

    def deliver(result: list[str] | socket.gaierror) -> None:
        if not answer.done():
            answer.set_result(result)

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, parameters.port, family, socket.SOCK_STREAM)
            result: list[str] | socket.gaierror = [str(entry[4][0]) for entry in found]
        except socket.gaierror as error:
            result = error
        except ValueError:  # UnicodeError, and a NUL in it
            result = socket.gaierror(socket.EAI_NONAME, "not a host name")
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(deliver, result)

    seconds = deadline.within(TRY_SECONDS)
    threading.Thread(target=look_up, name="resolver", daemon=True).start()
    try:
        # Not wait_for(): Python 3.11's forgets to be cancelled when the answer comes just then.
        async with asyncio.timeout(seconds):
            result = await answer
    except TimeoutError:
        raise Failure(
            causes.NAME_UNRESOLVED,
            f"the name service does not answer for {parameters.host!r}",
            cut_short=seconds < TRY_SECONDS,
        ) from None
    if isinstance(result, socket.gaierror):
        raise Failure(
            causes.NAME_UNRESOLVED,
            f"the host name {parameters.host!r} cannot be resolved ({result.strerror})",
        )
    return list(dict.fromkeys(result))
