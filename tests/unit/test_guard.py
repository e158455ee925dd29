"""The guard over the unit tests themselves."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest
from unit.guard import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# A program that does not exist: were the guard gone, these would fail and start nothing.
_NOWHERE = "/nonexistent/program"


def _fork() -> None:
    if os.fork() == 0:
        os._exit(1)


async def _asyncio_exec() -> None:
    await asyncio.create_subprocess_exec(_NOWHERE)


def _connect() -> None:
    with socket.socket() as tcp:
        tcp.connect(("127.0.0.1", 9))


def _send() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.sendto(b"", ("127.0.0.1", 9))


def _connect_to_system_bus() -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        unix.connect("/run/dbus/system_bus_socket")


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda: subprocess.run([_NOWHERE], check=False), id="subprocess"),
        pytest.param(lambda: os.system(_NOWHERE), id="os.system"),  # noqa: S605
        pytest.param(lambda: os.posix_spawn(_NOWHERE, [_NOWHERE], {}), id="posix_spawn"),
        pytest.param(lambda: os.execv(_NOWHERE, [_NOWHERE]), id="exec"),  # noqa: S606
        pytest.param(_fork, id="fork"),
        pytest.param(lambda: asyncio.run(_asyncio_exec()), id="asyncio"),
        pytest.param(_connect, id="tcp"),
        pytest.param(_send, id="udp"),
        pytest.param(_connect_to_system_bus, id="another's-unix-socket"),
        pytest.param(lambda: socket.getaddrinfo("localhost", 80), id="name-service"),
    ],
)
def test_forbidden(act: Callable[[], object]) -> None:
    """Whatever would start a process or reach another ends the test."""
    with pytest.raises(ForbiddenError):
        act()


def _swallow_everything() -> None:
    with contextlib.suppress(Exception):
        subprocess.run([_NOWHERE], check=False)


def test_not_swallowed() -> None:
    """A net for all exceptions, such as the agent's own, does not catch the guard."""
    with pytest.raises(ForbiddenError):
        _swallow_everything()


def test_own_socket_is_allowed(tmp_path: Path) -> None:
    """A test may talk to a socket of its own."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "own"))
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.connect(str(tmp_path / "own"))
            sender.send(b"hello")
        assert receiver.recv(10) == b"hello"
