"""Entry point: `mast-agent`, and `python -m mast_agent`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and leave with its exit code."""
    from mast_agent.cli import execute  # noqa: PLC0415 - keeps the import of this module free

    sys.exit(execute(sys.argv[1:]))


if __name__ == "__main__":
    main()
