"""What can go wrong, as values: phase, exit code, patience, cause and remedy.

This module only defines the words. Which cause a fact amounts to is decided where the
fact is known (`release`, `connect`, `session`, `evaluation` …); how a failure is shown is
decided in `report` and `cli`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent import remedies

if TYPE_CHECKING:
    from collections.abc import Mapping


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


class Patience(enum.Enum):
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

    `slug` is the stable name (journal field MAST_CAUSE, JSON `cause`); `settled` is the code
    once the grace has passed, where that differs from `code`. `remedy` is a sentence, `run` are
    the commands that carry it out, both with places for what is known (`remedies`); `otherwise`
    is the sentence where too little is known for the commands, `nixos` the one for NixOS.
    `mast` says that what has to be put right is read by mast.service too.
    """

    slug: str
    phase: Phase
    code: Code
    patience: Patience
    remedy: str
    settled: Code | None = None
    run: tuple[str, ...] = ()
    otherwise: str = ""
    nixos: str = ""
    mast: bool = False


class Failure(Exception):  # noqa: N818 - it is the noun that the whole project uses
    """An attempt that failed, for a known cause.

    `message` says what was seen, in one sentence without secrets; `remedy` what to do about
    it, where that is another thing than the cause's. `known` are facts for the cause's remedy, by
    name, none of them a secret. `progress` tells two failures of one cause apart when the
    difference is worth a line of its own ("3 of 21"). `cut_short` says that it was the deadline
    that ended the wait for an answer, which tells less than what was seen before. `phase` is where
    it happened, for causes that can happen in any.
    """

    def __init__(
        self,
        cause: Cause,
        message: str,
        *,
        remedy: str | None = None,
        known: Mapping[str, str] | None = None,
        progress: str = "",
        cut_short: bool = False,
        phase: Phase | None = None,
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.own_remedy = remedy
        self.known = dict(known or {})
        self.code = cause.code
        self.progress = progress
        self.cut_short = cut_short
        self.phase = cause.phase if phase is None else phase

    @property
    def remedy(self) -> str:
        """What to do about it, with all that is known so far; the commands are root's."""
        return remedies.fill(self.cause, self.known) if self.own_remedy is None else self.own_remedy

    def learn(self, known: Mapping[str, str]) -> None:
        """Take in what is known of the host; what was known where it happened counts more."""
        self.known = {**known, **self.known}

    def settle(self) -> None:
        """Take on the code that the cause has once it is believed to be permanent."""
        if self.cause.settled is not None:
            self.code = self.cause.settled

    def __str__(self) -> str:
        """One line for an operator: phase, what was seen, what to do."""
        return f"{self.phase}: {self.message}. {self.remedy}"


class Stopped(BaseException):
    """A stop signal arrived. The process has to die by `signum` and record nothing."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum
