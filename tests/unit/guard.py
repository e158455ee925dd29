"""Forbids unit tests to start a process or to reach for the network.

An audit hook (sys.addaudithook) sees what every library does, however it is called. It cannot be
taken away again, so it is armed for one test at a time. Calls that C libraries make by themselves
are out of its sight; none of the agent's modules that do so is a unit test's business.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROCESS_EVENTS = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "subprocess.Popen",
    }
)
_NAME_EVENTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_CONNECT_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


class ForbiddenError(BaseException):
    """A unit test did what only integration tests may. Not an Exception: nothing swallows it."""


class _State:
    armed = False
    hooked = False


def _is_of_the_test(address: object) -> bool:
    """Tell whether it is a socket file among the temporary ones, or the kernel by netlink(7)."""
    if address == (0, 0):
        return True
    return isinstance(address, str) and address.startswith(f"{tempfile.gettempdir()}/")


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _State.armed:
        return
    if event in _PROCESS_EVENTS:
        raise ForbiddenError(f"a unit test starts no process: {event}")
    if event in _NAME_EVENTS:
        raise ForbiddenError(f"a unit test asks no name service: {event}")
    if event in _CONNECT_EVENTS and not _is_of_the_test(arguments[1]):
        raise ForbiddenError(f"a unit test connects to nothing but its own socket: {event}")


@contextlib.contextmanager
def armed() -> Iterator[None]:
    """Forbid it until the end of the block."""
    if not _State.hooked:
        sys.addaudithook(_hook)
        _State.hooked = True
    _State.armed = True
    try:
        yield
    finally:
        _State.armed = False
