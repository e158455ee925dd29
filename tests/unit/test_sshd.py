"""Whether something listens where Mast logs in, with real sockets."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from mast_agent.access import sshd
from mast_agent.host import identity, listeners
from mast_agent.host.listeners import Listener


@pytest.mark.parametrize(
    ("bound", "asked", "expected"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("0.0.0.0", "127.0.0.1", True),
        ("127.0.0.1", "::1", False),
    ],
)
def test_listens(bound: str, asked: str, *, expected: bool) -> None:
    """A socket counts where it would get the connection, and only while it listens."""
    with socket.socket() as listener:
        listener.bind((bound, 0))
        port = listener.getsockname()[1]
        assert sshd.listens(asked, port) is False
        listener.listen()
        assert sshd.listens(asked, port) is expected
    assert sshd.listens(asked, port) is False


@pytest.mark.parametrize("v6_only", [False, True])
def test_wildcard_of_ipv6(*, v6_only: bool) -> None:
    """A socket on :: takes what comes to 127.0.0.1 unless it is for IPv6 alone, as sshd's is."""
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6_only)
        listener.bind(("::", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert sshd.listens("127.0.0.1", port) is not v6_only
        assert sshd.listens("::1", port) is True


def test_wildcard_of_which_too_little_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel only shows its tables, :: may take IPv4 or not."""
    found = [Listener(address=ip_address("::"), port=22)]
    monkeypatch.setattr(listeners, "find", lambda: found)
    assert sshd.listens("127.0.0.1", 22) is None
    assert sshd.listens("127.0.0.1", 23) is False
    found.append(Listener(address=ip_address("127.0.0.1"), port=22))
    assert sshd.listens("127.0.0.1", 22) is True


def test_an_address_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mast may reach its host by the address that it has in its network."""
    this = identity.Host(names=frozenset(), addresses=frozenset({"192.0.2.1"}), machine=None)
    monkeypatch.setattr(identity, "identify", lambda: this)
    monkeypatch.setattr(
        listeners, "find", lambda: [Listener(address=ip_address("0.0.0.0"), port=22)]
    )
    assert sshd.listens("192.0.2.1", 22) is True
    assert sshd.listens("192.0.2.2", 22) is None


@pytest.mark.parametrize("name", ["198.51.100.1", "db.example", "2001:db8::1", ""])
def test_other_hosts_cannot_be_told(name: str) -> None:
    """What listens on another host, or behind a name, is not to be seen here."""
    assert sshd.listens(name, 22) is None


def test_a_kernel_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where this process may not see the sockets, that is not taken for a closed port."""
    monkeypatch.setattr(listeners, "find", lambda: None)
    assert sshd.listens("127.0.0.1", 22) is None
