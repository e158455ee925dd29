"""What a status looks like: text for an operator, JSON for a program (docs/reference.md)."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mast_agent import __version__, evidence, remedies
from mast_agent.escaping import escape
from mast_agent.reach import Contact, Reach

if TYPE_CHECKING:
    from mast_agent.failure import Failure
    from mast_agent.login_report import LoginReport
    from mast_agent.published import Error
    from mast_agent.status import Status
    from mast_agent.units import Unit

JSON_VERSION = 1
_UNIT_KEYS = frozenset(
    {
        "name", "load_state", "active_state", "sub_state", "result", "exit_status", "has_run",
        "restarts", "status_text", "wanted_by", "invocation",
    }
)  # fmt: skip


def document(status: Status) -> dict[str, Any]:
    """Return the JSON document of `mast-agent status --json`."""
    facts, verdict = status.facts, status.verdict
    last = facts.last_word
    return {
        "version": JSON_VERSION,
        "agent_version": __version__,
        "verdict": verdict.state.word,
        "code": verdict.state.code,
        "summary": verdict.summary,
        "remedy": remedies.addressed(verdict.remedy, root=status.root) or None,
        "commands": [*_advice(status, verdict.remedy)[1]],
        "phase": last.phase if last else None,
        "since": last.since if last else None,
        "updated_at": last.updated_at if last else None,
        "attempts": last.attempts if last else None,
        "next_retry_at": last.next_retry_at if last else None,
        "error": _error(status, last.error) if last and last.error else None,
        "server": _server(status),
        "database": {
            "asked": status.settings_failure is None,
            "reachable": facts.looked,
            "error": _failure(status, status.settings_failure or facts.failure),
        },
        "migrations": asdict(status.migrations)
        if status.migrations
        else (last.migrations if last else None),
        "release": {
            "path": str(status.release.executable) if status.release else None,
            "version": status.release.version if status.release else None,
            "has_bootstrap": status.release.has_bootstrap if status.release else None,
            "error": _failure(status, status.release_failure),
        },
        "concerns": [_failure(status, concern) for concern in facts.concerns],
        "units": {
            "mast-agent.service": _unit(facts.agent_unit),
            "mast.service": _unit(facts.mast_unit),
            "mast-agent-access.service": _unit(status.access_unit),
        },
        "access": {
            "wanted": status.access_wanted,
            "revoked": status.access.revoked is not None,
            "revoked_at": status.access.revoked.at if status.access.revoked else None,
            "user": status.access.login.user,
            "user_exists": status.access.user_exists,
            "host": status.access.login.host,
            "port": status.access.login.port,
            "key": status.access.key,
            "listening": status.access.listening,
            "error": _failure(status, status.access.failure),
            "contact": {
                "reach": status.contact.reach.value,
                "seconds": status.contact.seconds,
                "since_key": status.contact.since_key,
            },
            "trial": _trial(status, status.login),
        },
        "record": {
            "state": status.record_state,
            "server_id": facts.record.server_id if facts.record else None,
            "enrolled_at": facts.record.enrolled_at if facts.record else None,
        },
    }


def _server(status: Status) -> dict[str, str] | None:
    facts = status.facts
    if facts.server is not None:
        return {"id": facts.server.id, "name": facts.server.name}
    if facts.looked:
        return None
    last = facts.last_word
    if last is not None and last.server is not None:
        return last.server
    if facts.own_record is not None:
        return {"id": facts.own_record.server_id, "name": facts.own_record.server_name}
    return None


def _error(status: Status, error: Error) -> dict[str, Any]:
    return {**asdict(error), "remedy": remedies.addressed(error.remedy, root=status.root)}


def _advice(status: Status, remedy: str) -> tuple[str, tuple[str, ...]]:
    """Return what to do, and the commands for it, for the one who asks."""
    return remedies.split(remedies.addressed(remedy, root=status.root))


def _failure(status: Status, failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "cause": failure.cause.slug,
        "message": escape(failure.message),
        "remedy": remedies.addressed(failure.remedy, root=status.root),
        "code": int(failure.code),
    }


def _unit(unit: Unit | None) -> dict[str, Any] | None:
    if unit is None:
        return None
    shown = {key: value for key, value in asdict(unit).items() if key in _UNIT_KEYS}
    return {**shown, "wanted_by": list(unit.wanted_by)}


def text(status: Status) -> str:
    """Return the text of `mast-agent status`: the verdict first, then what it rests on."""
    facts, verdict = status.facts, status.verdict
    last = facts.last_word
    rows: list[tuple[str, str]] = []

    def row(label: str, value: object) -> None:
        if value not in (None, ""):
            rows.append((label, str(value)))

    def advise(label: str, remedy: str) -> None:
        sentence, commands = _advice(status, remedy)
        row(label, sentence)
        for command in commands:
            row("run", command)

    advise("remedy", verdict.remedy)
    for remedy in dict.fromkeys(concern.remedy for concern in facts.concerns):
        advise("also", remedy if remedy != verdict.remedy else "")
    if last:
        row("phase", last.phase)
        row("since", last.since)
        row("attempts", last.attempts or None)
        row("next retry", last.next_retry_at)
        if last.error:
            row("last error", f"{last.error.message} ({last.error.cause}, exit {last.error.code})")
    row("database", _database(status))
    count = status.migrations or (last.migrations if last else None)
    if count:
        applied, total = (
            (count["applied"], count["total"])
            if isinstance(count, dict)
            else (
                count.applied,
                count.total,
            )
        )
        row("migrations", f"{applied} of {total} applied")
    row("mast-agent", _unit_text(facts.agent_unit))
    row("mast", _unit_text(facts.mast_unit))
    row("release", _release_text(status))
    row("record", _record_text(status))
    row("access", _access_text(status))
    lines = [f"{verdict.state.word}: {verdict.summary}"]
    lines += [f"  {label:<12}{value}" for label, value in rows]
    return "\n".join(escape(line) for line in lines)


def _database(status: Status) -> str:
    if (why := status.settings_failure) is not None:
        # What has to be done for more to be said; the verdict's own remedy may be another.
        remedy = remedies.addressed(why.remedy, root=status.root)
        return f"not asked: {why.message} ({why.cause.slug}). {remedy}"
    failure = status.facts.failure
    if failure is not None:
        return f"{failure.message} ({failure.cause.slug})"
    return "reachable, and has this host" if status.facts.server else "reachable"


def _unit_text(unit: Unit | None) -> str:
    if unit is None:
        return "unit: unknown (systemd does not answer)"
    if unit.load_state != "loaded":
        return f"unit: {unit.load_state}"
    state = f"unit: {unit.active_state} ({unit.sub_state})"
    return f"{state}, result {unit.result}, {unit.restarts} restarts" if unit.has_run else state


def _release_text(status: Status) -> str:
    if status.release is None:
        failure = status.release_failure
        return f"{failure.message} ({failure.cause.slug})" if failure else ""
    bootstrap = "" if status.release.has_bootstrap else ", without Mast.Bootstrap"
    return f"{status.release.executable}, version {status.release.version}{bootstrap}"


def _record_text(status: Status) -> str:
    kept = status.facts.record
    if kept is None:
        return status.record_state
    whose = "another machine's: " if status.facts.foreign else ""
    return f"{whose}{kept.server_id}, of {kept.enrolled_at}"


def _access_text(status: Status) -> str:
    seen, who = status.access, status.access.login
    if status.access_wanted is False:
        revoked = remedies.addressed(f"off: {seen.revoked}", root=status.root)
        off = revoked if seen.revoked else "off"
        return off if seen.key == "absent" else f"{off}; but the key is {seen.key}"
    if seen.failure is not None:
        # Where nothing says that it is wanted, what is missing may be missing on purpose.
        wanted = "" if status.access_wanted else "unknown whether wanted: "
        return f"{wanted}{seen.failure.message} ({seen.failure.cause.slug})"
    sshd = {True: "something listens there", False: "", None: "cannot tell whether sshd listens"}
    rows = [f"{who.user}@{who.host}:{who.port}", f"key {seen.key}", sshd[seen.listening]]
    if status.facts.looked:
        rows.append(_contact_text(status.contact))
    return ", ".join(rows)


def _contact_text(contact: Contact) -> str:
    seconds = contact.seconds
    match contact.reach:
        case Reach.REACHED:
            return f"Mast reached it {evidence.span(seconds or 0.0)} ago"
        case Reach.LOST:
            since = "never" if seconds is None else f"not for {evidence.span(seconds)}"
            return f"Mast reached it {since}"
        case Reach.UNCHECKED:
            return "not checked by Mast yet"
        case Reach.UNKNOWN:
            return "unknown whether Mast reaches it"


def _trial(status: Status, report: LoginReport | None) -> dict[str, Any] | None:
    if report is None:
        return None
    return {
        "at": report.at,
        "tried": report.tried,
        "why_not": report.why or None,
        "works": report.works if report.tried else None,
        "problems": [_failure(status, each) for each in report.problems],
    }
