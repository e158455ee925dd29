"""Runs inside a booted machine: the commands, where there is a systemd to ask."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

sys.path += [str(Path(__file__).parents[1])]  # inside, and this package

import inside
from bench import commands, measure

_CONNINFO = f"host=127.0.0.1 dbname=mast user=mast password={inside.PASSWORD}"


def bench() -> dict[str, Any]:
    """Wait for the enrollment, then run everything in turn."""
    inside.await_state("exited", seconds=90)
    cloud_init = inside.run("cloud-init", "status").out if shutil.which("cloud-init") else ""
    rounds = int(Path("/etc/bench-rounds").read_text(encoding="ascii"))
    every = commands.commands("/usr/bin/mast-agent", "/usr/bin/python3", _CONNINFO, user="mast")
    return {
        "taken": measure.in_turn(every, rounds),
        "status": inside.status()["text"],
        "python": sys.version.partition(" ")[0],
        "systemd": inside.must("systemctl", "--version").split()[1],
        "cloud_init": cloud_init,
    }


if __name__ == "__main__":
    inside.main(bench)
