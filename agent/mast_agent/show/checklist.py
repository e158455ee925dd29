"""What `mast-agent check` shows: a line for each finding, or on a terminal a list with marks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from mast_agent.show import advice, console, layout
from mast_agent.show.layout import Heading, Mark, Note, Row
from mast_agent.status.preflight import Kind
from mast_agent.text.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mast_agent.report.surroundings import Reader
    from mast_agent.show.layout import Piece
    from mast_agent.status.preflight import Finding

_MARKS = {
    Kind.READY: Mark.DONE,
    Kind.WARNING: Mark.WARNING,
    Kind.FAILED: Mark.FAILED,
    Kind.SKIPPED: Mark.NOT_REACHED,
}


class Checklist:
    """Shows findings: at once in a pipe, all together on a terminal."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._drawn = console.is_able(sys.stdout, environ)
        self._found: list[tuple[Finding, str]] = []

    def see(self, finding: Finding, reader: Reader) -> None:
        """Take in a finding. Raises BrokenPipeError where nobody reads stdout any more."""
        failure = finding.failure
        remedy = reader.remedy(failure) if failure is not None else ""
        self._found.append((finding, remedy))
        if self._drawn:
            return
        if failure is not None and finding.kind is Kind.FAILED:
            console.complain(failure, reader=reader)
        elif finding.kind is not Kind.SKIPPED:
            warning = "warning: " if finding.kind is Kind.WARNING else ""
            said = f"{finding.text}. {remedy}" if remedy else finding.text
            console.say(escape(f"{finding.label}: {warning}{said}"))

    def close(self) -> None:
        """Show what was not shown yet. Raises BrokenPipeError as above."""
        if self._drawn and self._found:
            how = layout.style(sys.stdout, self._environ)
            console.say(layout.text(pieces(self._found), how))


def pieces(found: list[tuple[Finding, str]]) -> list[Piece]:
    """Return the list: the answer, what was found, what to do, and the words for a search."""
    shown: list[Piece] = [_heading(found), None]
    shown += [Row(label=each.label, mark=_MARKS[each.kind], text=each.text) for each, _ in found]
    below = list(_advice(found))
    shown += [None, *below] if below else []
    causes = [
        f"[{each.failure.cause.slug}, exit {each.failure.code:d}]"
        for each, _ in found
        if each.failure is not None and each.kind is Kind.FAILED
    ]
    return [*shown, None, Note(text=" ".join(causes))] if causes else shown


def _heading(found: list[tuple[Finding, str]]) -> Heading:
    failed = list(dict.fromkeys(each.label for each, _ in found if each.kind is Kind.FAILED))
    if failed:
        return Heading(mark=Mark.FAILED, text=f"not ready to enroll: see {' and '.join(failed)}")
    warned = any(each.kind is Kind.WARNING for each, _ in found)
    return Heading(mark=Mark.WARNING if warned else Mark.DONE, text="ready to enroll")


def _advice(found: list[tuple[Finding, str]]) -> Iterator[Piece]:
    """Give each remedy once, that of the first failure first."""
    first = sorted(found, key=lambda each: each[0].kind is not Kind.FAILED)
    for number, remedy in enumerate(dict.fromkeys(remedy for _, remedy in first if remedy)):
        yield from advice.pieces("also" if number else "remedy", remedy)
