"""Draws an enrollment on a terminal while it runs. rich draws; `steps` decides what.

A terminal that is gone, or full, ends no enrollment: what cannot be written there is lost.
"""

from __future__ import annotations

import contextlib
import io
import threading
import time
from typing import TYPE_CHECKING, Any, Self, cast

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from mast_agent.show import layout
from mast_agent.show.steps import Moment, Steps

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from mast_agent.report.published import Published

_FRAMES_A_SECOND = 10


class Drawing:
    """The phases of one run, at the foot of the terminal; `say` prints a line above them."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        self._stream = stream
        self._environ = environ
        self._lock = threading.Lock()
        self._steps = Steps(time.monotonic())
        how = self._style()
        self._spinner = Spinner("dots" if how.utf8 else "line")
        self._over = False
        self._console = Console(
            file=cast("TextIO", _Lossy(stream)),
            force_terminal=True,
            color_system="standard" if how.colour else None,
            no_color=not how.colour,
            legacy_windows=False,
        )
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=_FRAMES_A_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="visible",
        )
        # rich imports some of its modules when it first draws. Do that now: later they may be
        # unreadable, once root has become another user.
        Console(file=io.StringIO(), force_terminal=True).print(self._draw())

    def see(self, published: Published, advice: str) -> None:
        """Show what the run publishes; `advice` is what is to be done, for whoever sees it."""
        moment = Moment(published=published, advice=advice, at=time.monotonic(), now=time.time())
        with self._lock:
            self._steps.see(moment)

    def say(self, line: str) -> None:
        """Print a line above."""
        self._console.print(Text(layout.shown(line, self._style())))

    def _style(self) -> layout.Style:
        return layout.style(self._stream, self._environ)

    def _draw(self) -> Any:
        at = time.monotonic()
        sign = None if self._over else str(self._spinner.render(at))
        with self._lock:
            pieces = self._steps.pieces(at, sign)
        return Text.from_ansi(layout.text(pieces, self._style()))

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last picture there, and the cursor below it, however it ends."""
        self._over = True
        self._live.stop()


class _Lossy(io.TextIOBase):
    """A stream that never fails."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()
