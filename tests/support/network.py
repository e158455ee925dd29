"""Things that listen on a port and are no PostgreSQL: deaf, crowded, talkative, rude."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HTTP_ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nno\r\n"
)


def _port(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


@contextlib.contextmanager
def deaf_listener() -> Iterator[int]:
    """Accept connections (the kernel does), and never say a word. Yields the port."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield _port(listener)


@contextlib.contextmanager
def full_backlog() -> Iterator[int]:
    """Have the kernel drop every further SYN: the queue of the listener is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)  # noqa: FBT003 - its signature
            with contextlib.suppress(BlockingIOError):
                filler.connect(listener.getsockname())
        yield _port(listener)


@contextlib.contextmanager
def _served(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Hand each connection to `serve`, in one thread that ends with the context."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:

        def work() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        serve(connection)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield _port(listener)
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def http_responder() -> contextlib.AbstractContextManager[int]:
    """Answer whatever comes as a web server would."""

    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(HTTP_ANSWER)

    return _served(serve)


def resetter() -> contextlib.AbstractContextManager[int]:
    """Reset every connection after its first bytes (SO_LINGER with zero seconds)."""

    def serve(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return _served(serve)
