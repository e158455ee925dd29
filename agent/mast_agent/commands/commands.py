"""What each command does: prepare, run the job, and turn its end into an exit code.

Here, and in `enrolling`, a `Failure` becomes a number and an unknown exception a bug report. Every
function returns an exit code. Modules are imported where they are needed, because `status` has to
be quick.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from mast_agent.commands import stage
from mast_agent.failures.cause import Code, Phase
from mast_agent.failures.failure import Failure
from mast_agent.host.deadline import Deadline
from mast_agent.show import console
from mast_agent.text.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mast_agent.config.settings import Options, Settings

CHECK_SECONDS = 10.0
"""How long `check` may take when no timeout is given."""


def enroll(
    options: Options, environ: Mapping[str, str], *, force: bool, plain: bool = False
) -> int:
    """`mast-agent enroll`. Raises Stopped after a stop signal."""
    from mast_agent.commands import enrolling  # noqa: PLC0415 - costly, as the others

    config, failure = stage.load(options, environ)
    return enrolling.run(config, failure, environ, force=force, plain=plain)


def status(
    options: Options,
    environ: Mapping[str, str],
    *,
    as_json: bool,
    wait: bool,
    watch: bool = False,
    managed: bool = False,
) -> int:
    """`mast-agent status`. A bug in it is "unknown", which is no verdict on the host."""
    from mast_agent.show import showing  # noqa: PLC0415 - only here
    from mast_agent.status.verdict import State  # noqa: PLC0415 - only here

    config: Settings | None = None
    try:
        config, failure = stage.load(options, environ)
        return showing.run(
            config, failure, environ, as_json=as_json, wait=wait, watch=watch, managed=managed
        )
    except BrokenPipeError:
        # Whoever read the output has enough of it: that is no bug, and `running` ends by it.
        raise
    except Exception as error:  # noqa: BLE001 - the one net, for bugs
        code = State.UNKNOWN.code
        redactor = stage.redactor(config) if config is not None else None
        console.complain(console.bug(error, redactor), "status", code)
        return code


def check(options: Options, environ: Mapping[str, str]) -> int:
    """`mast-agent check`. The code is that of the first phase that is not ready."""
    from mast_agent.report import surroundings  # noqa: PLC0415 - costly
    from mast_agent.show import checklist  # noqa: PLC0415 - as above
    from mast_agent.status import preflight  # noqa: PLC0415 - as above

    config, failure = stage.load(options, environ)
    reader = surroundings.reader(environ, "check")
    deadline = Deadline(config.timeout if config.timeout_given else CHECK_SECONDS)
    shown = checklist.Checklist(environ)
    phases = [Phase.RELEASE]
    code = Code.OK
    try:
        for finding in preflight.run(config, failure, deadline, phases.append):
            # By now this may be the service's user, as whom it failed.
            shown.see(finding, reader.at(config))
            if finding.kind is preflight.Kind.FAILED and finding.failure and code is Code.OK:
                code = finding.failure.code
    except Failure as error:
        shown.see(preflight.failed(error), reader.at(config))
        code = error.code
    except BrokenPipeError:
        # Whoever read the output has enough of it: that is no bug, and `running` ends by it.
        raise
    except Exception as error:  # noqa: BLE001 - the one net, for bugs
        console.complain(console.bug(error, stage.redactor(config), phases[-1]))
        code = Code.BUG
    shown.close()
    return code


def reset(options: Options, environ: Mapping[str, str]) -> int:
    """`mast-agent reset`. What it does is done before anything is said of it."""
    from mast_agent.commands import forget  # noqa: PLC0415 - only here
    from mast_agent.report import surroundings  # noqa: PLC0415 - as above

    config, failure = stage.load(options, environ)
    done: list[str] = []
    code = Code.OK
    try:
        # One by one: what is gone is said, whatever comes after it.
        for line in forget.run(
            config.state_directory, config.runtime_directory, config.access_directory
        ):
            done.append(line)  # noqa: PERF402 - as above
        if failure is not None:
            # It may name another directory of the key.
            done.append(f"{failure.message}; the key was looked for in {config.access_directory}")
    except Failure as error:
        console.complain(error, reader=surroundings.reader(environ, "reset"))
        code = error.code
    if done:
        console.say("\n".join(map(escape, done)))
    return code


def access(
    options: Options,
    environ: Mapping[str, str],
    *,
    revoke: bool,
    unless_revoked: bool,
    tidy: bool = False,
) -> int:
    """`mast-agent access`."""
    from mast_agent.access import admission, closing  # noqa: PLC0415 - costly
    from mast_agent.report import journal, surroundings  # noqa: PLC0415 - as above
    from mast_agent.report.reporter import Reporter  # noqa: PLC0415

    config, failure = stage.load(options, environ)
    journal.configure(environ)
    reporter = Reporter(None, surroundings.reader(environ, "access").at(config))
    began = time.monotonic()
    try:
        if revoke:
            # Whatever else is wrong: a door can always be closed.
            kind, said = closing.revoke(config)
            reporter.done(kind, Phase.ACCESS, said)
        elif tidy:
            admission.tidy(config)
        else:
            redactor = stage.redactor(config)
            granted = closing.grant(config, failure, redactor, by_hand=not unless_revoked)
            reporter.done(granted.kind, Phase.ACCESS, granted.said)
            if granted.tried is not None:
                reporter.login_tried(granted.tried)
    except Failure as error:
        reporter.failed(error, time.monotonic() - began)
        return error.code
    except Exception as error:  # noqa: BLE001 - the one net, for bugs
        found = console.bug(error, stage.redactor(config), Phase.ACCESS)
        reporter.failed(found, time.monotonic() - began)
        return Code.BUG
    return Code.OK


def give_up(error: Exception) -> int:
    """Report in one line what no command has caught, without a word that may be a secret."""
    if isinstance(error, OSError) and error.filename is None:
        console.say(f"mast-agent: the output cannot be written: {error.strerror}", stderr=True)
    else:
        console.complain(console.bug(error, None))
    return Code.BUG
