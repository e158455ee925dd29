"""Entry point: `mast-agent`, and `python -m mast_agent`."""

from __future__ import annotations

import gc
import io
import os
import sys

_GARBAGE = 20_000
"""How many objects may be made, and not freed, before cycles are looked for."""


def main() -> None:
    """Run the command line and leave with its exit code; does not return."""
    for fd in (0, 1, 2):
        # A descriptor that was closed before the start would go to the next file that is opened,
        # and what libraries print there would end up in a database connection.
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        # A locale that lacks a character must not turn a report into a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Imports make objects that stay: to look for cycles among them all the time is for nothing.
    gc.set_threshold(_GARBAGE)

    from mast_agent.cli import execute  # noqa: PLC0415 - keeps the import of this module free
    from mast_agent.host.ending import leave  # noqa: PLC0415 - as above

    leave(execute(sys.argv[1:]))


if __name__ == "__main__":
    main()
