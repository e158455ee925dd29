"""The one place that every phase reports to: log, service manager and published status."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from mast_agent.failures import causes
from mast_agent.failures.cause import Phase
from mast_agent.failures.failure import Failure
from mast_agent.postgres.migrations import Progress
from mast_agent.report import journal, published
from mast_agent.report.events import Event
from mast_agent.report.reporter import Reporter
from structlog.testing import capture_logs
from unit import builders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    journal.configure({})
    yield
    structlog.reset_defaults()


@pytest.fixture
def reporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reporter:
    """Make a reporter outside of systemd."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    return Reporter(tmp_path)


def _refused(**special: Any) -> Failure:
    return Failure(causes.REFUSED, "nothing listens", **special)


def _pending(progress: str) -> Failure:
    return Failure(causes.MIGRATIONS_PENDING, f"{progress} are applied", progress=progress)


def test_one_line_for_each_change(reporter: Reporter) -> None:
    """A wait is logged when its cause or its progress changes, and not for each attempt."""
    starting = Failure(causes.STARTING, "it is starting")
    failures = [
        *[_refused()] * 5,
        *[starting] * 3,
        *[_refused()] * 2,
        *[_pending("3 of 21")] * 4,
        *[_pending("4 of 21")] * 4,
    ]
    with capture_logs() as logs:
        for number, failure in enumerate(failures, 1):
            reporter.attempt(number)
            reporter.waiting(failure, number, 1.0)
    assert [(log["cause"], log["attempt"]) for log in logs] == [
        ("refused", 1),
        ("starting", 6),
        ("refused", 9),
        ("migrations-pending", 11),
        ("migrations-pending", 15),
    ]
    assert {log["kind"] for log in logs} == {Event.WAITING}
    assert [log["phase"] for log in logs] == ["database"] * 3 + ["migrations"] * 2


def test_a_wait_that_is_over(reporter: Reporter) -> None:
    """When the next phase begins after a wait, that is logged once and the wait forgotten."""
    with capture_logs() as logs:
        reporter.enter(Phase.DATABASE, "asking")
        reporter.waiting(_refused(), 1, 1.0)
        reporter.enter(Phase.DATABASE, "asking")
        reporter.enter(Phase.MIGRATIONS, "comparing")
        reporter.enter(Phase.ENROLL, "running")
    assert [log["kind"] for log in logs] == [Event.WAITING, Event.PHASE_DONE]
    assert logs[1]["phase"] == "database"
    with capture_logs() as logs:
        reporter.waiting(_refused(), 2, 1.0)
    assert len(logs) == 1


def test_published_while_waiting(reporter: Reporter, tmp_path: Path) -> None:
    """A wait is published with its error and the time of the next attempt."""
    reporter.progress(Progress(applied=3, total=21))
    reporter.waiting(_pending("3 of 21"), 4, 60.0)
    found = published.load(tmp_path)
    assert found is not None
    assert (found.state, found.phase, found.attempts) == ("waiting", "migrations", 4)
    assert found.error is not None
    assert (found.error.cause, found.error.code) == ("migrations-pending", 75)
    assert found.error.remedy == causes.MIGRATIONS_PENDING.remedy
    assert found.migrations == {"applied": 3, "total": 21}
    assert found.next_retry_at is not None
    assert found.next_retry_at > found.updated_at
    assert found.is_alive()


def test_published_when_it_gives_up(reporter: Reporter, tmp_path: Path) -> None:
    """While it is at work, and only then, it is published when the run ends in any case."""
    reporter.gives_up_in(300)
    reporter.enter(Phase.DATABASE, "asking")
    running = published.load(tmp_path)
    reporter.waiting(_refused(), 1, 1.0)
    waiting = published.load(tmp_path)
    reporter.failed(_refused(), 300.0)
    failed = published.load(tmp_path)
    assert running is not None
    assert waiting is not None
    assert failed is not None
    assert running.gives_up_at is not None
    assert running.gives_up_at > running.updated_at
    assert (waiting.gives_up_at, failed.gives_up_at) == (running.gives_up_at, None)


def test_looking_again_is_still_waiting(reporter: Reporter, tmp_path: Path) -> None:
    """While the next attempt looks again, the published status goes on being a wait."""
    reporter.waiting(_refused(), 1, 1.0)
    reporter.enter(Phase.DATABASE, "asking")
    found = published.load(tmp_path)
    assert found is not None
    assert found.state == "waiting"


def test_published_while_running(reporter: Reporter, tmp_path: Path) -> None:
    """A phase without a wait is published as running."""
    reporter.enter(Phase.MIGRATIONS, "comparing")
    found = published.load(tmp_path)
    assert found is not None
    assert (found.state, found.phase, found.message) == ("running", "migrations", "comparing")
    assert found.error is None


@pytest.mark.parametrize(
    ("already", "kind"), [(True, Event.ALREADY_ENROLLED), (False, Event.ENROLLED)]
)
def test_enrolled(reporter: Reporter, tmp_path: Path, *, already: bool, kind: Event) -> None:
    """The end is logged with the server's id and how long it took, and published."""
    reporter.waiting(_refused(), 1, 1.0)
    with capture_logs() as logs:
        reporter.enrolled(builders.server(), already=already, seconds=1.5)
    assert len(logs) == 1
    assert logs[0]["kind"] is kind
    assert (logs[0]["server_id"], logs[0]["duration"]) == (builders.SERVER_ID, 1.5)
    assert "confirmed by the database" in logs[0]["event"]
    found = published.load(tmp_path)
    assert found is not None
    assert (found.state, found.error) == ("enrolled", None)
    assert found.server == {"id": builders.SERVER_ID, "name": "web1"}


def test_failed(reporter: Reporter, tmp_path: Path) -> None:
    """A failure is one line with cause, remedy and exit code, and published."""
    with capture_logs() as logs:
        reporter.failed(_refused(remedy="Start it"), 2.0)
    assert len(logs) == 1
    assert logs[0]["kind"] is Event.FAILED
    assert logs[0]["cause"] == "refused"
    assert logs[0]["event"] == "nothing listens. Start it [refused, exit 69]"
    found = published.load(tmp_path)
    assert found is not None
    assert (found.state, found.phase) == ("failed", "database")
    assert found.error is not None
    assert found.error.remedy == "Start it"


def test_stopped(reporter: Reporter, tmp_path: Path) -> None:
    """A signal is logged by its name, and published."""
    with capture_logs() as logs:
        reporter.stopped("SIGTERM")
    assert [log["kind"] for log in logs] == [Event.STOPPED]
    found = published.load(tmp_path)
    assert found is not None
    assert found.state == "stopped"
    assert "SIGTERM" in found.message


def test_unpublishable(tmp_path: Path) -> None:
    """A directory that cannot be written is said once, and ends nothing."""
    (tmp_path / "file").touch()
    reporter = Reporter(tmp_path / "file")
    with capture_logs() as logs:
        reporter.enter(Phase.DATABASE, "asking")
        reporter.enter(Phase.MIGRATIONS, "comparing")
        reporter.enrolled(builders.server(), already=False, seconds=1.0)
    assert [log["kind"] for log in logs] == [Event.RECORD_PROBLEM, Event.ENROLLED]


@pytest.fixture
def notify_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Listen where the service manager would."""
    path = tmp_path / "n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(path))
        yield listener


def test_notify(notify_socket: socket.socket, tmp_path: Path) -> None:
    """The service manager is told each step as STATUS=, in one line."""
    reporter = Reporter(tmp_path)
    reporter.enter(Phase.DATABASE, "asking\nREADY=1")
    assert notify_socket.recv(4096) == b"STATUS=database: asking\\x0aREADY=1"
    reporter.waiting(_refused(), 1, 1.0)
    told = notify_socket.recv(4096).decode()
    assert told.startswith("STATUS=waiting: database: nothing listens. ")
    reporter.failed(_refused(), 1.0)
    assert notify_socket.recv(4096).startswith(b"STATUS=failed: database: nothing listens. ")
    reporter.enrolled(builders.server(), already=False, seconds=1.0)
    assert b"enrolled: server 'web1'" in notify_socket.recv(4096)
    reporter.stopped("SIGINT")
    assert notify_socket.recv(4096) == b"STATUS=stopped by SIGINT"


def test_notify_is_bounded(notify_socket: socket.socket, tmp_path: Path) -> None:
    """However long a message is, the service manager gets a short one."""
    Reporter(tmp_path).enter(Phase.DATABASE, "é" * 100_000)
    assert len(notify_socket.recv(65536)) < 1000


def test_notify_without_a_listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager that does not listen ends nothing."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    Reporter(tmp_path).enter(Phase.DATABASE, "asking")
    assert published.load(tmp_path) is not None


@pytest.mark.parametrize(
    "say",
    [
        pytest.param(lambda r, text: r.enter(Phase.DATABASE, text), id="enter"),
        pytest.param(lambda r, text: r.event(Event.EVAL_OUTPUT, text), id="event"),
        pytest.param(
            lambda r, text: r.waiting(Failure(causes.REFUSED, text, remedy=text), 1, 1.0),
            id="waiting",
        ),
        pytest.param(
            lambda r, text: r.failed(Failure(causes.REFUSED, text, remedy=text), 1.0), id="failed"
        ),
    ],
)
def test_everything_is_escaped(
    say: Callable[[Reporter, str], None],
    notify_socket: socket.socket,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a terminal would act on reaches neither log, nor service manager, nor the status."""
    reporter = Reporter(tmp_path)
    reporter.enter(Phase.RELEASE, "so that there is something")
    say(reporter, "it said \x1b[2J")
    notify_socket.setblocking(False)  # noqa: FBT003 - the only form there is
    seen = capsys.readouterr().err + (tmp_path / published.FILE_NAME).read_text()
    while True:
        try:
            seen += notify_socket.recv(65536).decode()
        except BlockingIOError:
            break
    assert "\x1b" not in seen
    assert "\\u001b" not in seen
    assert "\\x1b[2J" in seen


def test_an_observer_sees_what_is_published(tmp_path: Path) -> None:
    """It gets each document, and what is to be done; also where nothing is written."""
    seen: list[tuple[published.Published, str]] = []
    reporter = Reporter(None, None, lambda document, advice: seen.append((document, advice)))
    reporter.attempt(1)
    reporter.enter(Phase.DATABASE, "asking")
    reporter.waiting(_refused(), 1, 1.0)
    reporter.failed(_refused(), 2.0)
    assert [(document.state, document.phase) for document, _ in seen] == [
        ("running", "database"),
        ("waiting", "database"),
        ("failed", "database"),
    ]
    assert seen[0][1] == ""
    assert all(advice.startswith("Start PostgreSQL") for _, advice in seen[1:])
    assert list(tmp_path.iterdir()) == []
