"""The main job: makes this host Mast's first managed server, and has the database confirm it.

An attempt goes from the database to the record, and starts anew from the database after every
failure, so that it converges from wherever the last one ended. What each step means is its own
module's; the order, the locks and the retries are decided here.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from mast_agent import (
    causes,
    database,
    evaluation,
    locks,
    migrations,
    record,
    scratch,
    servers,
    signals,
)
from mast_agent.events import Event
from mast_agent.failure import Failure, Phase
from mast_agent.retry import Retry
from mast_agent.session import open_session

if TYPE_CHECKING:
    from typing import TypeGuard

    from mast_agent.deadline import Deadline
    from mast_agent.plan import Plan
    from mast_agent.redact import Redactor
    from mast_agent.report import Reporter
    from mast_agent.session import Session
    from mast_agent.snapshot import Server, Snapshot


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
        self._recorded = record.recall(plan.state_directory, self._problem)
        self._confirmed: tuple[Server, Snapshot] | None = None

    async def run(self) -> Server:
        """Attempt it until it succeeds, is hopeless, or the time is up."""
        self._report.event(
            Event.STARTED,
            f"Mast {self._plan.release.version} at {self._plan.release.root}, "
            f"database at {self._plan.target.place}; "
            f"giving up after {self._deadline.seconds:.0f} s",
        )
        retry = Retry(self._deadline, self._report.waiting)
        try:
            return await retry(self._attempt)
        except Failure as failure:
            if self._confirmed is None:
                raise
            # The host is enrolled, whatever became of the question for the key.
            self._report.event(
                Event.KEY_UNKNOWN, f"Mast's public key could not be learned: {failure.message}"
            )
            return self._finish(*self._confirmed, already=True)

    async def _attempt(self) -> Server:
        self._attempts += 1
        # What an earlier attempt saw is no confirmation any more.
        self._confirmed = None
        self._report.attempt(self._attempts)
        self._report.enter(Phase.DATABASE, f"asking {self._plan.target.place}")
        async with open_session(self._plan.target, self._deadline) as session:
            snapshot = await self._look(session)
        row = self._known(snapshot)
        if not self._is_done(row, snapshot):
            with locks.host_lock(self._plan.runtime_directory):
                return await self._enroll_locked()
        return self._finish(row, snapshot, already=True)

    async def _look(self, session: Session) -> Snapshot:
        """Take a snapshot of a database that has all migrations of this release."""
        snapshot = await database.look(session)
        wanted = self._plan.release.migrations
        self._report.progress(migrations.progress(wanted, snapshot.applied))
        self._report.enter(Phase.MIGRATIONS, "comparing the migrations")
        migrations.require_complete(wanted, snapshot.applied, migrating=snapshot.migrating)
        database.require_servers(snapshot)
        return snapshot

    def _known(self, snapshot: Snapshot) -> Server | None:
        recorded = self._recorded
        believed = recorded is not None and recorded.is_about(
            self._plan.host.machine, snapshot.identity
        )
        recorded_id = recorded.server_id if recorded is not None and believed else None
        return servers.known(snapshot.servers or (), recorded_id, self._plan.host)

    def _is_done(self, row: Server | None, snapshot: Snapshot) -> TypeGuard[Server]:
        """Tell whether there is nothing left to run an eval for."""
        self._confirmed = None
        if row is None or self._force:
            return False
        if self._plan.access and self._key(row, snapshot) is None and self._can_tell_key(row):
            self._confirmed = (row, snapshot)
            return False
        return True

    def _key(self, row: Server, snapshot: Snapshot) -> record.Key | None:
        """Return what the record has of the key of this row, None for nothing or another key."""
        recorded = self._recorded
        if (
            recorded is None
            or recorded.server_id != row.id
            or not recorded.is_about(self._plan.host.machine, snapshot.identity)
            or recorded.key is None
            or recorded.key.id != row.key_id
        ):
            return None
        return recorded.key

    def _can_tell_key(self, row: Server) -> bool:
        """Tell whether the eval would report this row, and not make one for this host's name."""
        return self._plan.host.is_called(row.name)

    async def _enroll_locked(self) -> Server:
        """Look again under the locks, then run the eval and have the database confirm it."""
        async with open_session(self._plan.target, self._deadline) as lock:
            await self._lock_database(lock)
            before = await self._look_again()
            row = self._known(before)
            if self._is_done(row, before):
                return self._finish(row, before, already=True)
            already = row is not None and not self._force
            report = await self._evaluate()
            self._report.enter(Phase.VERIFY, "asking the database whether it has this host")
            after = await self._look_again()
        row = servers.enrolled(
            before.servers or (), after.servers or (), report.server_id, self._plan.host
        )
        if row is None:
            # What the database says now, and not what it said before the eval.
            known = self._known(after) if already else None
            self._confirmed = None if known is None else (known, after)
            raise Failure(causes.NOT_ENROLLED, _refutation(report, after))
        self._force = False
        key = record.Key(id=row.key_id, public=report.public_key)
        return self._finish(row, after, already=already, key=key)

    async def _look_again(self) -> Snapshot:
        """Use a connection of its own: the one with the lock may have been cut meanwhile."""
        async with open_session(self._plan.target, self._deadline) as session:
            return await self._look(session)

    async def _lock_database(self, session: Session) -> None:
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

    async def _evaluate(self) -> evaluation.Report:
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
                self._plan.mast,
                scratch.make(self._plan.runtime_directory, self._problem),
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
        self._recorded = record.remember(
            self._plan.state_directory,
            record.Record(
                server_id=row.id,
                server_name=row.name,
                machine=self._plan.host.machine,
                database=snapshot.identity,
                enrolled_at=record.now(),
                key=key or self._key(row, snapshot),
            ),
            self._recorded,
            self._problem,
        )
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
