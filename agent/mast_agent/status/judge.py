"""Turns facts into the verdict of `mast-agent status`. Pure.

A database that has this host's row decides at once. Then comes a run that is at work or due, since
it changes what is known; then a last run that failed for good; then a row that is missing; and
last what was said earlier, each with its age. `evidence` decides what still counts.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mast_agent.failures import remedies
from mast_agent.failures.cause import FINAL_CODES, Code
from mast_agent.host.units import SETUP_FAILURES
from mast_agent.report import restarting
from mast_agent.report.published import AT_WORK
from mast_agent.status import evidence
from mast_agent.status.verdict import START, State, Verdict

if TYPE_CHECKING:
    from mast_agent.report.published import Published
    from mast_agent.status.facts import Facts


_AS_ROOT = "Ask as root: sudo mast-agent status"
_FINAL = frozenset(int(code) for code in FINAL_CODES)


def judge(facts: Facts) -> Verdict:
    """Return the verdict on `facts`."""
    if facts.looked and facts.server is not None:
        return Verdict(
            state=State.ENROLLED,
            summary=f"server {facts.server.name!r} ({facts.server.id}), confirmed by the database",
        )
    return (
        _setup_failure(facts)
        or _at_work(facts)
        or _failed(facts)
        or _stale(facts)
        or _by_last_run(facts)
        or _by_unit(facts)
        or _by_record(facts)
    )


def _setup_failure(facts: Facts) -> Verdict | None:
    """Return what systemd itself failed at: then the agent never came to publish anything."""
    unit = facts.agent_unit
    if unit is None or unit.exit_status not in SETUP_FAILURES:
        return None
    if unit.active_state != "failed" and unit.sub_state != "auto-restart":
        return None
    name, explanation = SETUP_FAILURES[unit.exit_status]
    return Verdict(
        state=State.FAILED if unit.active_state == "failed" else State.PENDING,
        summary=f"systemd could not start the agent ({unit.exit_status}/{name})",
        remedy=remedies.followed(
            explanation[0].upper() + explanation[1:],
            *(restarting.commands(unit, facts.mast_unit) if unit.active_state == "failed" else ()),
        ),
    )


def _at_work(facts: Facts) -> Verdict | None:
    """Return what a run does that is at work, is due, or is to be repeated."""
    unit, published = facts.agent_unit, facts.published
    if published is not None and facts.at_work is not False:
        return _running(published, told=facts.at_work is True)
    if unit is None and facts.last_word is None and published is not None and facts.link:
        return Verdict(state=State.PENDING, summary=f"another run has begun{_formerly(facts)}")
    if unit is None or not (unit.active_state in evidence.UNDER_WAY or unit.job):
        return None
    last = facts.last_word
    if last is not None and last.state == "failed" and last.error is not None:
        return _ended(last, State.PENDING)
    if unit.active_state not in evidence.UNDER_WAY:
        said = "the agent is about to be started"
    elif unit.status_text:
        said = f"{unit.sub_state}: {unit.status_text}"
    else:
        said = f"the agent is being started ({unit.sub_state})"
    return Verdict(state=State.PENDING, summary=f"{said}{_formerly(facts)}")


def _running(published: Published, *, told: bool) -> Verdict:
    return Verdict(
        state=State.PENDING,
        summary=f"{published.state} in the phase {published.phase}: {published.message}"
        + ("" if told else " (its process is hidden: whether it still runs cannot be told)"),
        remedy=published.error.remedy if published.error else "" if told else _AS_ROOT,
    )


def _ended(published: Published, state: State) -> Verdict | None:
    error = published.error
    if error is None:
        return None
    return Verdict(
        state=state,
        summary=f"{published.phase}: {error.message} (exit {error.code})",
        remedy=error.remedy,
    )


def _failed(facts: Facts) -> Verdict | None:
    """Return the failure of the last run, if it is final: nobody tries again."""
    unit, last = facts.agent_unit, facts.last_word
    given_up = unit is not None and unit.active_state == "failed"
    if last is not None and last.state == "failed" and last.error is not None:
        ended = _ended(last, State.FAILED)
        if ended is None or not (given_up or last.error.code in _FINAL):
            return None
        again = restarting.after(last.error.cause, ended.remedy, unit, facts.mast_unit)
        return replace(ended, remedy=again)
    # What was in the middle of its work has been ended by something that it could not tell.
    interrupted = last is None or last.state in AT_WORK
    if unit is None or not given_up or not interrupted:
        return None
    said = unit.status_text or "the agent has failed"
    return Verdict(
        state=State.FAILED,
        summary=f"{said} (exit {unit.exit_status}, {_meaning(unit.exit_status)})",
        remedy="See: journalctl -t mast-agent",
    )


def _stale(facts: Facts) -> Verdict | None:
    unit, last = facts.agent_unit, facts.last_word
    claimed = (
        facts.own_record is not None
        or (last is not None and last.state == "enrolled")
        or (unit is not None and unit.active_state == "active")
    )
    if not facts.looked or not claimed:
        return None
    return Verdict(
        state=State.STALE,
        summary="enrolled according to this host, but the database no longer has it",
        remedy=remedies.sentence(
            "Enroll again", restarting.commands(facts.agent_unit, facts.mast_unit)
        ),
    )


def _by_last_run(facts: Facts) -> Verdict | None:
    last = facts.last_word
    if last is None:
        return None
    if last.state == "enrolled":
        who = f"server {last.server['name']!r} ({last.server['id']})" if last.server else ""
        then = evidence.ago(evidence.moment(last.updated_at), facts.now)
        return _as_last_asked(who or "this host", then or f"at {last.updated_at}")
    if last.state == "failed":
        return _ended(last, State.PENDING)
    if last.state == "stopped":
        return Verdict(
            state=State.PENDING,
            summary=last.message,
            remedy=_start(facts),
        )
    return Verdict(
        state=State.PENDING,
        summary=f"interrupted in the phase {last.phase}: {last.message}",
        remedy=_start(facts),
    )


def _as_last_asked(who: str, then: str) -> Verdict:
    return Verdict(
        state=State.ENROLLED,
        summary=f"{who}, confirmed by the database when it was last asked, {then}",
    )


def _by_unit(facts: Facts) -> Verdict | None:
    """Read the unit: active says that its last run has ended well, in this boot."""
    unit = facts.agent_unit
    if unit is None or unit.load_state != "loaded":
        return None
    if unit.active_state == "active":
        who = unit.status_text.partition(", confirmed by the database")[0] or "according to systemd"
        then = evidence.ago(unit.changed_at or None, facts.now)
        who = who.removeprefix("already ").removeprefix("enrolled: ")
        return _as_last_asked(who, then or "since the boot")
    recorded = facts.own_record is not None or not facts.record_readable
    if facts.looked or not recorded or evidence.is_due(unit, facts.mast_unit):
        said = "not running" if unit.invocation else "never run since the boot"
        return Verdict(
            state=State.PENDING,
            summary=f"{said}{_formerly(facts)}",
            remedy=_start(facts),
        )
    return None


def _start(facts: Facts) -> str:
    run = restarting.commands(facts.agent_unit, facts.mast_unit, "start")
    return remedies.sentence(START, run)


def _meaning(exit_status: int) -> str:
    try:
        return Code(exit_status).name
    except ValueError:
        return "see systemd.exec(5)"


def _formerly(facts: Facts) -> str:
    """Return what the record adds to a run that is yet to come."""
    if facts.own_record is None:
        return ""
    what = "not confirmed since" if not facts.looked else "the database no longer has it"
    return f"; was enrolled on {facts.own_record.enrolled_at}, {what}"


def _by_record(facts: Facts) -> Verdict:
    kept = facts.own_record
    if kept is not None:
        return Verdict(
            state=State.UNKNOWN,
            summary=f"was enrolled on {kept.enrolled_at} as server {kept.server_name!r} "
            f"({kept.server_id}), not confirmed since the boot",
            remedy=facts.failure.remedy if facts.failure is not None else _AS_ROOT,
        )
    readable = facts.record_readable and facts.published_readable
    if facts.looked or (readable and facts.published is None and not facts.foreign):
        return Verdict(
            state=State.PENDING,
            summary="the agent has never run",
            remedy=_start(facts),
        )
    return Verdict(
        state=State.UNKNOWN,
        summary="nothing that this user may read tells"
        if not readable
        else "nothing here tells whether this host is enrolled",
        remedy=_AS_ROOT,
    )
