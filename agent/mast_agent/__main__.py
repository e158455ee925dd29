"""Entry point: `mast-agent`, and `python -m mast_agent`."""

from __future__ import annotations

import io
import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
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
    from mast_agent.cli import execute  # noqa: PLC0415 - keeps the import of this module free

    code = execute(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        # Output that nobody takes would make the interpreter end with a code of its own, 120.
        try:
            if stream is not None:  # closed before the start
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


if __name__ == "__main__":
    main()
