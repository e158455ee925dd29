"""Watches the command lines of all processes, as any user may, until a file disappears.

Usage: sampler.py FILE; prints each command line that was seen, once, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(until: Path) -> None:
    """Sample without a pause: a command line can be short-lived."""
    seen: set[bytes] = set()
    while until.exists():
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                try:
                    seen.add((process / "cmdline").read_bytes())
                except OSError:
                    continue
    sys.stdout.write(json.dumps([line.decode(errors="replace") for line in seen]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
