"""What a status looks like for a program: JSON (docs/reference.md). For an operator: `screen`."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mast_agent import __version__
from mast_agent.failures import remedies
from mast_agent.report.published import Error

if TYPE_CHECKING:
    from mast_agent.failures.failure import Failure
    from mast_agent.host.units import Unit
    from mast_agent.report.login_report import LoginReport
    from mast_agent.status.status import Status

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
        "gives_up_at": last.gives_up_at if last else None,
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
        "access": _access(status),
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


def _access(status: Status) -> dict[str, Any]:
    access, contact = status.access, status.contact
    return {
        "wanted": status.access_wanted,
        "revoked": access.revoked is not None,
        "revoked_at": access.revoked.at if access.revoked else None,
        "user": access.login.user,
        "user_exists": access.user_exists,
        "host": access.login.host,
        "port": access.login.port,
        "key": access.key,
        "listening": access.listening,
        "error": _failure(status, access.failure),
        "contact": {
            "reach": contact.reach.value,
            "seconds": contact.seconds,
            "since_key": contact.since_key,
        },
        "trial": _trial(status, status.login),
    }


def _error(status: Status, error: Error) -> dict[str, Any]:
    return {**asdict(error), "remedy": remedies.addressed(error.remedy, root=status.root)}


def _advice(status: Status, remedy: str) -> tuple[str, tuple[str, ...]]:
    """Return what to do, and the commands for it, for the one who asks."""
    return remedies.split(remedies.addressed(remedy, root=status.root))


def _failure(status: Status, failure: Failure | None) -> dict[str, Any] | None:
    return None if failure is None else _error(status, Error.of(failure))


def _unit(unit: Unit | None) -> dict[str, Any] | None:
    if unit is None:
        return None
    shown = {key: value for key, value in asdict(unit).items() if key in _UNIT_KEYS}
    restart = dt.datetime.fromtimestamp(unit.restart_at, dt.UTC) if unit.restart_at else None
    return {
        **shown,
        "wanted_by": list(unit.wanted_by),
        "restart_at": restart.isoformat(timespec="seconds") if restart else None,
    }


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
