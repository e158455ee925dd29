"""Who this host is: its names, its addresses, its machine id.

Only the kernel is asked: a name service can hang, and a name that needs one to be found is not
this host's own.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

#: What systemd calls an application id: makes the machine id ours (machine-id(5)).
APPLICATION_ID = uuid.UUID("f9caaca5-4016-496e-a619-b78ce6608158")

_FIB_TRIE = Path("/proc/self/net/fib_trie")
_IF_INET6 = Path("/proc/self/net/if_inet6")
# What installers and images call a host that nobody has named.
_DEFAULT_NAMES = frozenset(
    {"debian", "ubuntu", "nixos", "fedora", "linux", "raspberrypi", "archlinux", "alpine"}
    | {"centos", "rocky", "almalinux", "opensuse", "gentoo", "kali", "lxc", "container", "vagrant"}
)
# hosts(5) of Debian, Fedora and NixOS.
LOOPBACK_NAMES = frozenset(
    {"localhost", "localhost.localdomain", "localhost4", "localhost6", "ip6-localhost"}
    | {"ip6-loopback", "localhost6.localdomain6", "localhost4.localdomain4"}
)


@dataclass(frozen=True, kw_only=True)
class Host:
    """This host, as a row in Mast's `servers` may call it.

    `names` are lower-case; `addresses` exclude loopback and link-local ones, which every host
    has. `machine` is the application-specific machine id, or None where there is no machine id.
    """

    names: frozenset[str]
    addresses: frozenset[str]
    machine: str | None

    def is_called(self, name: str | None) -> bool:
        """Tell whether `name` is one of the names of this host, in any case of letters."""
        return bool(name) and _plain(str(name)) in self.names

    def is_at(self, address: str) -> bool:
        """Tell whether `address` is one of this host's, or a domain name that begins with its name.

        A host is seldom told its own domain: `web1.lan` is what the network calls `web1`.
        """
        parsed = _parse(address)
        if parsed is not None:
            return str(parsed) in self.addresses
        name = _plain(address)
        return name in self.names or name.partition(".")[0] in self.names


def is_loopback(address: str) -> bool:
    """Tell whether `address` leads from a host to itself, without asking a name service."""
    parsed = _parse(address)
    if parsed is None:
        return _plain(address) in LOOPBACK_NAMES
    # Linux connects to the unspecified address as to itself.
    return parsed.is_loopback or parsed.is_unspecified


def is_default_name(name: str) -> bool:
    """Tell whether it is a name that a host has from its distribution, as many others have."""
    return _plain(name) in _DEFAULT_NAMES


def same(one: str, other: str) -> bool:
    """Tell whether both are the same address or name."""
    return (_parse(one) or _plain(one)) == (_parse(other) or _plain(other))


def _plain(name: str) -> str:
    return name.strip().lower().rstrip(".")


def _parse(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


def identify() -> Host:
    """Ask the kernel. Never fails: what cannot be read is absent."""
    name = socket.gethostname().lower().rstrip(".")
    names = {name, name.partition(".")[0]} - {"", "localhost"}
    return Host(names=frozenset(names), addresses=_addresses(), machine=machine_id())


def machine_id() -> str | None:
    """Return the application-specific machine id, 32 hex digits; None where there is none.

    The machine id itself is confidential: machine-id(5).
    """
    from systemd import id128  # noqa: PLC0415 - only where it is used

    try:
        return uuid.UUID(str(id128.get_machine_app_specific(APPLICATION_ID))).hex
    except (OSError, ValueError):
        return None


def _addresses() -> frozenset[str]:
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = [
        *_ipv4(_read(_FIB_TRIE)),
        *_ipv6(_read(_IF_INET6)),
    ]
    return frozenset(
        str(address) for address in found if not (address.is_loopback or address.is_link_local)
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _ipv4(fib_trie: str) -> list[ipaddress.IPv4Address]:
    """Addresses whose leaf of the routing trie is "/32 host LOCAL"."""
    leaves = re.findall(r"\|-- ([0-9.]+)\n\s+/32 host LOCAL", fib_trie)
    return [ipaddress.IPv4Address(leaf) for leaf in leaves]


def _ipv6(if_inet6: str) -> list[ipaddress.IPv6Address]:
    """Return the first column of /proc/net/if_inet6: 32 hex digits."""
    columns = re.findall(r"^([0-9a-f]{32}) ", if_inet6, re.MULTILINE)
    return [ipaddress.IPv6Address(int(column, 16)) for column in columns]
