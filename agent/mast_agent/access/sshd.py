"""Tells whether something listens where Mast will connect, without connecting.

It reads the kernel's list of sockets, because sshd 9.8 and newer counts connections that do not
log in against their address (PerSourcePenalties, sshd_config(5)), and here that is Mast's own
address.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from mast_agent.host import identity as this_host
from mast_agent.host import listeners

if TYPE_CHECKING:
    from mast_agent.host.listeners import Address


def listens(host: str, port: int) -> bool | None:
    """Tell whether a socket of this host accepts connections to `host` and `port`.

    None where `host` is not an address, or not one of this host's, or the kernel does not tell.
    """
    wanted = _own_address(host)
    if wanted is None:
        return None
    found = listeners.find()
    if found is None:
        return None
    answers = [each.accepts(wanted) for each in found if each.port == port]
    return True if True in answers else None if None in answers else False


def _own_address(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    except ValueError:
        return None
    own = address.is_loopback or str(address) in this_host.identify().addresses
    return address if own else None
