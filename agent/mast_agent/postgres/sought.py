"""Which rows of `servers` are read, where it is known which of them is this host's.

A fleet may be large, and a repeated enrollment needs one row of it. With an id, other rows matter
only as possible duplicates. Without one, or where no row has it, all rows are read, and `servers`
decides among them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.host import identity

if TYPE_CHECKING:
    from mast_agent.config.login import Wanted
    from mast_agent.host.identity import Host
    from mast_agent.postgres.snapshot import Identity

KnownId = Callable[["Identity"], str | None]
"""Tells the id of this host's row in a database, None where that is not known."""


@dataclass(frozen=True, kw_only=True)
class Sought:
    """The row with this id, and those with one of these names or addresses, in small letters."""

    known_id: KnownId
    names: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def row_id(self, identity: Identity) -> str | None:
        """Return the id to ask for, None where all rows have to be read."""
        found = self.known_id(identity)
        try:
            return found if found is not None and str(uuid.UUID(found)) == found else None
        except ValueError:
            return None


def with_doubles(known_id: KnownId, this: Host, wanted: Wanted) -> Sought:
    """Return the row, and what may be this host as well: by name, or since Mast reaches it there.

    As names and addresses are usually written: a remark is no reason to read a fleet.
    """
    hosts = {*this.names, *identity.LOOPBACK_NAMES, "127.0.0.1", "::1", "[::1]", "0.0.0.0", "::"}  # noqa: S104
    if wanted.host:
        hosts.add(wanted.host.strip().lower())
    return Sought(known_id=known_id, names=tuple(sorted(this.names)), hosts=tuple(sorted(hosts)))
