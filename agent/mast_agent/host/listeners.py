"""The TCP sockets of this machine that accept connections, as the kernel tells them.

By sock_diag(7) where it answers, because it alone knows whether a socket on :: takes IPv4 as well
(IPV6_V6ONLY, ipv6(7)); else by the tables of proc(5). What listens where, and for whom that
matters, is left to `sshd`.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
_LISTEN = "0A"
SECONDS = 1.0
"""How long the kernel is waited for; it answers at once or refuses."""

# linux/sock_diag.h, linux/inet_diag.h, linux/netlink.h.
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST_DUMP = 0x301
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_TCP_LISTEN_STATE = 10
_INET_DIAG_SKV6ONLY = 11
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI 2s2s16s16sI2I")
_SOCKET = struct.Struct("=BBBB 2s2s16s16sI2I IIIII")
_ATTRIBUTE = struct.Struct("=HH")
_BUFFER_BYTES = 65536

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A listening socket. `v6_only` is None where the kernel was not asked for it."""

    address: Address
    port: int
    v6_only: bool | None = None

    def accepts(self, wanted: Address) -> bool | None:
        """Tell whether it gets the connections to an address of this host; None: perhaps."""
        address = self.address
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if address.is_unspecified and address.version != wanted.version:
            # Only :: can take the other family's.
            return False if address.version == 4 else _negated(self.v6_only)  # noqa: PLR2004
        return address.is_unspecified or address == wanted


def _negated(flag: bool | None) -> bool | None:  # noqa: FBT001 - a value of three
    return None if flag is None else not flag


def find() -> list[Listener] | None:
    """Return all of them; None where this process may not know."""
    try:
        return [*_ask(socket.AF_INET), *_ask(socket.AF_INET6)]
    except (OSError, struct.error):
        # A sandbox without AF_NETLINK, or a kernel without inet_diag.
        return _from_tables()


def _ask(family: int) -> list[Listener]:
    """Dump the listening sockets of a family. Raises OSError."""
    request = _REQUEST.pack(
        family, socket.IPPROTO_TCP, 0, 0, 1 << _TCP_LISTEN_STATE,
        b"", b"", b"", b"", 0, 0, 0,
    )  # fmt: skip
    header = _HEADER.pack(
        _HEADER.size + len(request), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST_DUMP, 1, 0
    )
    found: list[Listener] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(SECONDS)
        kernel.sendto(header + request, (0, 0))
        while True:
            answer = memoryview(kernel.recv(_BUFFER_BYTES))
            while len(answer) >= _HEADER.size:
                length, kind, *_ = _HEADER.unpack_from(answer)
                if kind == _NLMSG_DONE:
                    return found
                if kind == _NLMSG_ERROR:
                    raise OSError("the kernel refuses sock_diag")
                found.append(_listener(answer[_HEADER.size : length]))
                answer = answer[_aligned(max(length, _HEADER.size)) :]


def _listener(message: memoryview) -> Listener:
    family, _, _, _, port, _, source, *_ = _SOCKET.unpack_from(message)
    size = 4 if family == socket.AF_INET else 16
    v6_only = None
    attributes = message[_SOCKET.size :]
    while len(attributes) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(attributes)
        if kind == _INET_DIAG_SKV6ONLY:
            v6_only = bool(attributes[_ATTRIBUTE.size])
        attributes = attributes[_aligned(max(length, _ATTRIBUTE.size)) :]
    return Listener(
        address=ipaddress.ip_address(source[:size]),
        port=int.from_bytes(port, "big"),
        v6_only=v6_only,
    )


def _aligned(length: int) -> int:
    """Return a length with netlink's padding: to four bytes."""
    return (length + 3) & ~3


def _from_tables() -> list[Listener] | None:
    tables = [text for table in _TABLES if (text := _read(table)) is not None]
    return [each for text in tables for each in parse(text)] if tables else None


def parse(table: str) -> list[Listener]:
    """Return the listening sockets in a table: proc(5), /proc/net/tcp and tcp6."""
    found = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 3 and fields[3] == _LISTEN:  # noqa: PLR2004 - the column "st"
            address, _, port = fields[1].partition(":")
            found.append(Listener(address=_address(address), port=int(port, 16)))
    return found


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
