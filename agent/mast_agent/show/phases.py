"""What is known of each phase of an enrollment, in the order in which they happen. Pure.

What was seen just now counts more than what the last run has said. A message that is shown
elsewhere already, on the first line or as the cause, is not repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.show import login_phase
from mast_agent.show.layout import Mark, Row
from mast_agent.status import evidence, remarks
from mast_agent.status.verdict import State
from mast_agent.text import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mast_agent.failures.failure import Failure
    from mast_agent.report.published import Published
    from mast_agent.status.status import Status

ORDER = ("release", "database", "migrations", "enroll", "verify", "record", "access")
_SHOWN = "see the cause"
_Fact = tuple[Mark, str]


def rows(status: Status, said: Sequence[str] = ()) -> list[Row]:
    """Return one row for each phase; `said` is what is shown elsewhere."""
    at = _stopped_at(status)
    found = []
    for number, phase in enumerate(ORDER):
        fact = (
            login_phase.fact(status, said, enrolled=_enrolled(status))
            if phase == "access"
            else _SEEN[phase](status)
        )
        if at is not None and phase == at.phase and not _is_over(at, status, fact):
            fact = _of_the_run(at, status)
        elif fact is None or (fact[0] is Mark.UNKNOWN and at is not None):
            fact = _by_the_run(number, at, fact) if at is not None else fact or _unseen(status)
        mark, text = fact
        text = _SHOWN if text in said else clock.local(text)
        found.append(Row(label=phase, mark=mark, text=text))
    return found


def _stopped_at(status: Status) -> Published | None:
    """Return the run that is at work or has ended before the enrollment, None for none."""
    last = status.facts.last_word
    over = status.verdict.state in (State.ENROLLED, State.UNREACHED, State.STALE)
    return None if over or last is None or last.state == "enrolled" else last


def _is_over(at: Published, status: Status, fact: _Fact | None) -> bool:
    """Tell whether what is seen now says more than a run that has not come to an end of its own."""
    broken_off = at.state != "failed" and status.facts.at_work is False
    return broken_off and fact is not None and fact[0] is Mark.FAILED


def _unseen(status: Status) -> _Fact:
    if status.verdict.state in (State.UNKNOWN, State.STALE):
        return Mark.UNKNOWN, "unknown"
    return Mark.NOT_REACHED, "not reached"


def _by_the_run(number: int, at: Published, fact: _Fact | None) -> _Fact:
    if at.phase in ORDER and number < ORDER.index(at.phase):
        return Mark.DONE, "done"
    return fact or (Mark.NOT_REACHED, "not reached")


def _of_the_run(last: Published, status: Status) -> _Fact:
    """Return what the run does, or how it ended, in the phase in which it is."""
    now = status.facts.now
    moment = evidence.moment(last.since)
    ago = evidence.ago(moment, now)
    length = "" if not ago else f"for {ago.removesuffix(' ago')}"
    attempt = f"attempt {last.attempts}" if last.attempts > 1 else ""
    at_work = status.facts.at_work is not False
    if last.state == "waiting" and at_work:
        parts = [f"waiting {length}".strip(), attempt, _next(last, now)]
        mark = Mark.WAITING
    elif last.state == "running" and at_work:
        parts, mark = [last.message, length], Mark.WAITING
    elif last.state == "failed":
        tries = f"after {last.attempts} attempts" if last.attempts > 1 else ""
        parts, mark = [f"failed {ago}".strip(), tries], Mark.FAILED
    elif last.state == "stopped":
        parts, mark = [f"stopped {ago}".strip()], Mark.WARNING
    else:
        parts, mark = ["interrupted"], Mark.WARNING
    count = last.migrations
    if last.phase == "migrations" and count:
        parts.insert(0, f"{count['applied']} of {count['total']} applied")
    return mark, ", ".join(part for part in parts if part)


def _next(last: Published, now: float) -> str:
    then = evidence.moment(last.next_retry_at) if last.next_retry_at else None
    if then is None:
        return ""
    return f"next try in {evidence.span(then - now)}" if then > now else "next try now"


def _said(failure: Failure) -> _Fact:
    return Mark.FAILED, failure.message


def _release(status: Status) -> _Fact | None:
    found = status.release
    if found is not None:
        without = "" if found.has_bootstrap else ", without Mast.Bootstrap"
        return Mark.DONE, f"version {found.version}, {found.executable}{without}"
    failure = status.release_failure
    return None if failure is None else _said(failure)


def _database(status: Status) -> _Fact | None:
    if status.facts.looked:
        has = ", and has this host" if status.facts.server else ""
        return Mark.DONE, f"reachable{has}"
    why = status.settings_failure
    if why is not None:
        if only_root(why):
            return Mark.HIDDEN, "not asked"
        return Mark.UNKNOWN, f"not asked: {why.message}"
    failure = status.facts.failure
    return None if failure is None else _said(failure)


def only_root(failure: Failure | None) -> bool:
    """Tell whether all that is missing is the right to read what root may read."""
    return failure is not None and failure.own_remedy == remarks.AS_ROOT


def _migrations(status: Status) -> _Fact | None:
    last = status.facts.last_word
    count = status.migrations
    if count is not None:
        done = count.applied >= count.total
        return Mark.DONE if done else Mark.WAITING, f"{count} applied"
    if last is None or not last.migrations:
        return (Mark.DONE, "done") if _enrolled(status) else None
    applied, total = last.migrations["applied"], last.migrations["total"]
    return Mark.DONE if applied >= total else Mark.WAITING, f"{applied} of {total} applied"


def _enrolled(status: Status) -> bool:
    return status.verdict.state in (State.ENROLLED, State.UNREACHED)


def _enroll(status: Status) -> _Fact | None:
    facts, last = status.facts, status.facts.last_word
    if facts.server is not None:
        return Mark.DONE, f"server {facts.server.name!r} ({facts.server.id})"
    if status.verdict.state is State.STALE:
        return Mark.FAILED, "the database no longer has this host"
    if not _enrolled(status):
        return None
    if last is not None and last.server is not None:
        return Mark.DONE, f"server {last.server['name']!r} ({last.server['id']})"
    if (kept := facts.own_record) is not None:
        return Mark.DONE, f"server {kept.server_name!r} ({kept.server_id})"
    return Mark.DONE, "done"


def _verify(status: Status) -> _Fact | None:
    facts, last = status.facts, status.facts.last_word
    if facts.server is not None:
        return Mark.DONE, "confirmed by the database just now"
    if not _enrolled(status):
        return None
    moment = evidence.moment(last.updated_at) if last is not None else None
    changed = facts.agent_unit.changed_at if facts.agent_unit is not None else None
    then = evidence.ago(moment or changed, facts.now)
    return Mark.DONE, f"confirmed by the database {then}".rstrip()


def _record(status: Status) -> _Fact | None:
    kept, state = status.facts.record, status.record_state
    if kept is not None:
        if status.facts.foreign:
            return Mark.WARNING, f"another machine's: {kept.server_id}, of {kept.enrolled_at}"
        then = evidence.ago(evidence.moment(kept.enrolled_at), status.facts.now)
        shown = _enrolled(status) and f"({kept.server_id})" in (_enroll(status) or ("", ""))[1]
        which = "" if shown else f"server {kept.server_name!r} ({kept.server_id}), "
        return Mark.DONE, f"{which}written {then or f'on {kept.enrolled_at}'}"
    if state == "absent":
        return (Mark.WARNING, "absent") if status.facts.server else None
    if state == "unreadable":
        return Mark.HIDDEN, "only root may read it"
    return Mark.UNKNOWN, state


_SEEN = {
    "release": _release,
    "database": _database,
    "migrations": _migrations,
    "enroll": _enroll,
    "verify": _verify,
    "record": _record,
}
