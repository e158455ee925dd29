"""One deadline over everything that an invocation waits for.

It counts the monotonic clock, so that a wall clock that jumps changes nothing.
"""

from __future__ import annotations

import time


class Deadline:
    """A point in monotonic time, `seconds` from its creation."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds that are left, never below zero."""
        return max(0.0, self._end - time.monotonic())

    def within(self, seconds: float) -> float:
        """Return the shorter of `seconds` and what is left: the bound for one wait."""
        return min(seconds, self.remaining())
