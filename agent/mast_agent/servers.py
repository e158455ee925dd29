"""Decides which row of Mast's `servers` is this host.

In this order: the id that Mast.Bootstrap reported (now, or as recorded earlier); the row that
appeared during the eval; a row whose name or host is one of this host's own. Pure functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mast_agent.host import Host
    from mast_agent.snapshot import Server


def by_id(servers: Sequence[Server], server_id: str | None) -> Server | None:
    """Return the row with this id."""
    return next((server for server in servers if server.id == server_id), None)


def by_host(servers: Sequence[Server], host: Host) -> Server | None:
    """Return the row that is called like this host: by name first, then by address."""
    named = (server for server in servers if host.is_called(server.name))
    addressed = (server for server in servers if host.is_called(server.host))
    return next(named, None) or next(addressed, None)


def known(servers: Sequence[Server], recorded_id: str | None, host: Host) -> Server | None:
    """Return this host's row without an eval, or None."""
    return by_id(servers, recorded_id) or by_host(servers, host)


def enrolled(
    before: Sequence[Server], after: Sequence[Server], reported_id: str | None, host: Host
) -> Server | None:
    """Return this host's row after an eval that reported `reported_id`, or None.

    A reported id that the database does not have is a claim that it refutes: then None.
    """
    if reported_id is not None:
        return by_id(after, reported_id)
    old = {server.id for server in before}
    new = [server for server in after if server.id not in old]
    if len(new) == 1:
        return new[0]
    return by_host(new, host) or by_host(after, host)
