"""The eval's own directory: this user's alone, whatever stands in its place."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest
from mast_agent.enroll import scratch
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from pathlib import Path


def make(runtime: Path) -> list[str]:
    """Make it, check that it is ours, and return the problems that were told."""
    problems: list[str] = []
    path = scratch.make(runtime, problems.append)
    found = path.lstat()
    assert path == runtime / "eval"
    assert stat.S_ISDIR(found.st_mode)
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (os.geteuid(), 0o700)
    return problems


def test_made_once(tmp_path: Path) -> None:
    """It is made where there is none, and what is in it stays."""
    assert make(tmp_path) == []
    (tmp_path / "eval" / "x").touch()
    assert make(tmp_path) == []
    assert (tmp_path / "eval" / "x").exists()


def test_modes_are_put_right(tmp_path: Path) -> None:
    """One of ours that has the wrong mode is private again."""
    (tmp_path / "eval").mkdir()
    (tmp_path / "eval").chmod(0o777)
    assert make(tmp_path) == []


@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
def test_what_is_no_directory_is_moved(tmp_path: Path, kind: str) -> None:
    """A link is not followed, and what it names is left alone."""
    (tmp_path / "elsewhere").mkdir()
    run = tmp_path / "run"
    run.mkdir()
    match kind:
        case "link":
            (run / "eval").symlink_to(tmp_path / "elsewhere")
        case "dangling":
            (run / "eval").symlink_to(tmp_path / "nowhere")
        case "file":
            (run / "eval").write_text("x")
    (problem,) = make(run)
    assert "moved to" in problem
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "elsewhere").stat().st_mode & 0o777 != 0o700
    assert make(run) == []


@pytest.mark.root
@pytest.mark.parametrize("full", [False, True])
def test_another_users_is_moved(tmp_path: Path, *, full: bool) -> None:
    """A directory that another user has left, with what is in it, is out of the way."""
    (tmp_path / "eval").mkdir()
    if full:
        (tmp_path / "eval" / "x").touch()
    os.chown(tmp_path / "eval", 12345, 12345)
    (problem,) = make(tmp_path)
    assert ("moved to" in problem) is full
    assert make(tmp_path) == []


@pytest.mark.root
@pytest.mark.parametrize("how", ["owner", "mode"])
def test_root_runs_no_eval_where_others_may_write(tmp_path: Path, how: str) -> None:
    """Root refuses a directory in which another user could exchange the eval's."""
    if how == "owner":
        os.chown(tmp_path, 12345, 12345)
    else:
        tmp_path.chmod(0o777)
    with pytest.raises(Failure) as caught:
        make(tmp_path)
    assert caught.value.cause is causes.RUNTIME_DENIED
    assert caught.value.code == Code.NOPERM
    assert "--user" in caught.value.remedy
    assert not (tmp_path / "eval").exists()


@pytest.mark.parametrize(("mounted", "command"), [(False, "rm -rf"), (True, "umount")])
def test_what_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, *, mounted: bool
) -> None:
    """What is in the way and stays there is 77, with the command that takes it away."""
    path = tmp_path / "eval dir"
    path.mkdir()
    (path / "eval").write_text("x")

    def busy(*_: object) -> str:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(scratch, "_clear", busy)
    monkeypatch.setattr(type(path), "is_mount", lambda _: mounted)
    with pytest.raises(Failure) as caught:
        scratch.make(path, lambda _: None)
    assert caught.value.cause is causes.RUNTIME_DENIED
    # It is quoted, so that it can be pasted.
    assert f"{command} '{path / 'eval'}'" in caught.value.remedy


def test_cannot_be_made(tmp_path: Path) -> None:
    """Without a runtime directory it is 77, which names the directory."""
    with pytest.raises(Failure) as caught:
        scratch.make(tmp_path / "nowhere", lambda _: None)
    assert caught.value.cause is causes.RUNTIME_DENIED
    assert str(tmp_path / "nowhere" / "eval") in caught.value.message
