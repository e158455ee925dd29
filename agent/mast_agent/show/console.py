"""What commands print: results on stdout, failures on stderr, one line each.

A stream that is closed, full, or not read is no failure of the command.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.cause import Phase
from mast_agent.failures.failure import Failure
from mast_agent.text.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from mast_agent.report.surroundings import Reader
    from mast_agent.text.redact import Redactor


def is_able(stream: TextIO | None, environ: Mapping[str, str]) -> bool:
    """Tell whether something may be drawn on a stream."""
    return stream is not None and stream.isatty() and environ.get("TERM") != "dumb"


def bug(error: Exception, redactor: Redactor | None, phase: Phase = Phase.RELEASE) -> Failure:
    """Return a failure that says where it happened, without any value of a variable."""
    import traceback  # noqa: PLC0415 - only for this

    frames = traceback.extract_tb(error.__traceback__)
    where = ", ".join(f"{frame.name}:{frame.lineno}" for frame in frames[-4:])
    text = f": {redactor.quote(str(error))}" if redactor is not None else ""
    return Failure(causes.BUG, f"{type(error).__name__}{text} (in {where})", phase=phase)


def complain(
    failure: Failure,
    where: str | None = None,
    code: int | None = None,
    *,
    reader: Reader | None = None,
) -> None:
    """Say on stderr what has failed, with its phase and code unless others are given.

    `reader` is who is to put it right.
    """
    remedy = failure.remedy if reader is None else reader.remedy(failure)
    text = escape(f"{where or failure.phase}: {failure.message}. {remedy}")
    code = failure.code if code is None else code
    say(f"mast-agent: {text} [{failure.cause.slug}, exit {code:d}]", stderr=True)


def say(text: str, *, stderr: bool = False) -> None:
    """Print on stdout, or on stderr; what cannot be written changes no exit code.

    Raises BrokenPipeError where nobody reads stdout any more, which `cli` ends by.
    """
    stream = sys.stderr if stderr else sys.stdout
    if stream is None:  # closed before the start
        return
    try:
        stream.write(text + "\n")
        stream.flush()
    except (OSError, ValueError) as error:
        if stderr:
            return
        if isinstance(error, BrokenPipeError):
            raise
        reason = error.strerror if isinstance(error, OSError) else error
        say(f"mast-agent: the output cannot be written: {reason}", stderr=True)
