"""A wall clock of its own for one process, which jumps when the soak says so.

Built from clock.c, since there is no namespace for the wall clock, and libfaketime's way of doing
it holds threads up for seconds.
"""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


def build(library: Path) -> bool:
    """Build the library; return False where there is no compiler."""
    argv = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
    try:
        subprocess.run(argv, check=True)
    except FileNotFoundError:
        return False
    return True


class Clock:
    """How far off one process's wall clock is."""

    def __init__(self, library: Path, file: Path) -> None:
        self._file = file
        file.write_bytes(bytes(8))
        self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(file)}

    def jump(self, seconds: int) -> None:
        """Let it be off by `seconds` from now on."""
        # In place: the process has the file's page.
        fd = os.open(self._file, os.O_WRONLY)
        try:
            os.pwrite(fd, struct.pack("q", seconds), 0)
        finally:
            os.close(fd)
