"""Looks at processes: whose they are, by a mark in their environment, and what their argv shows."""

from __future__ import annotations

import contextlib
from pathlib import Path

MARK = "MAST_REFERENCE_MARK"
"""A variable that the agent passes on to its eval, as it does with all of Mast's."""


def marked(mark: str) -> list[int]:
    """Return the processes with that mark, or one that begins with it and a dash.

    Zombies are left out: they have no environment.
    """
    pids = [int(directory.name) for directory in _all()]
    return [pid for pid in pids if _has(pid, mark)]


def _has(pid: int, mark: str) -> bool:
    wanted = f"\0{MARK}={mark}".encode()
    try:
        environment = b"\0" + Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return any(wanted + end in environment for end in (b"\0", b"-"))


def families(mark: str) -> int:
    """Return how many processes with that mark have a parent without it, and so many evals run.

    What has ended since, or has lost its parent meanwhile, begins no family.
    """
    parents = [parent(pid) for pid in marked(mark)]
    return sum(each > 1 and not _has(each, mark) for each in parents)


def parent(pid: int) -> int:
    """Return the pid of the parent, 0 for a process that is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(stat.rpartition(b")")[2].split()[1])


def tree(pid: int) -> list[int]:
    """Return `pid` and what it has started, itself first."""
    parents = {int(directory.name): parent(int(directory.name)) for directory in _all()}
    found = [pid]
    for each in found:
        found += [child for child, above in parents.items() if above == each]
    return found


def held_up(pid: int) -> float:
    """Return how many seconds `pid` was ready to run, and waited for a processor.

    It is 0 for a process that is gone, and where the kernel does not count it: the second figure
    of /proc/PID/schedstat, in ns.
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def command_lines(mark: str) -> bytes:
    """Return what everybody can see of the processes with that mark: their arguments."""
    lines = []
    for pid in marked(mark):
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{pid}/cmdline").read_bytes())
    return b"\n".join(lines)


def _all() -> list[Path]:
    return list(Path("/proc").glob("[0-9]*"))
