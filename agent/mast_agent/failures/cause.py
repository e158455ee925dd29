"""What a cause of a failure is: phase, exit code, retry policy and remedy.

Only the words. Which cause a fact amounts to is decided where the fact is known (`release`,
`connect`, `session`, `evaluation` …), and all of them are listed in `causes`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Phase(enum.StrEnum):
    """The steps of an enrollment, in order. Their names are part of the interface.

    `access` is a command of its own, which follows an enrollment and is no part of it.
    """

    RELEASE = "release"
    DATABASE = "database"
    MIGRATIONS = "migrations"
    ENROLL = "enroll"
    VERIFY = "verify"
    ACCESS = "access"


class Code(enum.IntEnum):
    """Exit codes of `mast-agent enroll`, after sysexits(3). One code for one kind of cause."""

    OK = 0
    BUG = 1
    USAGE = 2
    UNAVAILABLE = 69
    SOFTWARE = 70
    TEMPFAIL = 75
    NOPERM = 77
    CONFIG = 78


#: Codes after which systemd does not start the agent again (RestartPreventExitStatus=).
FINAL_CODES = frozenset({Code.USAGE, Code.SOFTWARE, Code.NOPERM, Code.CONFIG})


class RetryPolicy(enum.Enum):
    """How long a cause is borne before it is believed."""

    NONE = "none"
    """Waiting cannot help: stop at once."""
    GRACE = "grace"
    """Looks permanent, but may be a database that is still being set up."""
    RETRY = "retry"
    """Passes by itself: retry until the deadline."""
    EVALS = "evals"
    """May pass by itself, and costs a BEAM each time: a few evals, then the next run's."""
    CROWDED = "crowded"
    """Passes by itself, and asking often makes it worse: retry seldom."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A kind of failure.

    `slug` is the stable name (journal field MAST_CAUSE, JSON `cause`); `escalates_to` is the code
    once the grace has passed, where that differs from `code`. `remedy` is a sentence, `run` are
    the commands that carry it out, both with places for what is known (`remedies`); `otherwise`
    is the sentence where too little is known for the commands, `nixos` the one for NixOS.
    `mast` says that what has to be put right is read by mast.service too.
    """

    slug: str
    phase: Phase
    code: Code
    retry_policy: RetryPolicy
    remedy: str
    escalates_to: Code | None = None
    run: tuple[str, ...] = ()
    otherwise: str = ""
    nixos: str = ""
    mast: bool = False
