"""The one door to every child process: bounded in time and memory, and always reaped.

The child is the leader of a session of its own, so that a signal to its process group reaches
everything it started. Its environment is exactly what the caller gives. What its output means
is left to the caller, who gets it line by line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mast_agent.host import bond
from mast_agent.host.execve import StartError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

LINE_BYTES = 8192
"""What is kept of one line; the rest of it is counted and dropped."""
_CHUNK_BYTES = 65536
_DRAIN_SECONDS = 1.0
"""How long output may still come after the child has ended, from something that it left."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of output, without its end. `cut` says that a part of it was dropped."""

    stream: str
    content: bytes
    cut: bool


@dataclass(frozen=True, kw_only=True)
class Exit:
    """How a child ended. `code` is negative for a signal; `dropped` is in bytes."""

    code: int
    timed_out: bool
    dropped: int
    seconds: float


class _Splitter:
    """Cuts a stream of bytes into lines in bounded memory."""

    def __init__(self, stream: str, emit: Callable[[Line], None]) -> None:
        self._stream = stream
        self._emit = emit
        self._line = bytearray()
        self._cut = False
        self.dropped = 0

    def feed(self, chunk: bytes) -> None:
        *complete, rest = chunk.split(b"\n")
        for part in complete:
            self._add(part)
            self._flush()
        self._add(rest)

    def _add(self, part: bytes) -> None:
        room = LINE_BYTES - len(self._line)
        self._line += part[:room]
        if len(part) > room:
            self._cut = True
            self.dropped += len(part) - room

    def _flush(self) -> None:
        self._emit(Line(stream=self._stream, content=bytes(self._line), cut=self._cut))
        self._line.clear()
        self._cut = False

    def close(self) -> None:
        if self._line or self._cut:
            self._flush()


async def run(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    seconds: float,
    kill_after: float,
    on_line: Callable[[Line], None],
) -> Exit:
    """Run `argv` for at most `seconds`, handing each line of both streams to `on_line`.

    When the time is over, or the surrounding task is cancelled, the child's process group gets
    SIGTERM and, `kill_after` seconds later, SIGKILL; the child is reaped before this returns. When
    this process is killed, so is the child (`bond`).
    Raises StartError when it cannot be started.
    """
    loop = asyncio.get_running_loop()
    begin = loop.time()
    starting = asyncio.ensure_future(_start(argv, environment, directory))
    # asyncio would kill a child that is cancelled while it starts, without what it has started.
    cancelled = await _to_the_end(starting)
    try:
        child = starting.result()
    except OSError as error:
        raise StartError.of(error, directory) from error
    splitters = [_Splitter("stdout", on_line), _Splitter("stderr", on_line)]
    readers = [
        asyncio.ensure_future(_pump(stream, splitter))
        for stream, splitter in zip((child.stdout, child.stderr), splitters, strict=True)
        if stream is not None
    ]
    timed_out = False
    if cancelled is None:
        try:
            # Not wait_for(): Python 3.11's forgets to be cancelled when the child ends just then.
            async with asyncio.timeout(seconds):
                await asyncio.shield(child.wait())
        except TimeoutError:
            timed_out = True
        except asyncio.CancelledError as error:
            cancelled = error
    # A signal that comes now must not stop the cleaning up.
    finishing = asyncio.ensure_future(_finish(child, readers, kill_after))
    cancelled = await _to_the_end(finishing) or cancelled
    finishing.result()
    if cancelled is not None:
        raise cancelled
    for splitter in splitters:
        splitter.close()
    return Exit(
        code=child.returncode if child.returncode is not None else -signal.SIGKILL,
        timed_out=timed_out,
        dropped=sum(splitter.dropped for splitter in splitters),
        seconds=loop.time() - begin,
    )


async def _start(
    argv: Sequence[str], environment: Mapping[str, str], directory: Path
) -> asyncio.subprocess.Process:
    """Start it in a session of its own, bound to this process."""
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        cwd=directory,
        start_new_session=True,
        umask=0o077,
        # The child does nothing there that a thread of this process could be in the way of.
        preexec_fn=bond.until_death(),
    )


async def _to_the_end(task: asyncio.Future[Any]) -> asyncio.CancelledError | None:
    """Wait until `task` is done, whatever happens; return what cancelled the caller meanwhile."""
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


async def _pump(stream: asyncio.StreamReader, splitter: _Splitter) -> None:
    while chunk := await stream.read(_CHUNK_BYTES):
        splitter.feed(chunk)


async def _finish(
    child: asyncio.subprocess.Process, readers: Sequence[asyncio.Future[None]], kill_after: float
) -> None:
    """End the child if it has not ended, reap it, and end what is left of its group."""
    if child.returncode is None:
        _signal_group(child.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(kill_after):
                await asyncio.shield(child.wait())
        except TimeoutError:
            _signal_group(child.pid, signal.SIGKILL)
            await child.wait()
    else:
        await asyncio.wait(readers, timeout=_DRAIN_SECONDS)
    _signal_group(child.pid, signal.SIGKILL)
    _, pending = await asyncio.wait(readers, timeout=_DRAIN_SECONDS)
    for reader in pending:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    # Closes the pipes also where something outside the group still holds their other ends.
    transport = child._transport  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way
    with contextlib.suppress(ProcessLookupError):
        transport.close()


def _signal_group(group: int, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signum)
