"""What `mast-agent status` shows, from top to bottom, as pieces for `layout`. Pure.

The verdict, the phases, the units; then what is wrong, and what to do; and last of all the words
that a program or a search in the documentation needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.failures import remedies
from mast_agent.host import units
from mast_agent.report import published
from mast_agent.show import advice, layout, phases
from mast_agent.show.layout import PIPE, Command, Heading, Mark, Note, Piece, Row
from mast_agent.status import evidence
from mast_agent.status.verdict import State
from mast_agent.text import clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mast_agent.host.units import Unit
    from mast_agent.report.published import Published
    from mast_agent.show.layout import Style
    from mast_agent.status.status import Status

_VERDICTS = {
    State.ENROLLED: (Mark.DONE, "enrolled"),
    State.UNREACHED: (Mark.WARNING, "enrolled"),
    State.FAILED: (Mark.FAILED, "not enrolled"),
    State.PENDING: (Mark.WAITING, "not enrolled yet"),
    State.STALE: (Mark.FAILED, "no longer enrolled"),
    State.UNKNOWN: (Mark.UNKNOWN, "unknown whether enrolled"),
}
_WAITS = {"database": "waiting for the database", "migrations": "waiting for the migrations"}
_LINES = "-n 20"
_AS_ROOT = "sudo mast-agent status"
_UNIT_WIDTH = len("mast-agent-access  ")


def text(status: Status, how: Style = PIPE) -> str:
    """Return the text of `mast-agent status`, without a line feed at its end."""
    return layout.text(pieces(status), how)


def pieces(status: Status) -> list[Piece]:
    """Return all that there is to show."""
    mark = _VERDICTS[status.verdict.state][0]
    _, cause = _split(status)
    if mark is Mark.DONE and status.facts.concerns:
        mark = Mark.WARNING
    said = [*filter(None, [cause]), *(each.message for each in status.facts.concerns)]
    found: list[Piece] = [Heading(mark=mark, text=headline(status))]
    found += [None, *phases.rows(status, said)]
    found += [None, *_units(status)]
    below = list(_advice(status, cause))
    if below:
        found += [None, *below]
    found += [None, *_closing(status)]
    return found


def headline(status: Status) -> str:
    """Return the first line: the verdict in words, and why."""
    return f"{_VERDICTS[status.verdict.state][1]}: {reason(status)}{_end(status)}"


def _end(status: Status) -> str:
    """Return when the run that is at work gives up, as far as it says so."""
    last, now = status.facts.last_word, status.facts.now
    if status.facts.at_work is not True or last is None or last.gives_up_at is None:
        return ""
    then = evidence.moment(last.gives_up_at)
    return f"; gives up in {evidence.span(then - now)}" if then is not None and then > now else ""


def reason(status: Status) -> str:
    """Return why, as it is on the first line."""
    return clock.local(_split(status)[0])


def _split(status: Status) -> tuple[str, str]:
    """Return the verdict's reason, and apart from it the cause that the run has told.

    The cause is what the phases say no second time. This host's id is in their rows.
    """
    facts, summary = status.facts, status.verdict.summary
    last, kept = facts.last_word, facts.own_record
    known = [facts.server and facts.server.id, kept and kept.server_id]
    known.append(last.server["id"] if last is not None and last.server is not None else None)
    for each in filter(None, known):
        summary = summary.replace(f" ({each})", "", 1)
    if last is None or status.verdict.state not in (State.FAILED, State.PENDING):
        return summary, ""
    if facts.at_work is not False:
        return _in_a_run(last, summary)
    error = last.error
    if error is None:
        return summary, ""
    begin, found, rest = summary.partition(f": {error.message}")
    if found and last.state in published.AT_WORK:  # and interrupted there
        return f"{begin}{rest}", error.message
    _, found, rest = summary.partition(f"{last.phase}: {error.message} (exit {error.code})")
    if not found:
        return summary, ""
    return f"failed in the phase {last.phase}{_again(status)}{rest}", error.message


def _in_a_run(last: Published, summary: str) -> tuple[str, str]:
    _, found, rest = summary.partition(f"{last.state} in the phase {last.phase}: {last.message}")
    if not found:
        return summary, ""
    if last.state == "running":
        return f"at work in the phase {last.phase}{rest}", ""
    said = _WAITS.get(last.phase, f"waiting in the phase {last.phase}")
    return f"{said}{rest}", last.error.message if last.error is not None else ""


def _again(status: Status) -> str:
    """Return what comes after a failure: nothing, another run, or nobody knows."""
    unit = status.facts.agent_unit
    if status.verdict.state is State.FAILED:
        return ", and not tried again"
    if unit is None or not (unit.active_state in evidence.UNDER_WAY or unit.job):
        return ""
    return f", and tried again {_when(unit, status.facts.now)}".rstrip()


def _when(unit: Unit, now: float) -> str:
    """Return when systemd starts a unit again, where it pauses between two runs."""
    if unit.sub_state != "auto-restart" or not unit.restart_at:
        return ""
    return f"in {evidence.span(unit.restart_at - now)}" if unit.restart_at > now else "now"


def _units(status: Status) -> Iterator[Row]:
    facts = status.facts
    found = {
        "mast-agent": facts.agent_unit,
        "mast": facts.mast_unit,
        "mast-agent-access": status.access_unit,
    }
    if not any(found.values()):
        yield Row(label="units", text="unknown: systemd does not answer")
        return
    for name, unit in found.items():
        yield Row(label=name, text=_unit(unit, facts.now), space=_UNIT_WIDTH)


def _unit(unit: Unit | None, now: float) -> str:
    if unit is None:
        return "unknown"
    if unit.load_state != "loaded":
        return "not installed" if unit.load_state == "not-found" else unit.load_state
    said = f"{unit.active_state} ({unit.sub_state})"
    if unit.active_state == "failed":
        said = f"failed ({units.how_failed(unit)})"
    elif unit.has_run and unit.result != "success":
        said += f", its last run failed ({units.how_failed(unit)})"
    if when := _when(unit, now):
        said += f"; starts again {when} (start {unit.restarts + 2})"
    elif unit.restarts:
        said += f", restarted {unit.restarts} {'time' if unit.restarts == 1 else 'times'}"
    # Nobody has to want mast.service: it may be started in other ways.
    if not unit.wanted_by and unit.name != units.MAST:
        said += "; disabled: no other unit starts it"
    return said


def _advice(status: Status, cause: str) -> Iterator[Piece]:
    verdict = status.verdict
    if cause:
        yield Row(label="cause", text=cause)
    yield from _remedy(status, "remedy", verdict.remedy)
    why = status.settings_failure
    others = [concern.remedy for concern in status.facts.concerns]
    others += [why.remedy] if why is not None and not phases.only_root(why) else []
    for remedy in dict.fromkeys(others):
        if remedy != verdict.remedy:
            yield from _remedy(status, "also", remedy)
    unit = _failed_unit(status)
    if unit and "journalctl" not in verdict.remedy:
        # By unit: what systemd has said of it is there too, also where the agent never started.
        yield Row(label="journal", text="What was said last:")
        yield Command(text=f"journalctl -u {unit} {_LINES}")


def _failed_unit(status: Status) -> str:
    """Return the unit whose failure is shown; "" where none has failed.

    A run by hand has said on its stderr what there was to say.
    """
    facts, last = status.facts, status.facts.last_word
    if status.verdict.state in (State.FAILED, State.PENDING) and facts.at_work is False:
        agent = facts.agent_unit
        failed = agent is not None and agent.has_run and agent.result != "success"
        by_unit = last is not None and last.state == "failed" and last.invocation is not None
        if failed or by_unit:
            return "mast-agent"
    access = status.access_unit
    wanted = status.access_wanted and facts.concerns
    return "mast-agent-access" if wanted and access and access.active_state == "failed" else ""


def _remedy(status: Status, label: str, remedy: str) -> Iterator[Piece]:
    yield from advice.pieces(label, remedies.addressed(remedy, root=status.root))


def _closing(status: Status) -> Iterator[Note]:
    """Return the closing lines: what only root is shown, and the words for programs."""
    why = status.settings_failure
    if phases.only_root(why) and status.verdict.remedy != (why.remedy if why else ""):
        also = " and the record" if status.record_state == "unreadable" else ""
        yield Note(text=f"As root this also shows the database{also}: {_AS_ROOT}")
    facts, state = status.facts, status.verdict.state
    last = facts.last_word
    causes = [last.error.cause] if last is not None and last.error is not None else []
    if why is not None and not phases.only_root(why):
        causes.append(why.cause.slug)
    found = (facts.failure if facts.failure is not why else None, status.release_failure)
    causes += [each.cause.slug for each in (*found, *facts.concerns) if each is not None]
    access = status.access.failure
    enrolled = state in (State.ENROLLED, State.UNREACHED)
    if access is not None and enrolled and status.access_wanted is not False:
        causes.append(access.cause.slug)
    code = f", last error's code {last.error.code}" if last is not None and last.error else ""
    named = f"; causes: {', '.join(dict.fromkeys(causes))}" if causes else ""
    yield Note(text=f"[{state.word}, exit {state.code}{code}{named}]")
