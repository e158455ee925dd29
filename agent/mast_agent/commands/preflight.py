"""`mast-agent check`: the phases up to migrations, once, read-only, with enroll's codes.

For an operator before the first start, and for whoever builds an image. It waits for nothing and
writes nothing.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

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
    from collections.abc import Callable, Iterator, Sequence

    from mast_agent.config.settings import Settings
    from mast_agent.host.deadline import Deadline
    from mast_agent.host.units import Unit
    from mast_agent.postgres.snapshot import Server, Snapshot
    from mast_agent.postgres.target import Target
    from mast_agent.report.record import Record


def run(
    config: Settings,
    deadline: Deadline,
    enter: Callable[[Phase], None],
    remedy: Callable[[Failure], str],
) -> Iterator[str]:
    """Yield a line for each phase that is ready. Raises the Failure of the first that is not.

    Root is the service's user from here on, once it has read what only root may read. `enter` is
    told which phase begins; `remedy` says what to do about what is only a warning.
    """
    enter(Phase.RELEASE)
    recorded = _record(config.state_directory)
    found_units = units.ask(units.AGENT, units.ACCESS)
    user = service_user.find(config, found_units.get(units.AGENT))
    wanted = access.wanted(config, found_units.get(units.ACCESS))
    predicted = _predicted(config) if wanted and os.geteuid() == 0 else []
    if user is not None:
        config = service_user.as_user(config, user)
        service_user.become(user)
        yield f"user: {user.name}, {user.origin}"
    yield from (f"settings: warning: {what}" for what in config.overruled)
    yield from _environment_file(config.env_file, found_units.get(units.AGENT))
    found = release.read(config.mast_bin)
    mast_environment.check(config.mast)
    execve.require_fitting(evaluation.environment(found, config.mast, config.runtime_directory))
    login.require_usable(config.mast)
    yield f"release: {found.executable}, version {found.version}"
    if not found.has_bootstrap:
        missing = Failure(causes.BOOTSTRAP_MISSING, "no Mast.Bootstrap")
        yield f"release: warning: {missing.message}. {remedy(missing)}"
    yield from _units(found_units)
    if wanted:
        yield from _access(config, predicted, remedy)
    enter(Phase.DATABASE)
    target = ecto_url.parse(config.mast)
    snapshot = asyncio.run(_look(target, deadline))
    yield f"database: {target.place}, database {target.database!r}, role {target.user!r}"
    enter(Phase.MIGRATIONS)
    migrations.require_complete(found.migrations, snapshot.applied, migrating=snapshot.migrating)
    rows = database.require_servers(snapshot)
    yield f"migrations: {migrations.progress(found.migrations, snapshot.applied)} applied"
    if gone := migrations.retired(found.migrations, snapshot.applied):
        yield f"migrations: {migrations.say_retired(gone)}"
    _require_own_row_or_free_name(config, snapshot, rows, recorded)


def _record(directory: Path) -> Record | None:
    try:
        return record.load(directory)
    except (storage.UnusableError, OSError):
        return None


async def _look(target: Target, deadline: Deadline) -> Snapshot:
    async with open_session(target, deadline) as session:
        return await database.look(session)


def _require_own_row_or_free_name(
    config: Settings, snapshot: Snapshot, rows: tuple[Server, ...], recorded: Record | None
) -> None:
    this, want = identity.identify(), login.wanted(config.mast)
    if recorded is not None and not recorded.is_about(this.machine, snapshot.identity):
        recorded = None
    recorded_id = recorded.server_id if recorded is not None else None
    if servers.known(rows, recorded_id, this, want) is None:
        servers.require_no_namesake(rows, this, want)


def _environment_file(path: Path | None, unit: Unit | None) -> Iterator[str]:
    """See that the service may read what root has read. Raises Failure (78) as the service will."""
    if path is None or os.access(path, os.R_OK):
        return
    if unit is None or unit.load_state != "loaded":
        yield (
            f"release: warning: this user may not read {path}; the service needs it as a credential"
        )
    elif path == Path(unit.env_file or settings.DEFAULT_ENV_FILE):
        raise envfile.unreadable(path, "the user of the service is denied")


def _units(found: dict[str, Unit]) -> Iterator[str]:
    """Explain what systemd could not set up."""
    for name, unit in found.items():
        setup = units.SETUP_FAILURES.get(unit.exit_status)
        if unit.active_state == "failed" and setup is not None:
            yield f"unit: warning: {name}: {unit.exit_status}/{setup[0]}: {setup[1]}"


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


def _access(
    config: Settings, predicted: Sequence[Failure], remedy: Callable[[Failure], str]
) -> Iterator[str]:
    """Say what Mast will need in order to log in."""
    seen = access.look(config, None)
    # The key comes with the enrollment: before it, only the user and sshd can be missing.
    missing = [each for each in seen.problems if each.cause is not causes.ACCESS_KEY_ABSENT]
    named = {each.cause for each in missing}
    missing += [each for each in predicted if each.cause not in named]
    for failure in missing:
        yield f"access: warning: {failure.message}. {remedy(failure)}"
    if not missing:
        yield f"access: {seen.login.user} at {seen.login.host}:{seen.login.port}"
