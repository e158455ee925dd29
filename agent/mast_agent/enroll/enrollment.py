"""The main job: makes this host Mast's first managed server, and has the database confirm it.

An attempt goes from the database to the record. After every failure a new one starts at the
database, so that it continues from whatever the last one achieved. Each step has its own module;
the order, the locks and the retries are decided here.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mast_agent.enroll import evaluation, locks, needs, scratch
from mast_agent.enroll.doorbell import Doorbell
from mast_agent.enroll.own_row import OwnRow
from mast_agent.enroll.retry import Retry
from mast_agent.failures import causes
from mast_agent.failures.cause import Phase
from mast_agent.failures.failure import Failure
from mast_agent.host import signals
from mast_agent.postgres import database, migrations
from mast_agent.postgres.session import open_session
from mast_agent.report import record
from mast_agent.report.events import Event

if TYPE_CHECKING:
    from mast_agent.enroll.needs import Needs
    from mast_agent.enroll.plan import Plan
    from mast_agent.host.deadline import Deadline
    from mast_agent.postgres.session import Session
    from mast_agent.postgres.snapshot import Server, Snapshot
    from mast_agent.postgres.sought import Sought
    from mast_agent.report.reporter import Reporter
    from mast_agent.text.redact import Redactor

_RESTART = "systemctl restart --no-block mast-agent"


def run(
    plan: Plan, *, deadline: Deadline, force: bool, reporter: Reporter, redactor: Redactor
) -> Server:
    """Enroll, and return this host's row.

    Raises Failure, or Stopped after one of signals.STOP_SIGNALS; nothing of the child is left then.
    """
    enrollment = Enrollment(
        plan, deadline=deadline, force=force, reporter=reporter, redactor=redactor
    )
    return asyncio.run(signals.until_stopped(enrollment.run()))


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What the database has of this host.

    `row` is None where the eval has to run in any case; else this host is enrolled, and `needs` is
    what an eval is still wanted for.
    """

    row: Server | None
    snapshot: Snapshot
    needs: Needs = needs.NONE


class Enrollment:
    """One `mast-agent enroll`."""

    def __init__(
        self,
        plan: Plan,
        *,
        deadline: Deadline,
        force: bool,
        reporter: Reporter,
        redactor: Redactor,
    ) -> None:
        self._plan = plan
        self._deadline = deadline
        self._force = force
        self._report = reporter
        self._redactor = redactor
        self._began = time.monotonic()
        self._attempts = 0
        self._eval_failure = ""
        self._own = OwnRow(plan, self._problem, reporter.unrecorded)
        self._seen: _Seen | None = None
        self._retired: frozenset[int] = frozenset()

    async def run(self) -> Server:
        """Attempt it until it succeeds, is hopeless, or the time is up."""
        self._report.event(
            Event.STARTED,
            f"Mast {self._plan.release.version} at {self._plan.release.root}, "
            f"database at {self._plan.parameters.place}; "
            f"giving up after {self._deadline.seconds:.0f} s",
        )
        doorbell = Doorbell(self._plan.parameters, self._deadline, self._plan.release.migrations)
        retry = Retry(self._deadline, self._report.waiting, doorbell)
        try:
            return await retry(self._attempt)
        except Failure as failure:
            seen = self._seen
            if seen is None or seen.row is None or failure.cause is causes.VAULT_KEY_WRONG:
                raise
            # The host is enrolled, whatever became of the eval for what it needs besides.
            kind = Event.KEY_UNKNOWN if seen.needs.key else Event.ROW_DIFFERS
            self._report.event(kind, f"{seen.needs}: {failure.message}")
            return self._finish(seen.row, seen.snapshot, already=True)

    async def _attempt(self) -> Server:
        self._attempts += 1
        # What an earlier attempt saw is no confirmation any more.
        self._seen = None
        self._report.attempt(self._attempts)
        self._report.enter(Phase.DATABASE, f"asking {self._plan.parameters.place}")
        async with open_session(self._plan.parameters, self._deadline) as session:
            snapshot = await self._look(session, self._own.sought())
            seen = self._judged(self._own.find(snapshot), snapshot)
            if seen.row is None or seen.needs:
                self._seen = seen
                with locks.host_lock(self._plan.settings.runtime_directory):
                    return await self._enroll_locked(session)
        return self._finish(seen.row, snapshot, already=True)

    async def _look(self, session: Session, sought: Sought | None = None) -> Snapshot:
        """Take a snapshot of a database that has all migrations of this release."""
        snapshot = await database.look(session, sought)
        wanted = self._plan.release.migrations
        self._report.progress(migrations.progress(wanted, snapshot.applied))
        self._report.enter(Phase.MIGRATIONS, "comparing the migrations")
        migrations.require_complete(wanted, snapshot.applied, migrating=snapshot.migrating)
        retired = migrations.retired(wanted, snapshot.applied)
        if retired != self._retired:
            self._retired = retired
            self._report.event(Event.MIGRATIONS_RETIRED, migrations.say_retired(retired))
        database.require_servers(snapshot)
        return snapshot

    def _judged(self, row: Server | None, snapshot: Snapshot) -> _Seen:
        """Return what there is left to run an eval for, when `row` is this host's."""
        if row is None or self._force:
            return _Seen(row=None, snapshot=snapshot)
        return _Seen(row=row, snapshot=snapshot, needs=self._own.needs(row, snapshot))

    async def _enroll_locked(self, session: Session) -> Server:
        """Look again under the locks, then run the eval and have the database confirm it."""
        busy = await self._lock_database(session) is database.Lock.POOLED
        before = await (self._look_again() if busy else self._look(session))
        row = self._own.find(before)
        self._seen = seen = self._judged(row, before)
        if seen.row is not None and not seen.needs:
            return self._finish(seen.row, before, already=True)
        report = await self._evaluate(row)
        self._report.enter(Phase.VERIFY, "asking the database whether it has this host")
        after = await self._look_again()
        row = self._own.find_after(before, after, report.server_id)
        if row is None:
            # What the database says now, and not what it said before the eval.
            known = self._own.find(after) if seen.row is not None else None
            self._seen = replace(seen, row=known, snapshot=after)
            raise Failure(causes.NOT_ENROLLED, _refutation(report, after))
        self._force = False
        self._compare(row, seen.needs)
        key = record.Key(id=row.key_id, public=report.public_key)
        return self._finish(row, after, already=seen.row is not None, key=key)

    def _compare(self, row: Server, needed: Needs) -> None:
        """Say what the eval has left undone of the differences: another eval would not do more."""
        left = self._own.differences(row)
        if left:
            self._report.event(
                Event.ROW_DIFFERS,
                f"the row of {row.name!r} still has {'; '.join(left)}: this Mast.Bootstrap leaves "
                f"it so. Delete the server in Mast, then: {_RESTART}",
            )
        elif needed.differences:
            self._report.event(
                Event.ROW_UPDATED,
                f"the row of {row.name!r} is up to date now: it had "
                + "; ".join(needed.differences),
            )

    async def _look_again(self) -> Snapshot:
        """Use another connection: the lock's may be in its transaction, or have been cut."""
        async with open_session(self._plan.parameters, self._deadline) as session:
            return await self._look(session)

    async def _lock_database(self, session: Session) -> database.Lock:
        lock = await database.try_lock(session)
        if lock is database.Lock.POOLED:
            self._report.event(
                Event.POOLER,
                "a pooler stands before the database, and session locks do not hold there: "
                "the lock is held by an open transaction instead",
            )
        if lock is database.Lock.HELD_ELSEWHERE:
            raise Failure(
                causes.LOCK_HELD, "a mast-agent on another host is enrolling into this database"
            )
        return lock

    async def _evaluate(self, row: Server | None) -> evaluation.Report:
        seconds = evaluation.allotted(self._deadline, self._eval_failure)
        self._report.enter(Phase.ENROLL, f"running {evaluation.EXPRESSION}")
        self._report.event(
            Event.EVAL_STARTED,
            f"running {self._plan.release.executable} eval {evaluation.EXPRESSION} "
            f"for at most {seconds:.0f} s",
        )
        try:
            report = await evaluation.self_enroll(
                self._plan.release,
                {**self._plan.settings.mast, evaluation.SELF_ID: row.id if row is not None else ""},
                scratch.make(self._plan.settings.runtime_directory, self._problem),
                seconds=seconds,
                redactor=self._redactor,
                log=lambda stream, text: self._report.event(Event.EVAL_OUTPUT, f"{stream}: {text}"),
            )
        except Failure as failure:
            self._eval_failure = failure.message
            raise
        self._report.event(Event.EVAL_ENDED, "the eval ended with 0", duration=report.seconds)
        return report

    def _finish(
        self, row: Server, snapshot: Snapshot, *, already: bool, key: record.Key | None = None
    ) -> Server:
        self._own.save(row, snapshot, key)
        self._report.enrolled(row, already=already, seconds=time.monotonic() - self._began)
        return row

    def _problem(self, message: str) -> None:
        self._report.event(Event.RECORD_PROBLEM, message)


def _refutation(report: evaluation.Report, after: Snapshot) -> str:
    if report.server_id is not None:
        return (
            f"the eval reports the server {report.server_id}, "
            "but the database has no such row in servers"
        )
    if not after.servers:
        return "the eval ended with 0, but the table servers is empty"
    return "the eval ended with 0, but no row of servers is this host"
