"""`mast-agent check`: whether everything is there that enrolling needs; once, with enroll's codes.

It is for an operator before the first start, and for whoever builds an image. It waits for nothing
and writes nothing. A phase that does not need an earlier one is looked at also when that one is
not ready.
"""

from __future__ import annotations

import asyncio
import enum
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mast_agent.access import access, self_address
from mast_agent.config import envfile, login, mast_environment, release, service_user, settings
from mast_agent.enroll import evaluation, servers
from mast_agent.failures import causes
from mast_agent.failures.cause import Phase
from mast_agent.failures.failure import Failure
from mast_agent.host import execve, identity, storage, units
from mast_agent.postgres import database, ecto_url, migrations
from mast_agent.postgres.session import open_session
from mast_agent.report import record
from mast_agent.text.redact import Redactor, secrets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from mast_agent.config.release import Release
    from mast_agent.config.settings import Settings
    from mast_agent.host.deadline import Deadline
    from mast_agent.host.units import Unit
    from mast_agent.postgres.parameters import ConnectionParameters
    from mast_agent.postgres.snapshot import Server, Snapshot
    from mast_agent.report.record import Record

_T = TypeVar("_T")


class Kind(enum.Enum):
    """What a finding amounts to."""

    READY = "ready"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at. `label` is a phase's name, or "user", "settings" and such.

    `failure` has the cause of a failure, and of a warning that has one; `text` what was seen.
    """

    label: str
    text: str
    kind: Kind = Kind.READY
    failure: Failure | None = None


def _warning(label: str, what: str | Failure) -> Finding:
    if isinstance(what, str):
        return Finding(label=label, text=what, kind=Kind.WARNING)
    return Finding(label=label, text=what.message, kind=Kind.WARNING, failure=what)


def failed(failure: Failure) -> Finding:
    """Return the finding that a failure is."""
    return Finding(
        label=str(failure.phase), text=failure.message, kind=Kind.FAILED, failure=failure
    )


def _skipped(phase: Phase) -> Finding:
    return Finding(label=str(phase), text="not looked at", kind=Kind.SKIPPED)


def _tried(found: Generator[Finding, None, _T]) -> Generator[Finding, None, _T | None]:
    """Yield what is found, and the failure that ends it; return None then."""
    try:
        return (yield from found)
    except Failure as failure:
        yield failed(failure)
        return None


def run(
    config: Settings, failure: Failure | None, deadline: Deadline, enter: Callable[[Phase], None]
) -> Iterator[Finding]:
    """Yield what is found, from phase to phase; `enter` is told which phase begins.

    `failure` is why the settings could not be read: what they say is then not looked at. Root is
    the service's user from here on, once it has read what only root may read. Raises Failure where
    it cannot become that user.
    """
    enter(Phase.RELEASE)
    if failure is not None:
        yield failed(failure)
        yield from _tried(_release(config))
        yield from map(_skipped, (Phase.DATABASE, Phase.MIGRATIONS, Phase.ENROLL))
        return
    recorded = _record(config.state_directory)
    found_units = units.query(units.AGENT, units.ACCESS)
    user = service_user.find(config, found_units.get(units.AGENT))
    wanted = access.wanted(config, found_units.get(units.ACCESS))
    predicted = _predicted(config) if wanted and os.geteuid() == 0 else []
    if user is not None:
        config = service_user.as_user(config, user)
        service_user.become(user)
        yield Finding(label="user", text=f"{user.name}, {user.origin}")
    yield from (_warning("settings", what) for what in config.overruled)
    yield from _tried(_environment_file(config.env_file, found_units.get(units.AGENT)))
    found = yield from _tried(_release(config))
    yield from _tried(_settings(config, found))
    yield from _units(found_units)
    if wanted:
        yield from _access(config, predicted)
    enter(Phase.DATABASE)
    snapshot = yield from _tried(_database(config, deadline))
    enter(Phase.MIGRATIONS)
    if found is not None and snapshot is not None:
        yield from _tried(_migrations(found, snapshot))
    else:
        yield _skipped(Phase.MIGRATIONS)
    enter(Phase.ENROLL)
    if snapshot is not None and snapshot.servers is not None:
        yield from _tried(_row(config, snapshot, snapshot.servers, recorded))
    else:
        yield _skipped(Phase.ENROLL)


def _record(directory: Path) -> Record | None:
    try:
        return record.load(directory)
    except (storage.UnusableError, OSError):
        return None


async def _look(parameters: ConnectionParameters, deadline: Deadline) -> Snapshot:
    async with open_session(parameters, deadline) as session:
        return await database.look(session)


def _release(config: Settings) -> Generator[Finding, None, Release]:
    found = release.read(config.mast_bin)
    yield Finding(label=str(Phase.RELEASE), text=f"{found.executable}, version {found.version}")
    if not found.has_bootstrap:
        yield _warning(str(Phase.RELEASE), Failure(causes.BOOTSTRAP_MISSING, "no Mast.Bootstrap"))
    return found


def _settings(config: Settings, found: Release | None) -> Generator[Finding, None, None]:
    """See that Mast will take its variables, and an eval its environment."""
    mast_environment.check(config.mast)
    if found is not None:
        execve.require_fitting(evaluation.environment(found, config.mast, config.runtime_directory))
    login.require_usable(config.mast)
    yield from ()


def _database(config: Settings, deadline: Deadline) -> Generator[Finding, None, Snapshot]:
    parameters = ecto_url.parse(config.mast)
    snapshot = asyncio.run(_look(parameters, deadline))
    yield Finding(
        label=str(Phase.DATABASE),
        text=f"{parameters.place}, database {parameters.database!r}, role {parameters.user!r}",
    )
    return snapshot


def _migrations(found: Release, snapshot: Snapshot) -> Generator[Finding, None, None]:
    label = str(Phase.MIGRATIONS)
    migrations.require_complete(found.migrations, snapshot.applied, migrating=snapshot.migrating)
    database.require_servers(snapshot)
    count = migrations.progress(found.migrations, snapshot.applied)
    yield Finding(label=label, text=f"{count} applied")
    if gone := migrations.retired(found.migrations, snapshot.applied):
        yield Finding(label=label, text=migrations.say_retired(gone))


def _row(
    config: Settings, snapshot: Snapshot, rows: tuple[Server, ...], recorded: Record | None
) -> Generator[Finding, None, None]:
    """See that this host has its row, or that none is in its way."""
    this, want = identity.identify(), login.wanted(config.mast)
    if recorded is not None and not recorded.is_about(this.machine, snapshot.identity):
        recorded = None
    recorded_id = recorded.server_id if recorded is not None else None
    row = servers.known(rows, recorded_id, this, want)
    if row is None:
        servers.require_no_namesake(rows, this, want)
    text = "this host has no row yet" if row is None else f"server {row.name!r} ({row.id})"
    yield Finding(label=str(Phase.ENROLL), text=text)


def _environment_file(path: Path | None, unit: Unit | None) -> Generator[Finding, None, None]:
    """See that the service may read what root has read. Raises Failure (78) as the service will."""
    if path is None or os.access(path, os.R_OK):
        return
    if unit is None or unit.load_state != "loaded":
        yield _warning(
            str(Phase.RELEASE),
            f"this user may not read {path}; the service needs it as a credential",
        )
    elif path == Path(unit.env_file or settings.DEFAULT_ENV_FILE):
        raise envfile.unreadable(path, "the user of the service is denied")


def _units(found: Mapping[str, Unit]) -> Iterator[Finding]:
    """Explain what systemd could not set up."""
    for name, unit in found.items():
        setup = units.SETUP_FAILURES.get(unit.exit_status)
        if unit.active_state == "failed" and setup is not None:
            yield _warning("unit", f"{name}: {unit.exit_status}/{setup[0]}: {setup[1]}")


def _predicted(config: Settings) -> list[Failure]:
    """Ask sshd and the account, as root alone can, what would keep Mast out."""
    from mast_agent.access import admission  # noqa: PLC0415 - only for root

    try:
        who = access.login(config.mast)
        sources = self_address.sources(who.host, identity.identify())
    except Failure as failure:
        return [failure]
    redactor = Redactor(secrets_of(config.mast))
    return admission.survey(who, sources, config.access_directory, redactor)[0]


def _access(config: Settings, predicted: Sequence[Failure]) -> Iterator[Finding]:
    """Say what Mast will need in order to log in."""
    seen = access.look(config, None)
    # The key comes with the enrollment: before it, only the user and sshd can be missing.
    missing = [each for each in seen.problems if each.cause is not causes.ACCESS_KEY_ABSENT]
    named = {each.cause for each in missing}
    missing += [each for each in predicted if each.cause not in named]
    yield from (_warning("access", failure) for failure in missing)
    if not missing:
        where = f"{seen.login.user} at {seen.login.host}:{seen.login.port}"
        yield Finding(label="access", text=where)
