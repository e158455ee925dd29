"""Turns facts into the verdict of `mast-agent status`. Pure: it asks nobody.

The database is believed first, then what the last run published, then systemd, then the record:
each is nearer to the truth than the next.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mast_agent.failure import FINAL_CODES, Code, Failure, Phase
from mast_agent.units import SETUP_FAILURES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mast_agent.published import Published
    from mast_agent.record import Record
    from mast_agent.snapshot import Server
    from mast_agent.units import Unit


class State(enum.Enum):
    """The verdicts, and the exit codes of `mast-agent status`."""

    ENROLLED = ("enrolled", 0)
    FAILED = ("failed", 1)
    PENDING = ("pending", 3)
    UNKNOWN = ("unknown", 4)
    STALE = ("stale", 5)

    def __init__(self, word: str, code: int) -> None:
        self.word = word
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What could be learned. None means absent; the `…_readable` say whether one could look.

    `looked` is True when the database was asked and answered in full: then `server` is this
    host's row, or None because there is none. `concerns` are what an operator has to be told
    whatever the verdict is, the most important one first.
    """

    published: Published | None
    published_readable: bool
    record: Record | None
    record_readable: bool
    agent_unit: Unit | None
    looked: bool
    server: Server | None
    failure: Failure | None
    concerns: tuple[Failure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A state, and the sentence that says why."""

    state: State
    summary: str
    remedy: str = ""


_START = "Start it: systemctl start mast-agent"
_AS_ROOT = "Ask as root: sudo mast-agent status"


def judge(facts: Facts) -> Verdict:
    """Return the verdict on `facts`."""
    if facts.looked:
        if facts.server is not None:
            return Verdict(
                state=State.ENROLLED,
                summary=f"server {facts.server.name!r} ({facts.server.id}), "
                "confirmed by the database",
            )
        if _claims_enrollment(facts):
            return Verdict(
                state=State.STALE,
                summary="enrolled according to this host, but the database no longer has it",
                remedy="Enroll again: systemctl restart mast-agent",
            )
    return _setup_failure(facts) or _by_last_run(facts) or _by_unit(facts) or _by_record(facts)


def with_concerns(verdict: Verdict, concerns: Sequence[Failure]) -> Verdict:
    """Return the verdict with what else there is to say on the first line; no code changes.

    What asks for something to be done already keeps its own remedy. How Mast logs in is no matter
    before the enrollment.
    """
    enrolled = verdict.state is State.ENROLLED
    said = [each for each in concerns if enrolled or each.phase is not Phase.ACCESS]
    if not said:
        return verdict
    return replace(
        verdict,
        summary=f"{verdict.summary}; {'but' if enrolled else 'and'} "
        + "; ".join(each.message for each in said),
        remedy=verdict.remedy or said[0].remedy,
    )


def _claims_enrollment(facts: Facts) -> bool:
    published, unit = facts.published, facts.agent_unit
    return (
        facts.record is not None
        or (published is not None and published.state == "enrolled")
        or (unit is not None and unit.active_state == "active")
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
        remedy=explanation[0].upper() + explanation[1:],
    )


def _by_last_run(facts: Facts) -> Verdict | None:
    published = facts.published
    if published is None:
        return None
    if published.state == "enrolled":
        if facts.looked:
            return None
        return Verdict(
            state=State.ENROLLED, summary=f"{published.message} ({published.updated_at})"
        )
    error = published.error
    if published.state == "failed" and error is not None:
        final = error.code in {int(code) for code in FINAL_CODES} or _given_up(facts.agent_unit)
        return Verdict(
            state=State.FAILED if final else State.PENDING,
            summary=f"{published.phase}: {error.message} (exit {error.code})",
            remedy=error.remedy,
        )
    if published.state in ("running", "waiting") and not published.is_alive():
        return Verdict(
            state=State.PENDING,
            summary=f"interrupted in the phase {published.phase}: {published.message}",
            remedy=_START,
        )
    return Verdict(
        state=State.PENDING,
        summary=f"{published.state} in the phase {published.phase}: {published.message}"
        if published.state != "stopped"
        else published.message,
        remedy=error.remedy if error is not None else "" if published.is_alive() else _START,
    )


def _given_up(unit: Unit | None) -> bool:
    """Tell whether systemd has failed the unit for good (its start limit, say)."""
    return unit is not None and unit.active_state == "failed"


def _by_unit(facts: Facts) -> Verdict | None:
    """Read the unit: its exit status names the cause, and StatusText outlives the process."""
    unit = facts.agent_unit
    if unit is None or unit.load_state != "loaded":
        return None
    said = unit.status_text or f"exit {unit.exit_status}"
    if unit.active_state == "active":
        if facts.looked:
            return None
        return Verdict(state=State.ENROLLED, summary=f"according to systemd: {said}")
    if unit.active_state == "failed":
        return Verdict(
            state=State.FAILED,
            summary=f"{said} (exit {unit.exit_status}, {_meaning(unit.exit_status)})",
            remedy="See: journalctl -t mast-agent",
        )
    if unit.active_state in ("activating", "reloading", "deactivating"):
        return Verdict(state=State.PENDING, summary=f"{unit.sub_state}: {said}")
    if facts.looked or (facts.record is None and facts.record_readable):
        return Verdict(state=State.PENDING, summary="never run since the boot", remedy=_START)
    return None


def _meaning(exit_status: int) -> str:
    try:
        return Code(exit_status).name
    except ValueError:
        return "see systemd.exec(5)"


def _by_record(facts: Facts) -> Verdict:
    if facts.record is not None:
        return Verdict(
            state=State.ENROLLED,
            summary=f"server {facts.record.server_name!r} ({facts.record.server_id}) "
            f"according to the record of {facts.record.enrolled_at}; "
            "the database could not be asked",
        )
    if facts.looked or (facts.record_readable and facts.published_readable):
        return Verdict(state=State.PENDING, summary="the agent has never run", remedy=_START)
    return Verdict(
        state=State.UNKNOWN,
        summary="nothing that this user may read tells",
        remedy=_AS_ROOT,
    )
