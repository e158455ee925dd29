"""What each command does: set the stage, run the job, and turn its end into an exit code.

The only place where a `Failure` becomes a number and an unknown exception becomes a bug report.
Every function returns an exit code; modules are imported where they are needed, because `status`
must be quick.
"""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import time
import traceback
from typing import TYPE_CHECKING

from mast_agent import causes, ecto_url, service_manager, settings, signals
from mast_agent.deadline import Deadline
from mast_agent.events import Event
from mast_agent.failure import Code, Failure, Phase, Stopped
from mast_agent.redact import Redactor, escape, secrets_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mast_agent.settings import Options, Settings

CHECK_SECONDS = 10.0
"""How long `check` may take when no timeout is given."""
STATUS_SECONDS = 5.0
"""How long `status` may take when it does not wait."""


def enroll(options: Options, environ: Mapping[str, str], *, force: bool) -> int:
    """`mast-agent enroll`. Raises Stopped after a stop signal."""
    from mast_agent import access as access_  # noqa: PLC0415 - costly, as the others
    from mast_agent import enrollment, journal, plan, service_user  # noqa: PLC0415
    from mast_agent.report import Reporter  # noqa: PLC0415 - as above

    config, failure = _load(options, environ)
    directory: Path | None = config.runtime_directory
    try:
        config = service_user.enter(config)
    except Exception as error:  # noqa: BLE001 - the one net, for bugs, as below
        # Root is still root, or half of it: it leaves no file of its own behind.
        refused = error if isinstance(error, Failure) else _bug(error, _redactor(config))
        directory, failure = None, failure or refused
    redactor = _redactor(config)
    journal.configure(environ)
    reporter = Reporter(directory)
    reporter.login(access_.variables(config.mast))
    service_manager.extend_start(config.timeout)
    for what in config.overruled:
        reporter.event(Event.OVERRULED, what)
    deadline = Deadline(config.timeout)
    began = time.monotonic()
    try:
        if failure is not None:
            raise failure
        server = enrollment.run(
            plan.make(config),
            deadline=deadline,
            force=force,
            reporter=reporter,
            redactor=redactor,
        )
    except Stopped as stopped:
        with signals.held():
            reporter.stopped(signal.Signals(stopped.signum).name)
        raise
    except Exception as error:  # noqa: BLE001 - the one net, for bugs
        found = error if isinstance(error, Failure) else _bug(error, redactor)
        with signals.held() as received:
            reporter.failed(found, time.monotonic() - began)
        if received:
            raise Stopped(received[0]) from None
        return found.code
    if not journal.to_journal(environ):
        # The enrollment stands, whether or not there is anybody to read of it.
        with contextlib.suppress(OSError):
            _print(escape(f"enrolled: server {server.name!r} ({server.id})"))
    return Code.OK


def status(options: Options, environ: Mapping[str, str], *, as_json: bool, wait: bool) -> int:
    """`mast-agent status`."""
    from mast_agent import render  # noqa: PLC0415 - only here
    from mast_agent import status as status_  # noqa: PLC0415 - only here

    config, failure = _load(options, environ)
    if wait:
        found = status_.wait(config, failure, Deadline(config.timeout))
    else:
        found = status_.collect(config, failure, Deadline(min(config.timeout, STATUS_SECONDS)))
    text = json.dumps(render.document(found), indent=2) if as_json else render.text(found)
    _print(text)
    return found.verdict.state.code


def check(options: Options, environ: Mapping[str, str]) -> int:
    """`mast-agent check`."""
    from mast_agent import preflight  # noqa: PLC0415 - costly

    config, failure = _load(options, environ)
    deadline = Deadline(config.timeout if config.timeout_given else CHECK_SECONDS)
    try:
        if failure is not None:
            raise failure
        for line in preflight.run(config, deadline):
            _print(escape(line))
    except Failure as error:
        _complain(error)
        return error.code
    except BrokenPipeError:
        # Whoever read the output has enough of it: that is no bug, and `cli` knows what it is.
        raise
    except Exception as error:  # noqa: BLE001 - the one net, for bugs
        _complain(_bug(error, _redactor(config)))
        return Code.BUG
    return Code.OK


def reset(options: Options, environ: Mapping[str, str]) -> int:
    """`mast-agent reset`."""
    from mast_agent import forget  # noqa: PLC0415 - only here

    config, failure = _load(options, environ)
    try:
        for line in forget.run(
            config.state_directory, config.runtime_directory, config.access_directory
        ):
            _print(escape(line))
    except Failure as error:
        _complain(error)
        return error.code
    if failure is not None:
        # It may name another directory of the key.
        _print(escape(f"{failure.message}; the key was looked for in {config.access_directory}"))
    return Code.OK


def access(options: Options, environ: Mapping[str, str], *, revoke: bool) -> int:
    """`mast-agent access`."""
    from mast_agent import access as access_  # noqa: PLC0415 - only here
    from mast_agent import journal  # noqa: PLC0415 - costly
    from mast_agent.report import Reporter  # noqa: PLC0415 - as above

    config, failure = _load(options, environ)
    redactor = _redactor(config)
    journal.configure(environ)
    reporter = Reporter(None)
    began = time.monotonic()
    try:
        if revoke:
            # Whatever else is wrong: a door can always be closed.
            gone = access_.revoke(config.access_directory)
            reporter.done(Event.ACCESS_REVOKED, Phase.ACCESS, access_.revoked(gone))
            return Code.OK
        if failure is not None:
            raise failure
        reporter.done(Event.ACCESS_GRANTED, Phase.ACCESS, access_.granted(*access_.grant(config)))
    except Failure as error:
        reporter.failed(error, time.monotonic() - began)
        return error.code
    except Exception as error:  # noqa: BLE001 - the one net, for bugs
        reporter.failed(_bug(error, redactor), time.monotonic() - began)
        return Code.BUG
    return Code.OK


def _load(options: Options, environ: Mapping[str, str]) -> tuple[Settings, Failure | None]:
    """Return the settings, without what could not be read of them, and why it could not."""
    try:
        return settings.load(options, environ), None
    except Failure as failure:
        return settings.salvage(options, environ), failure


def _redactor(config: Settings) -> Redactor:
    try:
        return ecto_url.parse(config.mast).redactor
    except Failure:
        return Redactor(secrets_of(config.mast))


def _bug(error: Exception, redactor: Redactor) -> Failure:
    """Return a failure that says where it happened, without any value of a variable."""
    frames = traceback.extract_tb(error.__traceback__)
    where = ", ".join(f"{frame.name}:{frame.lineno}" for frame in frames[-4:])
    text = redactor.quote(str(error))
    return Failure(causes.BUG, f"{type(error).__name__}: {text} (in {where})")


def _complain(failure: Failure) -> None:
    text = escape(str(failure))
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.write(f"mast-agent: {text} [{failure.cause.slug}, exit {failure.code:d}]\n")


def _print(text: str) -> None:
    """Print on stdout, which may have been closed before the start."""
    if sys.stdout is not None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
