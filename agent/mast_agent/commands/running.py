"""Runs the command line, and turns whatever ends it into an exit code or a signal.

The commands catch their own errors; this is for all others. It imports nothing more until there is
one.
"""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Any

import typer

from mast_agent.commands import usage
from mast_agent.host.ending import die_by

if TYPE_CHECKING:
    from collections.abc import Sequence

# click's class, whether typer imports click or, as since 0.2x, carries its own copy.
_UsageError: type[Exception] = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)

# What newer typers return after an interrupt; no command returns it.
_INTERRUPTED = 128 + signal.SIGINT


def execute(command: Any, arguments: Sequence[str]) -> int:
    """Run one of click's commands, and return the exit code or die by the signal that stopped it.

    A command returns its code. One that returns nothing has succeeded.
    """
    try:
        code = command.main(list(arguments), prog_name="mast-agent", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        die_by(signal.SIGINT)
    except typer.Exit as leave:
        return leave.exit_code
    except _UsageError as error:
        with contextlib.suppress(OSError):  # nobody to tell
            usage.show(error)
        return 2
    except BrokenPipeError:
        # Whoever read the output has enough of it: signal(7) has the code for that.
        die_by(signal.SIGPIPE)
    except SystemExit as leave:
        # click's own answer to a closed pipe is 1, which is "failed" here.
        if isinstance(leave.__context__, BrokenPipeError):
            die_by(signal.SIGPIPE)
        raise
    except BaseException as error:  # noqa: BLE001 - the net below the commands' own
        return _end(error)
    if code == _INTERRUPTED:
        die_by(signal.SIGINT)
    return code if isinstance(code, int) else 0


def _end(error: BaseException) -> int:
    """Return the exit code of what no command has caught, or die by the signal that it says."""
    from mast_agent.commands import commands  # noqa: PLC0415 - after a mistake alone
    from mast_agent.failures.failure import Stopped  # noqa: PLC0415 - as above

    if isinstance(error, Stopped):
        die_by(error.signum)
    if not isinstance(error, Exception):
        raise error
    return commands.give_up(error)
