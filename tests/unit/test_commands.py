"""How a command ends: a wrong value of each setting, and a bug, in one line and without secrets."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

import pytest
import structlog
from mast_agent import cli
from mast_agent.access import admission
from mast_agent.commands import commands
from mast_agent.config import release, service_user, settings
from mast_agent.config.settings import Options
from mast_agent.enroll import enrollment, plan
from mast_agent.failures import causes
from mast_agent.failures.cause import Phase
from mast_agent.failures.failure import Failure, Stopped
from mast_agent.host import units
from mast_agent.postgres import migrations
from mast_agent.report import published, record
from mast_agent.show import console, screen
from mast_agent.status import preflight, status
from support.canaries import CANARY
from unit import builders

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from mast_agent.report.reporter import Reporter


@pytest.fixture(autouse=True)
def _no_other_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave this machine's own settings out."""
    monkeypatch.setattr(settings, "DEFAULT_ENV_FILE", tmp_path / "none.env")
    monkeypatch.setattr(release, "DEFAULT_PATH", tmp_path / "no-mast")
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Make an environment with which nothing is wrong, and a file with which something is."""
    (tmp_path / "open.env").write_text(f"A='{CANARY}\n")
    return {
        "MAST_BIN": str(builders.release(tmp_path / "mast")),
        "DATABASE_URL": f"ecto://mast:{CANARY}@db.invalid/mast",
        "SECRET_KEY_BASE": CANARY * 7,
        "MAST_VAULT_KEY": base64.b64encode(b"vault-key-canary-of-32-bytes-xyz").decode(),
        "RUNTIME_DIRECTORY": str(tmp_path / "run"),
        "STATE_DIRECTORY": str(tmp_path / "state"),
    }


def _spoil(environ: dict[str, str], tmp_path: Path, change: str) -> None:
    """Apply "VARIABLE=value", with {} for the test's directory, or "VARIABLE" to take it away."""
    name, equals, value = change.partition("=")
    environ.pop(name, None)
    if equals:
        environ[name] = value.replace("{}", str(tmp_path))


_WRONG = [
    pytest.param("MAST_AGENT_TIMEOUT=soon", "setting-malformed", id="timeout"),
    pytest.param("MAST_AGENT_ENV_FILE={}/gone", "env-file-missing", id="file-missing"),
    pytest.param("MAST_AGENT_ENV_FILE={}", "env-file-malformed", id="file-directory"),
    pytest.param("MAST_AGENT_ENV_FILE={}/open.env", "env-file-malformed", id="file-malformed"),
    pytest.param("MAST_BIN={}/gone", "release-missing", id="release"),
    pytest.param("MAST_BIN={}", "not-a-release", id="not-a-release"),
    pytest.param("SECRET_KEY_BASE", "variable-missing", id="secret"),
    pytest.param(f"MAST_VAULT_KEY={CANARY}", "variable-malformed", id="vault-key"),
    pytest.param("DATABASE_URL", "url-missing", id="no-url"),
    pytest.param(f"DATABASE_URL=ecto://m:{CANARY}@db/m/x", "url-refused", id="bad-url"),
    pytest.param(f"DATABASE_URL=ecto://m:{CANARY}\udcff@db/m", "url-refused", id="bad-bytes"),
]


@pytest.mark.parametrize(("change", "slug"), _WRONG)
def test_wrong_settings(
    environ: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: str,
    slug: str,
) -> None:
    """A wrong setting ends with 78 and one line that has cause and remedy, and no secret."""
    _spoil(environ, tmp_path, change)
    assert commands.enroll(Options(), environ, force=False) == 78
    shown = capsys.readouterr()
    (line,) = shown.err.splitlines()
    assert line.startswith("mast-agent: ")
    assert line.endswith(f"[{slug}, exit 78]")
    assert CANARY not in shown.err + shown.out


@pytest.mark.parametrize(("change", "slug"), _WRONG)
def test_check_of_wrong_settings(
    *,
    environ: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    slug: str,
) -> None:
    """`check` ends with the code of the first, and goes on with what does not need it."""

    async def look(*_: object) -> NoReturn:
        raise Failure(causes.REFUSED, "nothing listens")

    monkeypatch.setattr(preflight, "_look", look)
    _spoil(environ, tmp_path, change)
    assert commands.check(Options(), environ) == 78
    shown = capsys.readouterr()
    first, *rest = shown.err.splitlines()
    assert first.endswith(f"[{slug}, exit 78]")
    # It can be asked where the URL is known, and is a good one.
    known = change.startswith(("MAST_BIN", "SECRET", "MAST_VAULT_KEY"))
    assert [line.rpartition(" [")[2] for line in rest] == ["refused, exit 69]"] * known
    assert ("release: " in shown.out) is not change.startswith("MAST_BIN")
    assert CANARY not in shown.err + shown.out


@pytest.mark.parametrize(("change", "slug"), _WRONG)
def test_wrong_settings_are_published(
    environ: dict[str, str], tmp_path: Path, change: str, slug: str
) -> None:
    """What was wrong is published, so that `status` can tell it to everybody."""
    _spoil(environ, tmp_path, change)
    commands.enroll(Options(), environ, force=False)
    found = published.load(tmp_path / "run")
    assert found is not None
    assert found.state == "failed"
    assert found.error is not None
    assert (found.error.cause, found.error.code) == (slug, 78)
    assert CANARY not in (tmp_path / "run" / published.FILE_NAME).read_text()


def test_runtime_directory_that_cannot_be_made(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A runtime directory that cannot be made ends with 77."""
    (tmp_path / "file").touch()
    environ["RUNTIME_DIRECTORY"] = str(tmp_path / "file" / "run")
    assert commands.enroll(Options(), environ, force=False) == 77
    assert "[runtime-denied, exit 77]" in capsys.readouterr().err


def test_check_whose_reader_went_away(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of `check` that has enough of it is not reported as a bug of the agent."""

    def gone(*_: object) -> NoReturn:
        raise BrokenPipeError

    monkeypatch.setattr(console, "say", gone)
    with pytest.raises(BrokenPipeError):
        commands.check(Options(), environ)


@pytest.mark.parametrize("command", ["enroll", "check"])
def test_bug(
    environ: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    """A bug ends with 1 and one line that says where it is, without a traceback's secrets."""

    def go_wrong(*_: object) -> NoReturn:
        raise ZeroDivisionError(f"with {CANARY}\nin it")

    monkeypatch.setattr(plan, "make", go_wrong)
    monkeypatch.setattr(release, "read", go_wrong)
    if command == "enroll":
        assert commands.enroll(Options(), environ, force=False) == 1
    else:
        assert commands.check(Options(), environ) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "ZeroDivisionError" in error
    assert "go_wrong:" in error
    assert "[bug, exit 1]" in error
    assert CANARY not in error


def _go_wrong(*_: object, **__: object) -> NoReturn:
    raise ZeroDivisionError(f"with {CANARY}\nin it")


@pytest.mark.parametrize("where", ["judge", "text", "load"])
def test_bug_in_status(
    environ: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    """A bug in `status` is "unknown", in one line: not 1, which is "failed", nor a traceback."""
    module = {"judge": status, "text": screen, "load": settings}[where]
    monkeypatch.setattr(module, where, _go_wrong)
    monkeypatch.setattr(units, "query", lambda *_, **__: {})
    environ["MAST_AGENT_ENV_FILE"] = "/nowhere"
    assert commands.status(Options(), environ, as_json=False, wait=False) == 4
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert line.startswith("mast-agent: status: ZeroDivisionError")
    assert line.endswith("[bug, exit 4]")
    assert CANARY not in line


def test_phase_of_a_bug_in_enroll(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug is published with the phase in which it happened."""

    def run(*_: object, reporter: Reporter, **__: object) -> NoReturn:
        reporter.enter(Phase.VERIFY, "asking")
        _go_wrong()

    monkeypatch.setattr(enrollment, "run", run)
    assert commands.enroll(Options(), environ, force=False) == 1
    found = published.load(tmp_path / "run")
    assert found is not None
    assert (found.state, found.phase) == ("failed", "verify")
    assert found.error is not None
    assert found.error.cause == "bug"


@pytest.mark.parametrize(
    ("module", "name", "phase"),
    [
        (release, "read", "release"),
        (preflight, "_look", "database"),
        (migrations, "require_complete", "migrations"),
    ],
)
def test_phase_of_a_bug_in_check(
    *,
    environ: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
    name: str,
    phase: str,
) -> None:
    """So is one in `check`."""

    async def look(*_: object) -> SimpleNamespace:
        return SimpleNamespace(applied=frozenset(), migrating=False, servers=())

    monkeypatch.setattr(units, "query", lambda *_, **__: {})
    monkeypatch.setattr(preflight, "_look", look)
    monkeypatch.setattr(module, name, _go_wrong)
    assert commands.check(Options(), environ) == 1
    assert capsys.readouterr().err.startswith(f"mast-agent: {phase}: ZeroDivisionError")


def test_phase_of_a_bug_in_access(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So is one in `access`."""
    monkeypatch.setattr(admission, "install", _go_wrong)
    assert commands.access(Options(), environ, revoke=False, unless_revoked=True) == 1
    assert "access: ZeroDivisionError" in capsys.readouterr().err


def test_bug_below_the_commands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no command catches is one line too, and says nothing that could be a secret."""
    monkeypatch.setattr(commands, "reset", _go_wrong)
    assert cli.execute(["reset"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError (in " in line
    assert CANARY not in line


def test_reset_without_a_reader(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is forgotten before anything is said of it."""
    files = [tmp_path / "state" / record.FILE_NAME, tmp_path / "run" / published.FILE_NAME]
    for path in files:
        path.parent.mkdir()
        path.touch()
    environ["MAST_AGENT_ACCESS_DIRECTORY"] = str(tmp_path / "access")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        with pytest.raises(BrokenPipeError):
            commands.reset(Options(), environ)
        assert [path.exists() for path in files] == [False, False]
        with contextlib.suppress(BrokenPipeError):
            closed.close()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signal_while_the_end_is_published(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signum: signal.Signals
) -> None:
    """A stop signal in the middle of publishing a failure counts once that is written whole."""
    rename = os.rename

    def struck(source: str, target: str, **directories: int) -> None:
        signal.raise_signal(signum)
        rename(source, target, **directories)

    monkeypatch.setattr(os, "rename", struck)
    _spoil(environ, tmp_path, "DATABASE_URL")
    with pytest.raises(Stopped) as caught:
        commands.enroll(Options(), environ, force=False)
    assert caught.value.signum == signum
    found = published.load(tmp_path / "run")
    assert found is not None
    assert found.state == "failed"
    assert [file.name for file in (tmp_path / "run").iterdir()] == [published.FILE_NAME]


def test_check_writes_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    """A check leaves no trace in state and runtime directory."""
    _spoil(environ, tmp_path, "DATABASE_URL")
    assert commands.check(Options(), environ) == 78
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "state").exists()


def test_bug_on_the_way_from_root(
    environ: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A bug while root becomes somebody else is one line too, and leaves nothing of root's."""

    def go_wrong(*_: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(service_user, "ask", go_wrong)
    assert commands.enroll(Options(), environ, force=False) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "[bug, exit 1]" in error
    assert not (tmp_path / "run").exists()


def test_reset_while_enrolling(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reset that must not be ends with its code and a line."""
    (tmp_path / "run" / "lock").mkdir(parents=True)  # cannot be opened for locking
    assert commands.reset(Options(), environ) == 77
    assert "[lock-denied, exit 77]" in capsys.readouterr().err
    assert os.listdir(tmp_path / "run") == ["lock"]  # noqa: PTH208 - names are what is compared
