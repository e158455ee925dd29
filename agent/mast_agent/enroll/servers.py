"""Decides which row of Mast's `servers` is this host. Pure functions.

An id decides where there is one: the record's, bound to this machine and this database, or the
one that Mast.Bootstrap reports. Without an id a row's name and address are weighed together, for
neither is unique: many hosts are called `debian`, and a DHCP server gives an address to another
host tomorrow. The table of cases is in docs/decisions.md; Mast.Bootstrap (nix/bootstrap.ex) goes
by the same one.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from mast_agent.config import login
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import identity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mast_agent.config.login import Wanted
    from mast_agent.host.identity import Host
    from mast_agent.postgres.snapshot import Server


class Place(enum.Enum):
    """Where a row's address leads, as seen from the host that Mast runs on."""

    SELF = "self"
    """To what MAST_SELF_HOST says: Mast reaches its own host so."""
    LOOPBACK = "loopback"
    """To the host that Mast runs on, whichever that is."""
    NAME = "name"
    """To a name of this host that it has not from its distribution."""
    OURS = "ours"
    """To an address or a name that this host has today, and another one may have as well."""
    ELSEWHERE = "elsewhere"
    """To another host, or to a name that only a name service could tell from one."""
    NOWHERE = "nowhere"
    """The row has no address."""


# Better evidence first.
_HERE = (Place.SELF, Place.LOOPBACK)
_OF_THIS_NAME = (*_HERE, Place.NAME, Place.OURS, Place.NOWHERE)


def place(server: Server, this: Host, wanted: Wanted) -> Place:
    """Tell where the address of `server` leads."""
    text = server.host
    if not text or not text.strip():
        return Place.NOWHERE
    if identity.is_loopback(text):
        return Place.LOOPBACK
    if wanted.host and identity.same(text, wanted.host):
        return Place.SELF
    if this.is_called(text) and not identity.is_default_name(text):
        return Place.NAME
    return Place.OURS if this.is_at(text) else Place.ELSEWHERE


def by_id(servers: Sequence[Server], server_id: str | None) -> Server | None:
    """Return the row with this id."""
    return next((server for server in servers if server.id == server_id), None)


def candidates(servers: Sequence[Server], this: Host, wanted: Wanted) -> list[Server]:
    """Return the rows that are this host by name and address, the best one first.

    A loopback address is for every host its own. Where several hosts share a database it tells
    them apart no more than a default name does, and so is left to `leading_here`.
    """
    ranked = [
        (rank, server) for server in servers if (rank := _rank(server, this, wanted)) is not None
    ]
    return [server for _, server in sorted(ranked, key=lambda each: each[0])]


def _rank(server: Server, this: Host, wanted: Wanted) -> int | None:
    """0 is best; None is not this host."""
    where = place(server, this, wanted)
    if this.is_called(server.name):
        return _OF_THIS_NAME.index(where) if where in _OF_THIS_NAME else None
    if where is Place.NAME or (where is Place.SELF and _has_port(server, wanted)):
        return len(_OF_THIS_NAME)
    return None


def leading_here(servers: Sequence[Server], this: Host, wanted: Wanted) -> list[Server]:
    """Return the rows by which Mast reaches its own host: those with the right port first.

    Another port may be forwarded to another machine.
    """
    here = [each for each in servers if place(each, this, wanted) in _HERE]
    return sorted(here, key=lambda each: not _has_port(each, wanted))


def _has_port(server: Server, wanted: Wanted) -> bool:
    return server.port in (None, wanted.port or login.DEFAULT_PORT)


def known(
    servers: Sequence[Server], recorded_id: str | None, this: Host, wanted: Wanted
) -> Server | None:
    """Return this host's row without an eval, or None."""
    found = by_id(servers, recorded_id)
    return found or next(iter(candidates(servers, this, wanted)), None)


def namesake(servers: Sequence[Server], this: Host, wanted: Wanted) -> Server | None:
    """Return a row with this host's name and another's address: no row of that name can be made."""
    return next(
        (
            server
            for server in servers
            if this.is_called(server.name) and place(server, this, wanted) is Place.ELSEWHERE
        ),
        None,
    )


def require_no_namesake(servers: Sequence[Server], this: Host, wanted: Wanted) -> None:
    """Raise Failure (70) where the name of this host, which has no row, is another's in Mast."""
    taken = namesake(servers, this, wanted)
    if taken is None:
        return
    message = (
        f"the server {taken.name!r} in Mast ({taken.id}) has this host's name, but its address is "
        f"{taken.host}, and this host has {_addresses(this, wanted)}"
    )
    lookalikes = [
        *leading_here(servers, this, wanted),
        *(each for each in servers if place(each, this, wanted) is Place.OURS),
    ]
    for each in lookalikes[:1]:
        message += (
            f"; the server {each.name!r} ({each.id}) has an address of this host, {each.host}"
        )
    remedy = f"{causes.NAME_TAKEN.remedy}; if it is this host: set MAST_SELF_HOST={taken.host}"
    raise Failure(causes.NAME_TAKEN, message, remedy=remedy)


def _addresses(this: Host, wanted: Wanted) -> str:
    known_as = [*([wanted.host] if wanted.host else []), *sorted(this.addresses)]
    return ", ".join(known_as) or "none but loopback"


def enrolled(
    before: Sequence[Server],
    after: Sequence[Server],
    ids: tuple[str | None, str | None],
    this: Host,
    wanted: Wanted,
) -> Server | None:
    """Return this host's row after an eval, or None. `ids` are the reported and the recorded one.

    A reported id that the database does not have is a claim that it refutes: then None. Where
    nothing was reported and nothing has appeared, the eval has said at least that this host is
    enrolled: then a row by which Mast reaches its own host is this host, whatever it is called.
    """
    reported_id, recorded_id = ids
    if reported_id is not None:
        return by_id(after, reported_id)
    old = {server.id for server in before}
    new = [server for server in after if server.id not in old]
    if len(new) == 1:
        return new[0]
    found = next(iter(candidates(new, this, wanted)), None) or by_id(after, recorded_id)
    found = found or next(iter(candidates(after, this, wanted)), None)
    if found is None and namesake(after, this, wanted) is None:
        here = leading_here(after, this, wanted)
        right = [each for each in here if _has_port(each, wanted)]
        found = right[0] if right else here[0] if len(here) == 1 else None
    return found
