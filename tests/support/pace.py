"""How long something took, less what the machine made it wait for others.

A limit on the time is a promise of an agent that has a processor when it wants one. Where tests
run beside each other, or beside something else, it does not, and the kernel says for how long: the
pressure stall information (proc(5), Documentation/accounting/psi.rst). On an idle machine nothing
is taken off; nor is where the kernel does not tell.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

PRESSURE = (Path("/proc/pressure/cpu"), Path("/proc/pressure/io"))


def stalled() -> float:
    """Return for how long some process has waited for a processor or a disk, in seconds so far."""
    texts = []
    for path in PRESSURE:
        with contextlib.suppress(OSError):
            texts.append(path.read_text(encoding="ascii"))
    return told("".join(texts))


def told(pressure: str) -> float:
    """Return the same out of what stands in PRESSURE."""
    total = re.findall(r"^some .*total=(\d+)$", pressure, re.MULTILINE)
    return sum(map(int, total)) / 1e6


@dataclass(frozen=True)
class Moment:
    """A moment, from which time is taken."""

    at: float = field(default_factory=time.monotonic)
    stalled: float = field(default_factory=stalled)

    def passed(self) -> float:
        """Return the seconds since then."""
        return time.monotonic() - self.at

    def held_up(self) -> float:
        """Return for how many of them somebody had to wait; never more than have passed."""
        return min(self.passed(), stalled() - self.stalled)
