"""A failure: a cause that occurred, and what is known of it.

How a failure is shown is decided in `reporter`, `console` and `screen`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mast_agent.failures import remedies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mast_agent.failures.cause import Cause, Code, Phase


class Failure(Exception):  # noqa: N818 - it is the noun that the whole project uses
    """An attempt that failed, for a known cause.

    `message` says what was seen, in one sentence without secrets; `remedy` what to do about
    it, where that is another thing than the cause's. `known` are facts for the cause's remedy, by
    name, none of them a secret. `progress` tells two failures of one cause apart when the
    difference is worth a line of its own ("3 of 21"). `cut_short` says that it was the deadline
    that ended the wait for an answer, which tells less than what was seen before. `phase` is where
    it happened, for causes that can happen in any. `code` is another than the cause's where the
    cause has been borne for long enough.

    It is never changed: what becomes known later makes another failure of it.
    """

    def __init__(
        self,
        cause: Cause,
        message: str,
        *,
        remedy: str | None = None,
        known: Mapping[str, str] | None = None,
        code: Code | None = None,
        progress: str = "",
        cut_short: bool = False,
        phase: Phase | None = None,
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.message = message
        self.own_remedy = remedy
        self.known = dict(known or {})
        self.code = cause.code if code is None else code
        self.progress = progress
        self.cut_short = cut_short
        self.phase = cause.phase if phase is None else phase

    @property
    def remedy(self) -> str:
        """What to do about it, with all that is known so far; the commands are root's."""
        return remedies.fill(self.cause, self.known) if self.own_remedy is None else self.own_remedy

    def knowing(self, known: Mapping[str, str]) -> Failure:
        """Return it with what is known of the host; what was known before counts more."""
        all_known = {**known, **self.known}
        return self if all_known == self.known else self._but(known=all_known)

    def escalated(self) -> Failure:
        """Return it with the code that its cause has once it is believed to be permanent."""
        return self._but(code=self.cause.escalates_to or self.code)

    def with_remedy(self, remedy: str) -> Failure:
        """Return it with another thing to do about it."""
        return self._but(remedy=remedy)

    def _but(self, **changes: Any) -> Failure:
        fields = {
            "remedy": self.own_remedy,
            "known": self.known,
            "code": self.code,
            "progress": self.progress,
            "cut_short": self.cut_short,
            "phase": self.phase,
        }
        return Failure(self.cause, self.message, **{**fields, **changes})

    def __str__(self) -> str:
        """One line for an operator: phase, what was seen, what to do."""
        return f"{self.phase}: {self.message}. {self.remedy}"


class Stopped(BaseException):
    """A stop signal arrived. The process has to die by `signum` and record nothing."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum
