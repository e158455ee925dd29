"""What an operator has to know besides the verdict: what may be wrong although it is right.

Each remark is a failure with a cause of its own, and changes no exit code. `concerns` has those
about the row, and `access` those about Mast's login; here are the others, and how all of them get
onto the first line.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mast_agent.access.reach import Contact, Reach
from mast_agent.failures import causes, remedies
from mast_agent.failures.cause import Phase
from mast_agent.failures.failure import Failure
from mast_agent.host import units
from mast_agent.report import restarting
from mast_agent.status.verdict import START, State, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mast_agent.host.identity import Host
    from mast_agent.status.facts import Facts


AS_ROOT = "Ask as root: sudo mast-agent status"


def find(facts: Facts, host: Host) -> list[Failure]:
    """Return what the facts give reason to say, the most important one first."""
    found = [_foreign(facts), _renamed(facts, host), _mast(facts), _unrecorded(facts)]
    return [remark for remark in found if remark is not None]


def keeps_out(concern: Failure | None, unit: Failure | None, contact: Contact) -> list[Failure]:
    """Return what keeps Mast from logging in, as the first line says it.

    `unit` is what the unit failed at that should let it in: it may have failed on an open door.
    """
    if concern is None:
        return [] if unit is None or contact.reach is Reach.REACHED else [unit]
    return [concern]


def managed(verdict: Verdict, concern: Failure | None, contact: Contact) -> Verdict:
    """Return the verdict for whoever asks whether Mast reaches this host, too."""
    if verdict.state is not State.ENROLLED:
        return verdict
    if concern is not None:
        return replace(verdict, state=State.UNREACHED)
    if contact.reach is Reach.UNKNOWN:
        return replace(
            verdict,
            state=State.UNKNOWN,
            summary=f"{verdict.summary}; but whether Mast reaches this host cannot be told",
            remedy=verdict.remedy or "Ask as root: sudo mast-agent status --managed",
        )
    if contact.reach is Reach.REACHED and contact.since_key is not False:
        return verdict
    return replace(
        verdict,
        state=State.UNREACHED,
        summary=f"{verdict.summary}; but Mast has not reached this host since its key was "
        "installed",
    )


def unblocked(verdict: Verdict, obstacle: Failure | None) -> Verdict:
    """Return the verdict with the obstacle's remedy first, where it says that a start is due.

    What this user alone may not read is none.
    """
    due = verdict.state is State.PENDING and verdict.remedy.startswith(START)
    if obstacle is None or not due or obstacle.own_remedy == AS_ROOT:
        return verdict
    commands = remedies.split(verdict.remedy)[1]
    return replace(verdict, remedy=remedies.followed(obstacle.remedy, *commands))


def _foreign(facts: Facts) -> Failure | None:
    if not facts.foreign or facts.record is None:
        return None
    return Failure(
        causes.RECORD_FOREIGN,
        "the record here is another machine's "
        f"(of {facts.record.enrolled_at}, server {facts.record.server_name!r})",
    )


def _renamed(facts: Facts, host: Host) -> Failure | None:
    """Tell of a record that was made under another name: a clone that kept the machine id."""
    kept = facts.own_record
    former = kept.hostname if kept is not None else None
    if former is None or not host.names:
        return None
    renamed_too = facts.server is not None and host.is_called(facts.server.name)
    if host.is_called(former) or renamed_too:
        return None
    return Failure(
        causes.HOST_RENAMED,
        f"it was enrolled as {former!r}, and this host is called {min(host.names)!r}",
    )


def _mast(facts: Facts) -> Failure | None:
    unit = facts.mast_unit
    if unit is None or unit.active_state != "failed":
        return None
    return Failure(causes.MAST_FAILED, f"{unit.name} has failed ({units.how_failed(unit)})")


def _unrecorded(facts: Facts) -> Failure | None:
    last = facts.last_word
    if last is None or last.problem is None:
        return None
    return Failure(causes.RECORD_UNWRITABLE, last.problem)


def patient(found: Sequence[Failure], facts: Facts) -> tuple[Failure, ...]:
    """Return them without a remedy that would kill a run, while one is at work that may do it."""
    if not restarting.is_under_way(facts.agent_unit) and facts.at_work is False:
        return tuple(found)
    return tuple(
        each.with_remedy("Wait for the run that is at work")
        if restarting.would_interrupt(each.remedy)
        else each
        for each in found
    )


def relevant(found: Sequence[Failure], state: State) -> tuple[Failure, ...]:
    """Return what is to be said: how Mast logs in is no matter before the enrollment."""
    enrolled = state is State.ENROLLED
    return tuple(each for each in found if enrolled or each.phase is not Phase.ACCESS)


def with_concerns(verdict: Verdict, said: Sequence[Failure]) -> Verdict:
    """Return the verdict with what else there is to say on the first line; no code changes.

    What asks for something to be done already keeps its own remedy.
    """
    if not said:
        return verdict
    joint = "but" if verdict.state is State.ENROLLED else "and"
    return replace(
        verdict,
        summary=f"{verdict.summary}; {joint} " + "; ".join(each.message for each in said),
        remedy=verdict.remedy or said[0].remedy,
    )
