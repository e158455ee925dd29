"""What `mast-agent status` can say of a host: the states, and the sentence that says why."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class State(enum.Enum):
    """The verdicts, and the exit codes of `mast-agent status`."""

    ENROLLED = ("enrolled", 0)
    FAILED = ("failed", 1)
    PENDING = ("pending", 3)
    UNKNOWN = ("unknown", 4)
    STALE = ("stale", 5)
    UNREACHED = ("enrolled", 6)
    """For whoever asks whether the host is managed too: Mast does not reach it."""

    def __init__(self, word: str, code: int) -> None:
        self.word = word
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A state, and the sentence that says why."""

    state: State
    summary: str
    remedy: str = ""


START = "Start it"
"""What the remedy begins with where a run is all that is missing."""
