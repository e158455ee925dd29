"""`mast-agent reset`: what it removes, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mast_agent.access import authorized_keys, revocation, sshd_config
from mast_agent.commands import forget
from mast_agent.enroll import locks
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.report import published, record
from unit import builders

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _sshd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no sshd to ask."""
    monkeypatch.setattr(sshd_config, "key_files", lambda _: None)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Make a state directory with a record and one that was set aside."""
    directory = tmp_path / "state"
    directory.mkdir()
    record.save(directory, builders.record())
    (directory / f"{record.FILE_NAME}.unusable").write_text("broken")
    (directory / "unrelated").touch()
    return directory


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """Make a runtime directory with a published status."""
    directory = tmp_path / "run"
    directory.mkdir()
    published.save(directory, builders.published("enrolled"))
    return directory


@pytest.fixture
def access(tmp_path: Path) -> Path:
    """Make a directory with an installed key."""
    directory = tmp_path / "access"
    authorized_keys.install(directory, "mast-managed", "a key\n")
    return directory


def test_removes(state: Path, runtime: Path, access: Path) -> None:
    """Key, record and published status are removed, each named, and nothing else is touched."""
    lines = list(forget.run(state, runtime, access))
    assert len(lines) == 4
    assert lines[0] == f"removed {access / 'mast-managed'}"
    assert lines[1] == f"removed {state / record.FILE_NAME}"
    assert not access.exists()
    assert [path.name for path in state.iterdir()] == ["unrelated"]
    assert not (runtime / published.FILE_NAME).exists()


def test_again(state: Path, runtime: Path, access: Path) -> None:
    """A second time there is nothing to forget, and that is no failure."""
    list(forget.run(state, runtime, access))
    assert list(forget.run(state, runtime, access)) == ["nothing to forget"]


def test_no_directories(tmp_path: Path) -> None:
    """Where the agent has never run there is nothing to forget, and nothing is made."""
    assert list(forget.run(tmp_path / "a", tmp_path / "b", tmp_path / "c")) == ["nothing to forget"]
    assert list(tmp_path.iterdir()) == []


def test_while_enrolling(state: Path, runtime: Path, access: Path) -> None:
    """While an enroll holds the lock nothing is removed: 75."""
    with locks.host_lock(runtime), pytest.raises(Failure) as caught:
        list(forget.run(state, runtime, access))
    assert (access / "mast-managed").exists()
    assert caught.value.cause is causes.LOCK_HELD
    assert caught.value.code == Code.TEMPFAIL
    assert (state / record.FILE_NAME).exists()


def test_denied(tmp_path: Path, runtime: Path) -> None:
    """What cannot be removed ends with 77 and its path."""
    (tmp_path / "state" / record.FILE_NAME).mkdir(parents=True)  # no unlink() for a directory
    with pytest.raises(Failure) as caught:
        list(forget.run(tmp_path / "state", runtime, tmp_path / "access"))
    assert caught.value.cause is causes.RESET_DENIED
    assert caught.value.code == Code.NOPERM
    assert str(tmp_path / "state" / record.FILE_NAME) in caught.value.message


def test_key_that_may_not_be_removed(
    state: Path, runtime: Path, access: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that stays is a failed reset, with reset's own remedy; the record stays too."""
    denied = [(access / "mast-managed", PermissionError(13, "Permission denied"))]
    monkeypatch.setattr(authorized_keys, "remove", lambda _: ([], denied))
    with pytest.raises(Failure) as caught:
        list(forget.run(state, runtime, access))
    assert caught.value.cause is causes.RESET_DENIED
    assert "sudo mast-agent reset" in caught.value.remedy
    assert (state / record.FILE_NAME).exists()


def test_revocation_stays(state: Path, runtime: Path, access: Path) -> None:
    """A door that was closed by hand is not opened by forgetting; that it stays closed is said."""
    assert revocation.leave(access) is None
    *_, last = forget.run(state, runtime, access)
    assert last.startswith("Mast's access stays revoked on ")
    assert "sudo mast-agent access" in last
    assert revocation.find(access) is not None
