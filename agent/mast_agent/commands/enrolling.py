"""`mast-agent enroll`: the run, what is shown of it meanwhile, and its end as an exit code."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING

from mast_agent.access import access
from mast_agent.commands import stage
from mast_agent.config import service_user
from mast_agent.enroll import enrollment, plan
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure, Stopped
from mast_agent.host import service_manager, signals
from mast_agent.host.deadline import Deadline
from mast_agent.report import journal, surroundings
from mast_agent.report.events import Event
from mast_agent.report.reporter import Reporter
from mast_agent.show import console
from mast_agent.text.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from mast_agent.config.settings import Settings
    from mast_agent.postgres.snapshot import Server
    from mast_agent.report.published import Published
    from mast_agent.show.live import Drawing

    Observer = Callable[[Published, str], None]


def run(
    config: Settings,
    failure: Failure | None,
    environ: Mapping[str, str],
    *,
    force: bool,
    plain: bool,
) -> int:
    """Enroll, and return the exit code; `failure` is why the settings could not be read in full.

    `plain` has nothing drawn, also on a terminal. Raises Stopped after a stop signal.
    """
    reader = surroundings.reader(environ, "enroll")
    # Root's still: the service's user may not be able to read the files of this program.
    drawing = _drawing(environ, plain=plain)
    directory: Path | None = config.runtime_directory
    try:
        config = service_user.enter(config)
    except Exception as error:  # noqa: BLE001 - the one net, for bugs, as below
        # Root is still root, or half of it: it leaves no file of its own behind.
        redactor = stage.redactor(config)
        refused = error if isinstance(error, Failure) else console.bug(error, redactor)
        directory, failure = None, failure or refused
    with _shown(environ, drawing) as observer:
        reporter = Reporter(directory, reader.at(config), observer)
        found = _enroll(config, failure, reporter, force=force)
    if isinstance(found, Failure):
        return found.code
    if not journal.to_journal(environ):
        # The enrollment stands, whether or not there is anybody to read of it.
        with contextlib.suppress(OSError):
            console.say(escape(f"enrolled: server {found.name!r} ({found.id})"))
    return Code.OK


def _drawing(environ: Mapping[str, str], *, plain: bool) -> Drawing | None:
    """Return what draws on a terminal; None where lines are logged."""
    if plain or journal.to_journal(environ) or not console.is_able(sys.stderr, environ):
        return None
    from mast_agent.show.live import Drawing  # noqa: PLC0415 - rich takes as long as all the rest

    # On stderr, so that stdout has the result alone.
    return Drawing(sys.stderr, environ)


@contextlib.contextmanager
def _shown(environ: Mapping[str, str], drawing: Drawing | None) -> Iterator[Observer | None]:
    """Draw what is published meanwhile, or log lines."""
    if drawing is None:
        journal.configure(environ)
        yield None
        return
    with signals.raised(), drawing:
        journal.configure(environ, drawing.say)
        yield drawing.see


def _enroll(
    config: Settings, failure: Failure | None, reporter: Reporter, *, force: bool
) -> Server | Failure:
    """Return this host's row, or why there is none, once that is reported."""
    redactor = stage.redactor(config)
    reporter.login(access.variables(config.mast))
    reporter.gives_up_in(config.timeout)
    service_manager.extend_start(config.timeout)
    for what in config.overruled:
        reporter.event(Event.OVERRULED, what)
    deadline = Deadline(config.timeout)
    began = time.monotonic()
    try:
        if failure is not None:
            raise failure
        return enrollment.run(
            plan.make(config),
            deadline=deadline,
            force=force,
            reporter=reporter,
            redactor=redactor,
        )
    except Stopped as stopped:
        with signals.deferred():
            reporter.stopped(signal.Signals(stopped.signum).name)
        raise
    except Exception as error:  # noqa: BLE001 - the one net, for bugs
        found = (
            error if isinstance(error, Failure) else console.bug(error, redactor, reporter.phase)
        )
        with signals.deferred() as received:
            reporter.failed(found, time.monotonic() - began)
        if received:
            raise Stopped(received[0]) from None
        return found
