"""Tells whether something listens where Mast is going to knock, without knocking.

The kernel's table of sockets is read instead of connecting: sshd 9.8 and newer holds connections
that do not log in against their address (PerSourcePenalties, sshd_config(5)), and the address here
is the one that Mast itself comes from.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from pathlib import Path

_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_LISTEN = "0A"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def listens(host: str, port: int) -> bool | None:
    """Tell whether a socket of this host accepts connections to `host` and `port`.

    None where `host` is not an address, or not one of this host's, or the table cannot be read.
    """
    wanted = _loopback(host)
    if wanted is None:
        return None
    tables = [text for table in _TABLES if (text := _read(table)) is not None]
    if not tables:
        return None
    return any(
        number == port and _accepts(address, wanted)
        for text in tables
        for address, number in parse(text)
    )


def parse(table: str) -> list[tuple[Address, int]]:
    """Return the listening sockets in a table: proc(5), /proc/net/tcp and tcp6."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTEN:  # noqa: PLR2004 - the column "st"
            address, _, port = fields[1].partition(":")
            found.append((_address(address), int(port, 16)))
    return found


def _loopback(host: str) -> Address | None:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))
    except ValueError:
        return None
    return address if address.is_loopback else None


def _accepts(listening: Address, wanted: Address) -> bool:
    """Tell whether a socket gets the connections to an address; :: takes those of IPv4 too."""
    if isinstance(listening, ipaddress.IPv6Address) and listening.ipv4_mapped:
        listening = listening.ipv4_mapped
    if listening.is_unspecified:
        return listening.version in (wanted.version, 6)
    return listening == wanted


def _address(text: str) -> Address:
    """Decode an address, which the kernel prints as words in the machine's byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = b"".join(struct.pack("=I", word) for word in words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return ipaddress.ip_address(socket.inet_ntop(family, packed))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return None
