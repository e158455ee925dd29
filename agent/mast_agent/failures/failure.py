"""A failure: a cause that occurred, and what is known of it.

How a failure is shown is decided in `reporter`, `console` and `screen`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.failures import remedies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mast_agent.failures.cause import Cause, Phase


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
