"""Receives the reports of every phase.

A report goes to the log (journal or stderr), to systemd as STATUS=, and to the published status.
There is one log line for each change of cause, not one for each attempt.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING

from mast_agent.failures.cause import Phase
from mast_agent.host import service_manager
from mast_agent.report import journal, published
from mast_agent.report.events import Event
from mast_agent.report.published import Error, Published
from mast_agent.report.record import now
from mast_agent.report.surroundings import Reader
from mast_agent.text.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mast_agent.failures.failure import Failure
    from mast_agent.postgres.migrations import Progress
    from mast_agent.postgres.snapshot import Server
    from mast_agent.report.login_report import LoginReport

_ORDER = tuple(Phase)


class Reporter:
    """Follows one `enroll` from phase to phase."""

    def __init__(
        self,
        runtime_directory: Path | None,
        reader: Reader | None = None,
        observer: Callable[[Published, str], None] | None = None,
    ) -> None:
        """Without a directory nothing is published: only an enrollment has a status of its own.

        `reader` is whom what is logged tells what to do. `observer` gets all that is published, and
        what is to be done.
        """
        self._observer = observer
        self._directory = runtime_directory
        self._reader = reader or Reader()
        self._log = journal.logger()
        self._phase = Phase.RELEASE
        self._said: tuple[str, str] = ("", "")
        self._waits_for: Phase | None = None
        self._since = now()
        self._attempts = 0
        self._error: Error | None = None
        self._migrations: dict[str, int] | None = None
        self._publish_failed = False
        self._problem: str | None = None
        self._login: dict[str, str] = {}
        self._gives_up_at: str | None = None

    def event(self, kind: Event, message: str, **fields: object) -> None:
        """Log one event in the current phase."""
        self._log.msg(message, kind=kind, phase=str(self._phase), **fields)

    def login(self, variables: dict[str, str]) -> None:
        """Publish from now on how Mast logs in to this host, for those who only ask."""
        self._login = variables

    def gives_up_in(self, seconds: float) -> None:
        """Publish from now on, while it is at work, when this run gives up."""
        self._gives_up_at = _in(seconds)

    @property
    def phase(self) -> Phase:
        """The phase that is at work."""
        return self._phase

    def unrecorded(self, message: str) -> None:
        """Note that the record could not be written, which `status` is to say."""
        self._problem = message
        self.event(Event.RECORD_PROBLEM, message)

    def attempt(self, number: int) -> None:
        """Note that attempt `number` begins."""
        self._attempts = number

    def enter(self, phase: Phase, message: str) -> None:
        """Note that `phase` begins; `message` says what is being done."""
        waits_for = self._waits_for
        if waits_for is not None and (
            _ORDER.index(phase) > _ORDER.index(waits_for) or phase is Phase.ENROLL
        ):
            self._phase = waits_for
            if waits_for is not phase:
                self.event(Event.PHASE_DONE, "ready, after a wait", attempt=self._attempts)
            self._waits_for, self._said, self._error, self._since = None, ("", ""), None, now()
        self._phase = phase
        # A wait goes on being a wait while the next attempt looks again.
        if self._waits_for is None:
            self._notify(f"{phase}: {message}")
            self._publish("running", message)

    def progress(self, count: Progress) -> None:
        """Note how far the migrations are."""
        self._migrations = {"applied": count.applied, "total": count.total}

    def waiting(self, failure: Failure, attempt: int, seconds: float) -> None:
        """Note that attempt number `attempt` failed and the next comes in `seconds`."""
        failure = failure.knowing(self._reader.known)
        self._phase = self._waits_for = failure.phase
        said = (failure.cause.slug, failure.progress)
        if said != self._said:
            message = f"waiting: {failure.message}"
            if said[0] != self._said[0]:
                self._since = now()
                message += f". {self._reader.remedy(failure, ended=False)}"
            self._said = said
            self.event(
                Event.WAITING,
                message,
                cause=failure.cause.slug,
                attempt=attempt,
            )
        self._error = Error.of(failure)
        self._attempts = attempt
        advice = self._reader.remedy(failure, ended=False)
        self._notify(f"waiting: {failure.phase}: {failure.message}. {advice}")
        self._publish("waiting", failure.message, next_retry_at=_in(seconds), advice=advice)

    def enrolled(self, server: Server, *, already: bool, seconds: float) -> None:
        """Note the end: the database confirms that `server` is this host."""
        self._phase, self._error, self._since = Phase.VERIFY, None, now()
        how = "already enrolled" if already else "enrolled"
        what = f"server {server.name!r} ({server.id})"
        said = f"{how}: {what}, confirmed by the database"
        self.event(
            Event.ALREADY_ENROLLED if already else Event.ENROLLED,
            said,
            server_id=server.id,
            duration=seconds,
            attempt=self._attempts,
        )
        # It is read for as long as the unit is active.
        self._notify(f"{said} at {self._since}")
        self._publish("enrolled", what, server={"id": server.id, "name": server.name})

    def failed(self, failure: Failure, seconds: float) -> None:
        """Note the end: this invocation gives up, `seconds` after it began."""
        failure = failure.knowing(self._reader.known)
        self._phase = failure.phase
        waited = f" (gave up after {seconds:.0f} s)" if self._attempts > 1 else ""
        if failure.cause.slug != self._said[0]:
            self._since = now()
        self._error, advice = Error.of(failure), self._reader.remedy(failure)
        self.event(
            Event.ACCESS_FAILED if failure.phase is Phase.ACCESS else Event.FAILED,
            f"{failure.message}{waited}. {advice} [{failure.cause.slug}, exit {failure.code:d}]",
            cause=failure.cause.slug,
            attempt=self._attempts,
            duration=seconds,
        )
        self._notify(f"failed: {failure.phase}: {failure.message}. {advice}")
        self._publish("failed", failure.message, advice=advice)

    def done(self, kind: Event, phase: Phase, message: str) -> None:
        """Note the end of a job that is no enrollment."""
        self._phase = phase
        message = self._reader.addressed(message)
        self.event(kind, message)
        self._notify(message)

    def login_tried(self, found: LoginReport) -> None:
        """Note whether one can log in as Mast will, and what to do where one cannot."""
        if found.works:
            self.event(Event.LOGIN_TRIED, "a login as Mast's, with a key of its own, worked")
            return
        if not found.problems:
            self.event(Event.LOGIN_TRIED, f"a login as Mast's was not tried: {found.why}")
            return
        first = found.problems[0]
        remedy = self._reader.remedy(first)
        why = " ".join(f"({each.message})" for each in found.problems[1:])
        self.event(
            Event.LOGIN_FAILED,
            f"Mast cannot log in: {first.message}{why and ' '}{why}. {remedy}",
            cause=first.cause.slug,
        )
        self._notify(f"Mast cannot log in: {first.message}. {remedy}")

    def stopped(self, signal_name: str) -> None:
        """Note the end: a signal."""
        self.event(Event.STOPPED, f"stopped by {signal_name}; nothing is recorded")
        self._notify(f"stopped by {signal_name}")
        self._publish("stopped", f"stopped by {signal_name}")

    def _notify(self, text: str) -> None:
        """Tell the service manager: sd_notify(3), STATUS=. It is kept after a oneshot's end."""
        service_manager.notify(f"STATUS={escape(text)[: service_manager.STATUS_CHARACTERS]}")

    def _publish(
        self,
        state: str,
        message: str,
        *,
        next_retry_at: str | None = None,
        server: dict[str, str] | None = None,
        advice: str = "",
    ) -> None:
        document = Published(
            state=state,
            phase=str(self._phase),
            message=escape(message),
            since=self._since,
            attempts=self._attempts,
            next_retry_at=next_retry_at,
            gives_up_at=self._gives_up_at if state in published.AT_WORK else None,
            error=self._error,
            server=server,
            migrations=self._migrations,
            login=self._login,
            problem=self._problem and escape(self._problem),
        )
        if self._observer is not None:
            self._observer(document, advice)
        if self._directory is None:
            return
        try:
            published.save(self._directory, document)
        except OSError as error:
            # What an earlier run said is not true any more, and a full disk lets it be removed.
            with contextlib.suppress(OSError):
                (self._directory / published.FILE_NAME).unlink()
            # Said once, and not behind a failure, which is to be the one line that is read: an
            # enrollment does not depend on being published.
            if not self._publish_failed and state != "failed":
                self._publish_failed = True
                self.event(
                    Event.RECORD_PROBLEM,
                    f"the status cannot be published in {self._directory}: {error.strerror}",
                )


def _in(seconds: float) -> str:
    """Return the time that is in so many seconds: UTC, ISO 8601."""
    then = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)
    return then.isoformat(timespec="seconds")
