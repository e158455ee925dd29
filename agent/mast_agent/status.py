"""Collects the facts behind `mast-agent status`, within a few seconds and without root.

What cannot be read or reached is a fact too. What the facts amount to is `verdict`'s business,
what they look like `render`'s. Imports neither tenacity nor structlog: operators wait for this.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mast_agent import (
    access,
    asking,
    causes,
    ecto_url,
    host,
    published,
    record,
    release,
    service_user,
    storage,
    units,
)
from mast_agent.deadline import Deadline
from mast_agent.failure import Failure
from mast_agent.verdict import Facts, State, Verdict, judge, with_concerns

if TYPE_CHECKING:
    from pathlib import Path

    from mast_agent.access import Access
    from mast_agent.migrations import Progress
    from mast_agent.published import Published
    from mast_agent.record import Record
    from mast_agent.release import Release
    from mast_agent.service_user import ServiceUser
    from mast_agent.settings import Settings
    from mast_agent.snapshot import Server, Snapshot
    from mast_agent.target import Target
    from mast_agent.units import Unit

LOOK_SECONDS = 3.0
"""How long the database is asked."""
ACCESS_SECONDS = 10.0
"""How long `wait` gives the access unit, which follows the agent's."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """The verdict and everything that `render` shows of it.

    `settings_failure` says why the database was not asked; `record_state` is "present",
    "absent", "unreadable" or "unusable". `access_wanted` is None where systemd does not tell.
    """

    verdict: Verdict
    facts: Facts
    settings_failure: Failure | None
    release: Release | None
    release_failure: Failure | None
    migrations: Progress | None
    mast_unit: Unit | None
    access_unit: Unit | None
    record_state: str
    access: Access
    access_wanted: bool | None


def collect(config: Settings, settings_failure: Failure | None, deadline: Deadline) -> Status:
    """Learn what can be learned before `deadline`.

    `settings_failure` is why the environment file could not be read, if it could not. Root reads
    what only root may read, and has the database asked by the service's user (`asking`).
    """
    found_release, release_failure = _release(config)
    last, last_readable = _published(config.runtime_directory)
    recorded, record_state = _record(config.state_directory)
    found_units = units.ask(units.AGENT, units.MAST, units.ACCESS)
    target, user, settings_failure = _target(config, settings_failure, found_units.get(units.AGENT))
    snapshot, failure = (None, None) if target is None else asking.look(target, deadline, user)
    server: Server | None = None
    progress: Progress | None = None
    concerns: list[Failure] = []
    if snapshot is not None:
        server, concerns = _this_host(config, snapshot, recorded, last)
        progress = _progress(snapshot, found_release)
    access_unit = found_units.get(units.ACCESS)
    wanted = access.wanted(config, access_unit)
    seen = _access(config, recorded, last, access_unit)
    if wanted and seen.failure is not None:
        concerns.append(_keeps_out(seen.failure))
    facts = Facts(
        published=last,
        published_readable=last_readable,
        record=recorded,
        record_readable=record_state != "unreadable",
        agent_unit=found_units.get(units.AGENT),
        looked=snapshot is not None,
        server=server,
        failure=failure,
        concerns=tuple(concerns),
    )
    return Status(
        verdict=with_concerns(judge(facts), facts.concerns),
        facts=facts,
        settings_failure=settings_failure,
        release=found_release,
        release_failure=release_failure,
        migrations=progress,
        mast_unit=found_units.get(units.MAST),
        access_unit=access_unit,
        record_state=record_state,
        access=seen,
        access_wanted=wanted,
    )


def _target(
    config: Settings, failure: Failure | None, unit: Unit | None
) -> tuple[Target | None, ServiceUser | None, Failure | None]:
    """Return which database to ask, as whom, or why none can be."""
    if failure is None:
        try:
            user = service_user.find(config, unit)
            settings = config if user is None else service_user.as_user(config, user)
            return ecto_url.parse(settings.mast), user, None
        except Failure as refused:
            failure = refused
    if failure.cause is causes.ENV_FILE_UNREADABLE:
        # Right for the unit's user; an operator who only asks needs no right to the secrets.
        failure.remedy = "Ask as root: sudo mast-agent status"
    return None, None, failure


def _access(
    config: Settings, recorded: Record | None, last: Published | None, unit: Unit | None
) -> Access:
    """See whether Mast can log in; where it cannot, the unit may know better why."""
    seen = access.look(config, recorded, last.login if last is not None else None)
    if seen.failure is None or unit is None or unit.active_state != "failed":
        return seen
    setup = units.SETUP_FAILURES.get(unit.exit_status)
    said = f"{unit.exit_status}/{setup[0]}: {setup[1]}" if setup else unit.status_text
    if not said:
        return seen
    why = Failure(causes.ACCESS_UNIT_FAILED, f"{units.ACCESS}: {said}")
    return replace(seen, problems=(why, *seen.problems))


def _keeps_out(failure: Failure) -> Failure:
    return Failure(failure.cause, f"Mast cannot log in: {failure.message}", remedy=failure.remedy)


def _release(config: Settings) -> tuple[Release | None, Failure | None]:
    try:
        return release.read(config.mast_bin), None
    except Failure as failure:
        return None, failure


def _published(directory: Path) -> tuple[Published | None, bool]:
    try:
        return published.load(directory), True
    except storage.UnusableError:
        return None, True
    except OSError:
        return None, False


def _record(directory: Path) -> tuple[Record | None, str]:
    try:
        found = record.load(directory)
    except storage.UnusableError:
        return None, "unusable"
    except OSError:
        return None, "unreadable"
    return found, "absent" if found is None else "present"


def _this_host(
    config: Settings, snapshot: Snapshot, recorded: Record | None, last: Published | None
) -> tuple[Server | None, list[Failure]]:
    """Return this host's row, and what is to be said of it."""
    from mast_agent import concerns, login, servers  # noqa: PLC0415 - only with a database

    this = host.identify()
    recorded_id = None
    if recorded is not None:
        if recorded.is_about(this.machine, snapshot.identity):
            recorded_id = recorded.server_id
    elif last is not None and last.server is not None:
        # Without the right to read the record, what the last run published names the row.
        recorded_id = last.server["id"]
    told = last.login if last is not None else {}
    want = login.wanted({**told, **access.variables(config.mast)})
    rows = snapshot.servers or ()
    row = servers.known(rows, recorded_id, this, want)
    return row, concerns.of(rows, row, this, want) if row is not None else []


def _progress(snapshot: Snapshot, found: Release | None) -> Progress | None:
    from mast_agent import migrations  # noqa: PLC0415 - only with a database

    return migrations.progress(found.migrations, snapshot.applied) if found else None


def wait(config: Settings, settings_failure: Failure | None, deadline: Deadline) -> Status:
    """Return the first status that is final, or the last one when the deadline has come.

    Pending is not final; nor is, for a while, an enrollment that Mast's key has not followed yet.
    Raises KeyboardInterrupt when the operator has enough of it.
    """
    patience: Deadline | None = None
    while True:
        status = collect(config, settings_failure, Deadline(deadline.within(LOOK_SECONDS) + 0.1))
        state = status.verdict.state
        if state is State.ENROLLED and status.access_wanted and status.access.failure is not None:
            patience = patience or Deadline(deadline.within(ACCESS_SECONDS))
            final = patience.remaining() <= 0 or _has_failed(status.access_unit)
        else:
            final = state is not State.PENDING
        if final or deadline.remaining() <= 0:
            return status
        time.sleep(deadline.within(1.0))


def _has_failed(unit: Unit | None) -> bool:
    return unit is not None and unit.active_state == "failed"
