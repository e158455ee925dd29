"""Who this host is, as the kernel tells it."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
import uuid
from pathlib import Path

import pytest
from mast_agent.host import identity
from mast_agent.host.identity import Host

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     |-- 169.254.3.4
        /32 host LOCAL
     |-- 192.0.2.0
        /24 link UNICAST
     |-- 192.0.2.7
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
"""
IF_INET6 = """\
00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000007 02 40 00 80     eth0
fe80000000000000505400fffe123456 02 40 20 80     eth0
"""


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand two files in the place of the kernel's, and return their directory."""
    (tmp_path / "fib_trie").write_text(FIB_TRIE)
    (tmp_path / "if_inet6").write_text(IF_INET6)
    monkeypatch.setattr(identity, "_FIB_TRIE", tmp_path / "fib_trie")
    monkeypatch.setattr(identity, "_IF_INET6", tmp_path / "if_inet6")
    return tmp_path


@pytest.mark.usefixtures("kernel")
def test_addresses() -> None:
    """Of the kernel's addresses, those count that only this host has."""
    assert identity.identify().addresses == {"192.0.2.7", "2001:db8::7"}


def test_no_proc(kernel: Path) -> None:
    """What cannot be read is absent, and no failure."""
    for file in kernel.iterdir():
        file.unlink()
    assert identity.identify().addresses == frozenset()


def test_this_kernel() -> None:
    """What the real kernel tells are addresses of other hosts' concern only."""
    for address in map(ipaddress.ip_address, identity.identify().addresses):
        assert not address.is_loopback
        assert not address.is_link_local


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("web1", {"web1"}),
        ("Web1.Example.ORG", {"web1.example.org", "web1"}),
        ("web1.example.org.", {"web1.example.org", "web1"}),
        ("localhost", set()),
        ("", set()),
    ],
)
def test_names(monkeypatch: pytest.MonkeyPatch, name: str, names: set[str]) -> None:
    """The host goes by its full name and by the first part of it, but never by localhost."""
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    assert identity.identify().names == names


THIS = Host(
    names=frozenset({"web1", "web1.example.org"}),
    addresses=frozenset({"192.0.2.7", "2001:db8::7"}),
    machine=None,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web1", True),
        ("WEB1.example.org.", True),
        ("web2", False),
        ("web", False),
        ("web1.example.com", False),
        ("192.0.2.7", False),
        ("localhost", False),
        ("", False),
        (".", False),
        (None, False),
    ],
)
def test_is_called(*, text: str | None, expected: bool) -> None:
    """Names are compared without case; an address is no name."""
    assert THIS.is_called(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.7", True),
        ("::ffff:192.0.2.7", True),
        ("2001:0DB8:0::7", True),
        ("[2001:db8::7]", True),
        ("WEB1.example.org.", True),
        ("web1.lan", True),
        ("192.0.2.70", False),
        ("127.0.0.1", False),
        ("localhost", False),
        ("example.org", False),
        (".", False),
    ],
)
def test_is_at(*, text: str, expected: bool) -> None:
    """Addresses are compared by value, and a domain name by the host's name in it."""
    assert THIS.is_at(text) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            (loopback, True)
            for loopback in ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "0.0.0.0", "::")
        ),
        *((name, True) for name in ("localhost", "LocalHost.", "ip6-localhost", "localhost6")),
        *((other, False) for other in ("192.0.2.7", "localhost.example.org", "web1", "128.0.0.1")),
    ],
)
def test_is_loopback(*, text: str, expected: bool) -> None:
    """What leads from every host to itself, without a name service."""
    assert identity.is_loopback(text) is expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("10.0.0.1", " 10.0.0.1 ", True),
        ("[2001:db8:0::1]", "2001:DB8::1", True),
        ("Web1.", "web1", True),
        ("10.0.0.1", "10.0.0.10", False),
        ("web1", "10.0.0.1", False),
    ],
)
def test_same(*, one: str, other: str, expected: bool) -> None:
    """However it is written."""
    assert identity.same(one, other) is expected


def test_machine_id() -> None:
    """The machine id is made specific to this application, as machine-id(5) has it, or absent."""
    try:
        machine = uuid.UUID(Path("/etc/machine-id").read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        assert identity.machine_id() is None
        return
    digest = hmac.digest(machine.bytes, identity.APPLICATION_ID.bytes, hashlib.sha256)
    assert identity.machine_id() == uuid.UUID(bytes=digest[:16], version=4).hex
