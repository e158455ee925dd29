"""What the kernel tells of listening sockets, by sock_diag and by its tables."""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address
from typing import TYPE_CHECKING, Self

import pytest
from mast_agent.host import listeners
from mast_agent.host.listeners import Listener

if TYPE_CHECKING:
    from pathlib import Path

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


def _pairs(found: list[Listener] | None) -> set[tuple[str, int]]:
    assert found is not None
    return {(str(each.address), each.port) for each in found}


def test_parse() -> None:
    """Listening sockets are read, connections are not."""
    assert _pairs(listeners.parse(_TCP)) == {("127.0.0.1", 22), ("0.0.0.0", 4000)}
    assert _pairs(listeners.parse(_TCP6)) == {("::1", 22), ("2001:db8::1", 23)}
    assert listeners.parse(_HEADER) == []


def test_both_ways_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real socket is found by sock_diag, and by the tables where that is forbidden."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        mine = listener.getsockname()[:2]
        assert mine not in _pairs(listeners.find())
        listener.listen()
        assert mine in _pairs(listeners.find())

        def forbidden(family: int) -> list[Listener]:
            raise PermissionError(family)

        monkeypatch.setattr(listeners, "_ask", forbidden)
        assert mine in _pairs(listeners.find())


class _Refusing:
    """A socket to a kernel without inet_diag: it takes the question and answers with an error."""

    def __init__(self, *_: object) -> None:
        """Take what a socket takes."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Close nothing."""

    def settimeout(self, seconds: float) -> None:
        """Wait for nothing."""

    def sendto(self, question: bytes, _: tuple[int, int]) -> int:
        """Answer with NLMSG_ERROR and ENOENT, and with the question, as netlink(7) has it."""
        length = 20 + len(question)
        self.answers = [struct.pack("=LHHLLi", length, 2, 0, 1, 0, -2) + question]
        return len(question)

    def recv(self, _: int) -> bytes:
        """Return the answer, of which there is one."""
        return self.answers.pop()


def test_a_kernel_that_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its tables are read instead, and an error is not taken for a socket."""
    table = tmp_path / "tcp"
    table.write_text(_TCP)
    monkeypatch.setattr(listeners, "_TABLES", (table,))
    monkeypatch.setattr(socket, "socket", _Refusing)
    assert _pairs(listeners.find()) == {("127.0.0.1", 22), ("0.0.0.0", 4000)}


def test_without_proc_nothing_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None is not the same as an empty list."""
    monkeypatch.setattr(listeners, "_ask", lambda _: (_ for _ in ()).throw(OSError))
    monkeypatch.setattr(listeners, "_TABLES", (tmp_path / "absent",))
    assert listeners.find() is None


@pytest.mark.parametrize("v6_only", [False, True])
def test_kernel_tells_whether_a_wildcard_takes_ipv4(*, v6_only: bool) -> None:
    """A socket on :: is told apart by its own option, which the tables do not show."""
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6_only)
        listener.bind(("::", 0))
        listener.listen()
        port = listener.getsockname()[1]
        found = [each for each in listeners.find() or [] if each.port == port]
        assert [each.v6_only for each in found] == [v6_only]


@pytest.mark.parametrize(
    ("address", "v6_only", "wanted", "expected"),
    [
        ("::", None, "127.0.0.1", None),
        ("::", True, "127.0.0.1", False),
        ("::", False, "127.0.0.1", True),
        ("::", True, "::1", True),
        ("0.0.0.0", None, "::1", False),
        ("0.0.0.0", None, "10.0.0.1", True),
        ("::ffff:127.0.0.1", None, "127.0.0.1", True),
        ("127.0.0.1", None, "127.0.0.1", True),
        ("127.0.0.1", None, "10.0.0.1", False),
    ],
)
def test_accepts(address: str, wanted: str, *, v6_only: bool | None, expected: bool | None) -> None:
    """An address gets its own connections, a wildcard its family's, :: both unless told not to."""
    listener = Listener(address=ip_address(address), port=22, v6_only=v6_only)
    assert listener.accepts(ip_address(wanted)) is expected
