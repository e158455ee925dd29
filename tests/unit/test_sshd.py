"""Whether something listens, read from the kernel's table."""

from __future__ import annotations

import socket
from ipaddress import ip_address

import pytest
from mast_agent import sshd

# As the kernel of a little-endian machine prints them, shortened after the state: x86-64 and
# aarch64, which the project is for, both are.
_HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
_TCP = f"""{_HEADER}\
   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   1: 00000000:0FA0 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0
   2: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0
"""
_TCP6 = f"""{_HEADER}\
   0: 00000000000000000000000001000000:0016 00000000000000000000000000000000:0000 0A 0
   1: B80D0120000000000000000001000000:0017 00000000000000000000000000000000:0000 0A 0
"""


def test_parse() -> None:
    """Listening sockets are read, connections are not."""
    assert sshd.parse(_TCP) == [(ip_address("127.0.0.1"), 22), (ip_address("0.0.0.0"), 4000)]
    assert sshd.parse(_TCP6) == [(ip_address("::1"), 22), (ip_address("2001:db8::1"), 23)]
    assert sshd.parse(_HEADER) == []


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


def test_wildcard_of_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket on :: takes what comes to 127.0.0.1 as well."""
    monkeypatch.setattr(sshd, "parse", lambda _: [(ip_address("::"), 22)])
    assert sshd.listens("127.0.0.1", 22) is True
    assert sshd.listens("::1", 22) is True


@pytest.mark.parametrize("host", ["192.0.2.1", "db.example", "2001:db8::1", ""])
def test_other_hosts_cannot_be_told(host: str) -> None:
    """What listens on another host, or behind a name, is not to be seen here."""
    assert sshd.listens(host, 22) is None
