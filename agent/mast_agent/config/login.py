"""How Mast logs in to its own host: MAST_SELF_HOST, MAST_SELF_PORT, MAST_SELF_USER.

Mast.Bootstrap reads the same variables, and has the defaults for those that are not set.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST, PORT, USER = "MAST_SELF_HOST", "MAST_SELF_PORT", "MAST_SELF_USER"
DEFAULT_PORT = 22

_PORTS = range(1, 65_536)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is set of it; None for what is not."""

    host: str | None = None
    port: int | None = None
    user: str | None = None


def wanted(mast: Mapping[str, str]) -> Wanted:
    """Return what is set. A port that is none counts as not set; `require_usable` refuses it."""
    return Wanted(
        host=mast.get(HOST) or None, port=_port(mast.get(PORT)), user=mast.get(USER) or None
    )


def require_usable(mast: Mapping[str, str]) -> None:
    """Refuse what Mast cannot use. Raises Failure (78).

    Mast's SSH is Erlang's, which asks for IPv4 addresses unless it is told otherwise, and Mast
    does not tell it: OTP 25 and OTP 27 answer `::1` and `[::1]` with `nxdomain`.
    """
    address = mast.get(HOST, "")
    if is_ipv6(address):
        raise Failure(
            causes.SELF_HOST_IPV6, f"{HOST} is {address}, and Mast logs in over IPv4 alone"
        )
    if mast.get(PORT) and _port(mast[PORT]) is None:
        raise Failure(
            causes.VARIABLE_MALFORMED,
            f"{PORT} is not a port",
            remedy=f"Set {PORT} to a number from 1 to 65535, or leave it out for 22",
        )


def is_ipv6(text: str) -> bool:
    """Tell whether it is an IPv6 address, as it stands or in brackets."""
    try:
        return isinstance(ipaddress.ip_address(text.strip("[]")), ipaddress.IPv6Address)
    except ValueError:
        return False


def _port(text: str | None) -> int | None:
    if not text or not text.isascii() or not text.isdecimal() or int(text) not in _PORTS:
        return None
    return int(text)
