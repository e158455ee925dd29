"""A terminal of so many columns, for a command to run on, and what was shown there."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
from typing import TYPE_CHECKING

from support.agent import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.agent import Agent

ROWS = 50


class Terminal:
    """A terminal; `end` is the descriptor that a program gets."""

    def __init__(self, columns: int = 80) -> None:
        self._ours, self.end = pty.openpty()
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
        self._shown = b""
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with os.fdopen(self._ours, "rb", buffering=0) as file, contextlib.suppress(OSError):
            # EIO: the last one has closed the terminal.
            while not self._gone.is_set():
                if select.select([file], [], [], 0.05)[0]:
                    self._shown += file.read(4096)

    def await_text(self, text: str) -> None:
        """Wait until that has been shown."""
        wait_for(lambda: text.encode() in self._shown, 60)

    def hang_up(self) -> None:
        """Take the terminal away from those who write there."""
        self._gone.set()
        self._thread.join(60)

    def text(self) -> str:
        """Return all of it, once everybody has closed it."""
        os.close(self.end)
        self._thread.join(60)
        return self._shown.decode().replace("\r\n", "\n")


def start(
    terminal: Terminal,
    agent: Agent,
    *arguments: str,
    stdout: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start a command of the agent's on that terminal; `stdout` may go elsewhere."""
    return subprocess.Popen(
        [sys.executable, "-m", "mast_agent", *arguments],
        env={**agent.environment, "TERM": "xterm-256color", **(environment or {})},
        stdin=terminal.end,
        stdout=terminal.end if stdout is None else stdout,
        stderr=terminal.end,
        text=True,
    )


def run(
    agent: Agent, *arguments: str, columns: int = 80, environment: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Run a command of the agent's on a terminal; return its code and what was shown."""
    terminal = Terminal(columns)
    code = start(terminal, agent, *arguments, environment=environment).wait(90)
    return code, terminal.text()
