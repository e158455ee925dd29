"""A running enrollment, as it is drawn on a terminal: its phases, and what it waits for. Pure.

It is made of what the run publishes; `live` draws it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.failures.cause import Phase
from mast_agent.show import advice
from mast_agent.show.layout import Mark, Note, Row
from mast_agent.status import evidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mast_agent.report.published import Published
    from mast_agent.show.layout import Piece

ORDER = tuple(str(phase) for phase in Phase if phase is not Phase.ACCESS)
_TOLD_SECONDS = 1.0
"""What took less is done "at once", of which nothing is said."""
_MARKS = {
    "running": Mark.WORKING,
    "waiting": Mark.WORKING,
    "failed": Mark.FAILED,
    "stopped": Mark.WARNING,
}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What is published, and when: `at` is monotonic, in seconds. `advice` is for its reader."""

    published: Published
    advice: str
    at: float
    now: float
    """The wall clock's time, in seconds, by which the published times count."""

    def until(self, text: str | None, at: float) -> float | None:
        """Return how many seconds there are from `at` to a published time."""
        then = evidence.moment(text) if text else None
        return None if then is None else then - self.now - (at - self.at)


class Steps:
    """Follows one run from phase to phase."""

    def __init__(self, at: float) -> None:
        """`at` is when it began, monotonic, in seconds."""
        self._entered = at
        self._phase = ORDER[0]
        self._moment: Moment | None = None
        self._took: dict[str, float] = {}

    def see(self, moment: Moment) -> None:
        """Take in what is published now."""
        phase = moment.published.phase
        if phase != self._phase:
            self._took[self._phase] = moment.at - self._entered
            self._phase, self._entered = phase, moment.at
        self._moment = moment

    def pieces(self, at: float, sign: str | None = None) -> list[Piece]:
        """Return what there is to show at `at`; `sign` is what turns beside the phase at work."""
        found: list[Piece] = []
        for phase in ORDER:
            mark, text = self._fact(phase, at)
            turning = sign if mark is Mark.WORKING else None
            found.append(Row(label=phase, mark=mark, text=text, sign=turning))
        below = list(self._below(at))
        return [*found, None, *below] if below else found

    def _fact(self, phase: str, at: float) -> tuple[Mark, str]:
        last = self._moment.published if self._moment is not None else None
        if last is None or ORDER.index(phase) > ORDER.index(self._phase):
            return Mark.NOT_REACHED, Mark.NOT_REACHED.word
        if phase != self._phase:
            return Mark.DONE, self._done(phase, last)
        if last.state == "enrolled":
            return Mark.DONE, "confirmed by the database"
        return _MARKS[last.state], self._now(last, at)

    def _done(self, phase: str, last: Published) -> str:
        if last.state == "enrolled" and phase == Phase.ENROLL and phase not in self._took:
            return "done before"
        count, took = last.migrations, self._took.get(phase, 0.0)
        text = f"{count['applied']} of {count['total']} applied" if count else ""
        text = text if phase == Phase.MIGRATIONS and text else "done"
        return f"{text}, {evidence.span(took)}" if took >= _TOLD_SECONDS else text

    def _now(self, last: Published, at: float) -> str:
        """Return what the run does, or how it ended, in the phase in which it is."""
        seconds = at - self._entered
        length = evidence.span(seconds) if seconds >= _TOLD_SECONDS else ""
        count = last.migrations
        parts = []
        if last.phase == Phase.MIGRATIONS and count:
            parts.append(f"{count['applied']} of {count['total']} applied")
        if last.state == "waiting":
            parts += [f"waiting {length and 'for '}{length}".strip()]
            parts += [f"attempt {last.attempts}"] if last.attempts > 1 else []
            left = self._moment.until(last.next_retry_at, at) if self._moment else None
            if left is not None:
                parts.append(f"next try in {evidence.span(left)}" if left >= 1 else "next try now")
        elif last.state == "running":
            parts += [last.message, length]
        elif last.state == "failed":
            tries = f" after {last.attempts} attempts" if last.attempts > 1 else ""
            parts.append(f"failed{tries}{length and ', '}{length}")
        else:
            parts.append(last.message)
        return ", ".join(part for part in parts if part)

    def _below(self, at: float) -> Iterator[Piece]:
        """Give cause and remedy, and how it goes on."""
        moment = self._moment
        if moment is None or moment.published.error is None:
            return
        last, error = moment.published, moment.published.error
        if last.state not in ("waiting", "failed"):
            return
        yield Row(label="cause", text=error.message)
        yield from advice.pieces("remedy", moment.advice or error.remedy)
        yield None
        if last.state == "failed":
            yield Note(text=f"[{error.cause}, exit {error.code}]")
            return
        left = moment.until(last.gives_up_at, at)
        if left is not None and left > 0:
            yield Note(text=f"It gives up in {evidence.span(left)}. Ctrl+C ends it.")
