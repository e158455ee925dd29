"""Collects the facts behind `mast-agent status`, within a few seconds and without root.

What cannot be read or reached is a fact too. What the facts amount to is `verdict`'s business,
what they look like `render`'s. Imports neither tenacity nor structlog: operators wait for this.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mast_agent.access import access, reach
from mast_agent.access.reach import UNKNOWN, Contact
from mast_agent.failures import causes, remedies
from mast_agent.failures.failure import Failure
from mast_agent.host import identity, service_manager, units
from mast_agent.report import login_report, surroundings
from mast_agent.status import local, remarks
from mast_agent.status.facts import Answer, Facts
from mast_agent.status.judge import judge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mast_agent.access.access import Access
    from mast_agent.config.release import Release
    from mast_agent.config.service_user import ServiceUser
    from mast_agent.config.settings import Settings
    from mast_agent.host.deadline import Deadline
    from mast_agent.host.units import Unit
    from mast_agent.postgres.migrations import Progress
    from mast_agent.postgres.parameters import ConnectionParameters
    from mast_agent.postgres.snapshot import Snapshot
    from mast_agent.report.login_report import LoginReport
    from mast_agent.status.local import Files
    from mast_agent.status.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Status:
    """The verdict and everything that `render` shows of it.

    `settings_failure` says why the database was not asked; `record_state` is "present",
    "absent", "unreadable", "unusable" or "foreign". `access_wanted` is None where systemd does not
    tell. `root` says that root asked; all remedies in it are root's (`remedies.addressed`).
    """

    verdict: Verdict
    facts: Facts
    settings_failure: Failure | None
    release: Release | None
    release_failure: Failure | None
    migrations: Progress | None
    access_unit: Unit | None
    record_state: str
    access: Access
    access_wanted: bool | None
    contact: Contact = UNKNOWN
    login: LoginReport | None = None
    root: bool = True


def collect(
    config: Settings, settings_failure: Failure | None, deadline: Deadline, *, managed: bool = False
) -> Status:
    """Learn what can be learned before `deadline`: from files, systemd and the database.

    With `managed` an enrolled host that Mast does not reach gets a verdict of its own.

    `settings_failure` is why the environment file could not be read, if it could not. Root reads
    what only root may read, and has the database asked by the service's user (`asking`).
    """
    answers = units.begin(
        units.AGENT, units.MAST, units.ACCESS, seconds=deadline.within(units.SECONDS)
    )
    this_host = identity.identify()
    known = surroundings.known(config)
    files = local.read(config, this_host, known)
    # Root asks the database as the user whom the unit has; for others systemd need not be first.
    agent_unit = answers().get(units.AGENT) if os.geteuid() == 0 else None
    parameters, user, why_not = _parameters(config, settings_failure, agent_unit)
    settings_failure = why_not and why_not.knowing(known)
    answer = Answer(failure=settings_failure)
    if parameters is not None:
        from mast_agent.status import own_server  # noqa: PLC0415 - where it can be asked

        ours = own_server.OwnServer(config, files, this_host)
        answer = ours.ask(parameters, deadline, user, known)
    found_units = answers()
    facts = _facts(files, found_units, answer)
    access_unit = found_units.get(units.ACCESS)
    wanted = access.wanted(config, access_unit)
    seen = _access(config, facts, access_unit, known)
    found = [each.knowing(known) for each in (*answer.found, *remarks.find(facts, this_host))]
    verdict = remarks.unblocked(judge(facts), files.release_failure or facts.failure)
    tried = login_report.load(config.login_directory)
    contact = _contact(seen, facts)
    # Where it is off, or nobody knows, Mast may have been given another way in.
    concern = reach.concern(contact, tried, seen.problems) if wanted else None
    if wanted:
        found += remarks.keeps_out(concern, _unit_failure(access_unit), contact)
    said = remarks.patient(remarks.relevant(found, verdict.state), facts)
    verdict = remarks.with_concerns(verdict, said)
    return Status(
        verdict=remarks.managed(verdict, concern, contact) if managed else verdict,
        facts=replace(facts, concerns=said),
        settings_failure=settings_failure,
        release=files.release,
        release_failure=files.release_failure,
        migrations=_progress(answer.snapshot, files.release),
        access_unit=access_unit,
        record_state=files.record_state,
        access=seen,
        access_wanted=wanted,
        contact=contact,
        login=tried,
        root=os.geteuid() == 0,
    )


def _facts(files: Files, found: Mapping[str, Unit], answer: Answer) -> Facts:
    return Facts(
        published=files.published,
        published_readable=files.published_readable,
        record=files.record,
        record_readable=files.record_state != "unreadable",
        foreign=files.record_state == "foreign",
        agent_unit=found.get(units.AGENT),
        mast_unit=found.get(units.MAST),
        link=units.present_invocation(units.AGENT),
        alive=files.published.is_alive() if files.published is not None else False,
        looked=answer.snapshot is not None,
        server=answer.server,
        failure=answer.failure,
        now=time.time(),
    )


def _contact(seen: Access, facts: Facts) -> Contact:
    return reach.judge(
        facts.server,
        key_seconds=_since(seen.key_at, facts),
        mast_seconds=_since(_running_since(facts.mast_unit), facts),
    )


def _since(moment: float | None, facts: Facts) -> float | None:
    return None if moment is None else max(0.0, facts.now - moment)


def _running_since(unit: Unit | None) -> float | None:
    return unit.changed_at if unit is not None and unit.active_state == "active" else None


def _parameters(
    config: Settings, failure: Failure | None, unit: Unit | None
) -> tuple[ConnectionParameters | None, ServiceUser | None, Failure | None]:
    """Return which database to ask, as whom, or why none can be."""
    if failure is None:
        from mast_agent.config import service_user  # noqa: PLC0415 - as above
        from mast_agent.postgres import ecto_url  # noqa: PLC0415 - where it can be asked

        try:
            user = service_user.find(config, unit)
            settings = config if user is None else service_user.as_user(config, user)
            return ecto_url.parse(settings.mast), user, None
        except Failure as refused:
            failure = refused
    if failure.cause is causes.ENV_FILE_UNREADABLE:
        # Right for the unit's user; an operator who only asks needs no right to the secrets.
        failure = failure.with_remedy(remarks.AS_ROOT)
    return None, None, failure


def _access(config: Settings, facts: Facts, unit: Unit | None, known: Mapping[str, str]) -> Access:
    """See whether Mast can log in; where it cannot, the unit may know better why."""
    last = facts.published
    seen = access.look(config, facts.own_record, last.login if last is not None else None)
    other_key, why = _other_key(facts), _unit_failure(unit)
    problems = seen.problems if other_key is None else (other_key, *seen.problems)
    if problems and why is not None:
        problems = (why, *problems)
    return replace(seen, problems=tuple(each.knowing(known) for each in problems))


def _unit_failure(unit: Unit | None) -> Failure | None:
    if unit is None or unit.active_state != "failed":
        return None
    setup = units.SETUP_FAILURES.get(unit.exit_status)
    said = f"{unit.exit_status}/{setup[0]}: {setup[1]}" if setup else unit.status_text
    said = said or f"it has failed ({units.how_failed(unit)})"
    # What it says to do is done where it is whole; a text that was cut ends in half a command.
    sentence, commands = remedies.split(said)
    own = None
    if commands and len(said) < service_manager.STATUS_CHARACTERS:
        own, said = remedies.sentence("Do what it says", commands), sentence
    return Failure(causes.ACCESS_UNIT_FAILED, f"{units.ACCESS}: {said}", remedy=own)


def _other_key(facts: Facts) -> Failure | None:
    """Tell of a server that has been given another key in Mast than the one that is known here."""
    kept, server = facts.own_record, facts.server
    if kept is None or server is None or kept.key is None or kept.server_id != server.id:
        return None
    if kept.key.id == server.key_id:
        return None
    return Failure(
        causes.ACCESS_KEY_REPLACED, "Mast has another key for this server than the one known here"
    )


def _progress(snapshot: Snapshot | None, found: Release | None) -> Progress | None:
    if snapshot is None or found is None:
        return None
    from mast_agent.postgres import migrations  # noqa: PLC0415 - only with a database

    return migrations.progress(found.migrations, snapshot.applied)
