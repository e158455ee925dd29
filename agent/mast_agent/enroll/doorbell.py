"""Ends a wait early, when the server listens or the migrations are done.

It is used only where that costs almost nothing, to others too. A server on this host is probed by
a connect that fails until something listens. A server elsewhere may have many agents waiting for
it, which full jitter spreads. Migrations are counted over one connection for each wait, since an
attempt takes twenty times as long. `retry` decides how long a wait is without all this.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from typing import TYPE_CHECKING

from psycopg.errors import LockNotAvailable

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import identity
from mast_agent.postgres import database
from mast_agent.postgres.session import open_session

if TYPE_CHECKING:
    from mast_agent.host.deadline import Deadline
    from mast_agent.postgres.parameters import ConnectionParameters

KNOCK_SECONDS = 0.2
"""How often a server on this host is knocked at, at first."""
COUNT_SECONDS = 0.25
"""How often the migrations are counted, at first."""
_SELDOM_SECONDS = 1.0
"""How often either is done when it has been waited for long."""
_PART = 60
"""Which part of what it has been waited for it may be waited for in vain."""
APART_SECONDS = 2.0
"""How far apart it rings for anything less than all that is waited for."""

_UNDER_WAY = (errno.EINPROGRESS, errno.EAGAIN)
_SILENT = frozenset({causes.REFUSED.slug, causes.SOCKET_MISSING.slug})
_MIGRATING = frozenset({causes.MIGRATIONS_PENDING.slug, causes.MIGRATIONS_RUNNING.slug})


class Doorbell:
    """Watches what an attempt has failed for, until the next one."""

    def __init__(
        self, parameters: ConnectionParameters, deadline: Deadline, migrations: frozenset[int]
    ) -> None:
        """`migrations` are the versions that are waited for."""
        self._parameters = parameters
        self._deadline = deadline
        self._migrations = migrations
        self._rung = time.monotonic() - APART_SECONDS
        self._migrating = False
        self._since = time.monotonic()

    def watches(self, failure: Failure) -> bool:
        """Tell whether it would ring for what `failure` waits for."""
        slug = failure.cause.slug
        here = self._parameters.host is None or identity.is_loopback(self._parameters.host)
        return slug in _MIGRATING or (slug in _SILENT and here)

    async def ring(self, failure: Failure) -> None:
        """Return when it has come. To be cancelled when the wait is over all the same."""
        migrating = failure.cause.slug in _MIGRATING
        if migrating != self._migrating:
            self._migrating, self._since = migrating, time.monotonic()
        if migrating:
            await self._migrated(failure)
        else:
            await self._listening()
        self._rung = time.monotonic()

    async def _listening(self) -> None:
        # What listens and still is not to be had is not knocked at again at once.
        await asyncio.sleep(self._too_soon())
        while not await listens(self._parameters):
            await self._pause(KNOCK_SECONDS)

    async def _migrated(self, failure: Failure) -> None:
        """Wait until all migrations are applied, or some more, or they cannot be counted."""
        with contextlib.suppress(Failure, LockNotAvailable):
            async with open_session(self._parameters, self._deadline) as session:
                count = database.applied_counter(session, self._migrations)
                before = seen = await count()
                while seen == before or (seen < len(self._migrations) and self._too_soon() > 0):
                    if before == len(self._migrations):
                        if failure.progress:
                            return  # since the attempt
                        break  # it is a lock that is waited for
                    await self._pause(COUNT_SECONDS)
                    seen = await count()
                else:
                    return
        await asyncio.sleep(APART_SECONDS)

    async def _pause(self, least: float) -> None:
        waited = time.monotonic() - self._since
        await asyncio.sleep(min(max(least, waited / _PART), _SELDOM_SECONDS))

    def _too_soon(self) -> float:
        """Return for how many seconds it is not to ring again for something less."""
        return max(0.0, self._rung + APART_SECONDS - time.monotonic())


async def listens(parameters: ConnectionParameters) -> bool:
    """Tell whether something listens where a server on this host is to be."""
    address: str | tuple[str, int]
    if parameters.socket_directory is not None:
        family, address = (
            socket.AF_UNIX,
            f"{parameters.socket_directory}/.s.PGSQL.{parameters.port}",
        )
    else:
        family = socket.AF_INET6 if parameters.ipv6 else socket.AF_INET
        address = (_literal(parameters), parameters.port)
    with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as knock:
        try:
            # Refused at once, as a rule: that is worth no task of the event loop's.
            if (error := knock.connect_ex(address)) not in _UNDER_WAY:
                return error == 0
            async with asyncio.timeout(KNOCK_SECONDS):
                await asyncio.get_running_loop().sock_connect(knock, address)
        except (TimeoutError, OSError):
            return False
    return True


def _literal(parameters: ConnectionParameters) -> str:
    """Return the address that a loopback name stands for: nothing is to be looked up here."""
    name = parameters.host or ""
    if ":" in name or name.replace(".", "").isdecimal():
        return name
    return "::1" if parameters.ipv6 else "127.0.0.1"
