"""The addresses that Mast's connections to its own host come from: what `from=` has to admit.

Mast runs here and connects to MAST_SELF_HOST. For a connection to one of the host's own addresses
Linux uses the same address at this end, and 127.0.0.1 for all of 127.0.0.0/8. So no one has to be
asked, and only this host is admitted.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from mast_agent.host.identity import Host

LOOPBACK = ("127.0.0.1", "::1")
"""::1 is admitted too: sshd names the loopback so where it listens on both families at once."""


def sources(text: str, this_host: Host) -> tuple[str, ...]:
    """Return the addresses from which a connection to MAST_SELF_HOST (`text`) comes.

    A name of this host may mean any of its addresses. Raises Failure (78) for what is not this
    host, and for an address of IPv6, which Mast's SSH client cannot reach.
    """
    name = text.lower().rstrip(".")
    if name == "localhost":
        return LOOPBACK
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        if name not in this_host.names:
            raise _foreign(text, "is not a name of this host") from None
        return (*LOOPBACK, *sorted(each for each in this_host.addresses if ":" not in each))
    if address.version != 4:  # noqa: PLR2004 - IPv4
        raise _foreign(text, "is an IPv6 address, which Mast's SSH client cannot reach")
    if address.is_loopback:
        return LOOPBACK
    if str(address) not in this_host.addresses:
        raise _foreign(text, "is not an address of this host")
    return (str(address),)


def _foreign(text: str, why: str) -> Failure:
    return Failure(causes.ACCESS_HOST_FOREIGN, f"MAST_SELF_HOST ({text}) {why}")
