"""How `mast-agent status` is printed: once, with progress while it waits, or at each change.

`status` and `waiting` collect, `screen` and `render` decide what it looks like. click draws, and
only on a terminal.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

from mast_agent.host import signals
from mast_agent.host.deadline import Deadline
from mast_agent.show import console
from mast_agent.status import evidence, status, waiting
from mast_agent.status.verdict import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mast_agent.config.settings import Settings
    from mast_agent.failures.failure import Failure
    from mast_agent.status.status import Status

    Form = Callable[[Status], str]

STATUS_SECONDS = 4.0
"""How long `status` looks when it does not wait: 5 s with the start of the program."""
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"  # ECMA-48's CUP and ED, and xterm's: what clear(1) writes
_BAR_WIDTH = 20


def run(
    config: Settings,
    failure: Failure | None,
    environ: Mapping[str, str],
    *,
    as_json: bool,
    wait: bool,
    watch: bool,
    managed: bool,
) -> int:
    """Look, print what there is to show, and return the exit code.

    `failure` is why the settings could not be read in full. Raises KeyboardInterrupt and Stopped.
    """
    form = _form(environ, as_json=as_json, compact=watch)
    if not wait and not watch:
        deadline = Deadline(min(config.timeout, STATUS_SECONDS))
        found = status.collect(config, failure, deadline, managed=managed)
        console.say(form(found))
        return found.verdict.state.code
    deadline = Deadline(config.timeout)
    if watch:
        draw = _Screen(form, redraw=not as_json and console.is_able(sys.stdout, environ))
        draw(waiting.wait(config, failure, deadline, managed=managed, seen=draw))
        found = draw.last
    else:
        with _life(deadline, environ) as seen:
            found = waiting.wait(config, failure, deadline, managed=managed, seen=seen)
        console.say(form(found))
    if found.verdict.state is State.PENDING and console.is_able(sys.stderr, environ):
        span = evidence.span(deadline.seconds)
        console.say(
            f"mast-agent: not decided within {span}; --timeout gives it longer", stderr=True
        )
    return found.verdict.state.code


def _form(environ: Mapping[str, str], *, as_json: bool, compact: bool) -> Form:
    """Return what makes a status text, or JSON: in one line where there will be several."""
    if not as_json:
        from mast_agent.show import layout, screen  # noqa: PLC0415 - not for JSON

        return lambda found: screen.text(found, layout.style(sys.stdout, environ))
    import json  # noqa: PLC0415 - not for text

    from mast_agent.show import render  # noqa: PLC0415 - as above

    return lambda found: json.dumps(render.document(found), indent=None if compact else 2)


class _Screen:
    """Shows each status: in the place of the last one on a terminal, else where it has changed."""

    last: Status

    def __init__(self, form: Form, *, redraw: bool) -> None:
        self._form = form
        self._redraw = redraw
        self._shown: object = None

    def __call__(self, found: Status) -> None:
        self.last = found
        text = self._form(found)
        what = text if self._redraw else _what_counts(found)
        if what != self._shown:
            console.say(f"{_CLEAR}{text}" if self._redraw else text)
        self._shown = what


def _what_counts(found: Status) -> object:
    """Return what makes another status of it: anything but a time, or a number of attempts."""
    facts = found.facts
    last = facts.last_word
    run = (last.state, last.phase, last.error, last.migrations) if last is not None else None
    units = (facts.agent_unit, facts.mast_unit, found.access_unit)
    states = [each and (each.active_state, each.sub_state) for each in units]
    why = facts.failure and facts.failure.message
    concerns = [each.message for each in facts.concerns]
    return (found.verdict.state, run, states, why, concerns, found.contact.reach)


@contextlib.contextmanager
def _life(deadline: Deadline, environ: Mapping[str, str]) -> Iterator[Callable[[Status], None]]:
    """Show on a terminal what is waited for, and for how long; else nothing.

    On stderr, so that stdout has the status alone. Nothing is shown of what is decided at once.
    """
    if not console.is_able(sys.stderr, environ):
        yield waiting.ignore
        return
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        bars: list[Any] = []

        def seen(found: Status) -> None:
            passed = time.monotonic() - began
            label = _label(found, passed, deadline.seconds, environ)
            if not bars:
                bars.append(stack.enter_context(_bar(deadline, label)))
            (bar,) = bars
            bar.label = label
            bar.update(round(passed) - bar.pos)
            bar.render_progress()

        yield seen


@contextlib.contextmanager
def _bar(deadline: Deadline, label: str) -> Iterator[Any]:
    """Show a bar, whose length is the time. However it ends, the terminal has its cursor again."""
    import typer  # noqa: PLC0415 - it is there already, and is needed here alone

    with (
        signals.raised(),
        typer.progressbar(
            length=max(1, round(deadline.seconds)),
            label=label,
            file=sys.stderr,
            width=_BAR_WIDTH,
            show_eta=False,
            show_percent=False,
        ) as bar,
    ):
        yield bar


def _label(found: Status, passed: float, whole: float, environ: Mapping[str, str]) -> str:
    """Return what is waited for, in one line of the terminal with the bar behind it."""
    import shutil  # noqa: PLC0415 - only for a terminal
    import textwrap  # noqa: PLC0415 - as above

    from mast_agent.show import layout, screen  # noqa: PLC0415 - as above

    times = f", {evidence.span(passed)} of {evidence.span(whole)}"
    room = shutil.get_terminal_size().columns - len(times) - _BAR_WIDTH - len("  []  ")
    said = layout.shown(screen.reason(found), layout.style(sys.stderr, environ))
    return textwrap.shorten(said, max(10, room), placeholder=" ...") + times
