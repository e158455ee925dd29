"""The file that sshd reads: ours and whole, or left alone; and gone when it is to be gone."""

from __future__ import annotations

import datetime as dt
import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest
from mast_agent.access import authorized_keys
from mast_agent.access.authorized_keys import ForeignPathError
from unit.builders import PUBLIC_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

USER = "mast-managed"
SOURCES = ("127.0.0.1", "::1")
LINE = authorized_keys.line(PUBLIC_KEY, SOURCES)
OTHER = authorized_keys.line(PUBLIC_KEY[:-1] + "A", SOURCES)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory, not made yet."""
    return tmp_path / "keys"


def test_line() -> None:
    """The line restricts what the key can do, and from where it is good."""
    assert f'restrict,from="127.0.0.1,::1" {PUBLIC_KEY}\n' == LINE


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_install(directory: Path, umask: int) -> None:
    """The key is all that is in the file, which sshd and everybody else may only read."""
    old = os.umask(umask)
    try:
        assert authorized_keys.install(directory, USER, LINE)
    finally:
        os.umask(old)
    assert (directory / USER).read_text() == LINE
    assert stat.S_IMODE((directory / USER).stat().st_mode) == 0o644
    assert stat.S_IMODE(directory.stat().st_mode) == 0o755
    assert [path.name for path in directory.iterdir()] == [USER]
    assert authorized_keys.read(directory, USER) == LINE


def test_idempotent(directory: Path) -> None:
    """Installing the same key again changes nothing, not even the file."""
    authorized_keys.install(directory, USER, LINE)
    before = (directory / USER).stat()
    assert not authorized_keys.install(directory, USER, LINE)
    after = (directory / USER).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_new_key_replaces_the_old(directory: Path) -> None:
    """Of two keys it is the later one that is in the file, alone."""
    authorized_keys.install(directory, USER, OTHER)
    assert authorized_keys.install(directory, USER, LINE)
    assert (directory / USER).read_text() == LINE


def test_mode_is_mended(directory: Path) -> None:
    """A file with the right content that sshd cannot read is written anew."""
    authorized_keys.install(directory, USER, LINE)
    (directory / USER).chmod(0o600)
    assert authorized_keys.install(directory, USER, LINE)
    assert stat.S_IMODE((directory / USER).stat().st_mode) == 0o644


def test_former_user_is_shut_out(directory: Path) -> None:
    """When the user changes, the file of the former one does not stay behind."""
    authorized_keys.install(directory, "former", LINE)
    assert authorized_keys.install(directory, USER, LINE)
    assert [path.name for path in directory.iterdir()] == [USER]


def _link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "victim")


def _hard_link(path: Path) -> None:
    path.hardlink_to(path.parent.parent / "victim")


def _open(path: Path) -> None:
    path.write_text(OTHER)
    path.chmod(0o666)


def _foreign(path: Path) -> None:
    path.write_text(OTHER)
    os.chown(path, 12345, 12345)


IN_THE_WAY = [
    pytest.param(_link, id="symbolic link"),
    pytest.param(_hard_link, id="hard link"),
    pytest.param(lambda path: path.mkdir(), id="directory"),
    pytest.param(os.mkfifo, id="FIFO"),
    pytest.param(_open, id="writable by others"),
    pytest.param(_foreign, id="somebody else's", marks=pytest.mark.root),
]


@pytest.mark.parametrize("put", IN_THE_WAY)
def test_what_is_in_the_way_is_left_alone(directory: Path, put: Callable[[Path], None]) -> None:
    """What stands in the file's place and is not ours is named, and nothing is written."""
    (directory.parent / "victim").write_text("untouched")
    directory.mkdir(mode=0o755)
    put(directory / USER)
    before = (directory / USER).lstat()
    with pytest.raises(ForeignPathError, match=str(directory / USER)):
        authorized_keys.install(directory, USER, LINE)
    assert (directory / USER).lstat() == before
    assert (directory.parent / "victim").read_text() == "untouched"
    assert [path.name for path in directory.iterdir()] == [USER]


def test_directory_that_is_a_link(directory: Path) -> None:
    """A link in place of the directory is not followed."""
    (directory.parent / "elsewhere").mkdir()
    directory.symlink_to(directory.parent / "elsewhere")
    with pytest.raises(ForeignPathError, match="not a directory"):
        authorized_keys.install(directory, USER, LINE)
    assert list((directory.parent / "elsewhere").iterdir()) == []


def test_directory_that_others_may_write(directory: Path) -> None:
    """A directory into which others can put files, which sshd refuses too, is not used."""
    directory.mkdir()
    directory.chmod(0o777)
    with pytest.raises(ForeignPathError, match="written by others"):
        authorized_keys.install(directory, USER, LINE)
    assert list(directory.iterdir()) == []


@pytest.mark.root
def test_somebody_elses_directory(directory: Path) -> None:
    """A directory of another user is not used."""
    directory.mkdir()
    os.chown(directory, 12345, 12345)
    with pytest.raises(ForeignPathError, match="belongs to the user 12345"):
        authorized_keys.install(directory, USER, LINE)


@pytest.mark.root
def test_somebody_else_before_roots_directory(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that is root's, as it should be, is not called foreign: one has to be root."""
    authorized_keys.install(directory, USER, LINE)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PermissionError):
        authorized_keys.install(directory, USER, OTHER)
    assert (directory / USER).read_text() == LINE


def test_remove(directory: Path) -> None:
    """Every key is taken away, and the directory with them."""
    authorized_keys.install(directory, USER, LINE)
    (directory / "left.behind").write_text(OTHER)
    gone = [directory / "left.behind", directory / USER]
    assert authorized_keys.remove(directory) == (gone, [])
    assert not directory.exists()
    assert authorized_keys.remove(directory) == ([], [])


@pytest.mark.parametrize("put", [each for each in IN_THE_WAY if each.id != "directory"])
def test_remove_takes_away_what_is_foreign_too(
    directory: Path, put: Callable[[Path], None]
) -> None:
    """A door is closed whoever opened it; what a link names is left alone."""
    (directory.parent / "victim").write_text("untouched")
    directory.mkdir()
    put(directory / USER)
    assert authorized_keys.remove(directory) == ([directory / USER], [])
    assert (directory.parent / "victim").read_text() == "untouched"


@pytest.mark.parametrize("target", ["elsewhere", "nowhere", "keys"])
def test_link_in_the_directorys_place_is_removed(directory: Path, target: str) -> None:
    """Sshd would follow it: the link goes, and what it leads to is left alone."""
    elsewhere = directory.parent / "elsewhere"
    authorized_keys.install(elsewhere, USER, LINE)
    directory.symlink_to(directory.parent / target)
    assert authorized_keys.remove(directory) == ([directory], [])
    assert not os.path.lexists(directory)
    assert (elsewhere / USER).exists()


def test_link_above_the_directory_is_followed(directory: Path) -> None:
    """Where a parent is a link, sshd follows it and so does this."""
    authorized_keys.install(directory, USER, LINE)
    (directory.parent / "link").symlink_to(directory.parent)
    below = directory.parent / "link" / directory.name
    assert authorized_keys.remove(below) == ([below / USER], [])
    assert not directory.exists()


def test_file_in_the_directorys_place(directory: Path) -> None:
    """Below a file sshd finds nothing, and there is nothing to take away."""
    directory.write_text(LINE)
    assert authorized_keys.remove(directory) == ([], [])
    assert authorized_keys.remove(directory / "below") == ([], [])


def test_what_cannot_be_removed_is_told(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that stays keeps no other from being taken away, and is named with the reason."""
    authorized_keys.install(directory, USER, LINE)
    for name in ("a", "b"):
        (directory / name).write_text(OTHER)
    unlink = type(directory).unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:  # noqa: FBT001, FBT002 - pathlib's
        if path.name == "b":
            raise OSError(errno.EPERM, "Operation not permitted")
        unlink(path, missing_ok)

    monkeypatch.setattr(type(directory), "unlink", refuse)
    gone, ((path, error),) = authorized_keys.remove(directory)
    assert gone == [directory / "a", directory / USER]
    assert (path, error.errno) == (directory / "b", errno.EPERM)


def test_directory_that_cannot_be_read(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be looked into is not taken for empty."""
    directory.mkdir()

    def deny(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(type(directory), "iterdir", deny)
    gone, ((path, error),) = authorized_keys.remove(directory)
    assert (gone, path, error.errno) == ([], directory, errno.EACCES)


def test_mark_stays(directory: Path) -> None:
    """The mark of a revocation is no key: neither installing nor removing touches it."""
    directory.mkdir()
    (directory / authorized_keys.MARK).write_text("{}")
    authorized_keys.install(directory, USER, LINE)
    assert authorized_keys.remove(directory) == ([directory / USER], [])
    assert [path.name for path in directory.iterdir()] == [authorized_keys.MARK]


def test_read(directory: Path) -> None:
    """What is installed is read without waiting and without following; nothing is None."""
    assert authorized_keys.read(directory, USER) is None
    directory.mkdir()
    assert authorized_keys.read(directory, USER) is None
    os.mkfifo(directory / USER)
    with pytest.raises(ForeignPathError):
        authorized_keys.read(directory, USER)
    (directory / USER).unlink()
    _link(directory / USER)
    with pytest.raises(ForeignPathError):
        authorized_keys.read(directory, USER)


EXPIRES = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
TRIAL = authorized_keys.trial_line(PUBLIC_KEY[:-1] + "B", SOURCES, EXPIRES)


def test_trial_line() -> None:
    """The key of a trial is restricted as Mast's is, and expires by itself."""
    assert TRIAL.startswith(
        'restrict,from="127.0.0.1,::1",expiry-time="20260102030405Z" ssh-ed25519 '
    )
    assert TRIAL.endswith(" mast-agent-trial\n")


def test_beside(directory: Path) -> None:
    """A trial's key stands beside Mast's while the block runs, and nobody takes it for Mast's."""
    authorized_keys.install(directory, USER, LINE)
    with authorized_keys.beside(directory, USER, TRIAL):
        assert (directory / USER).read_text() == LINE + TRIAL
        assert stat.S_IMODE((directory / USER).stat().st_mode) == 0o644
        assert authorized_keys.read(directory, USER) == LINE
    assert (directory / USER).read_text() == LINE


def test_what_a_trial_left_is_taken_away(directory: Path) -> None:
    """Its line goes, Mast's stays; what is no file of ours is left alone."""
    assert not authorized_keys.remove_trials(directory)
    authorized_keys.install(directory, USER, LINE)
    assert not authorized_keys.remove_trials(directory)
    (directory / USER).write_text(TRIAL + LINE + TRIAL)
    (directory / f".{USER}.0123abcd").write_text(LINE)
    (directory / "link").symlink_to(directory / USER)
    (directory / "directory").mkdir()
    assert authorized_keys.remove_trials(directory)
    assert (directory / USER).read_text() == LINE
    assert {path.name for path in directory.iterdir()} == {USER, "link", "directory"}
    assert not authorized_keys.remove_trials(directory)


def test_installing_takes_a_trial_away(directory: Path) -> None:
    """What is installed is Mast's key alone."""
    authorized_keys.install(directory, USER, LINE)
    (directory / USER).write_text(LINE + TRIAL)
    authorized_keys.install(directory, USER, LINE)
    authorized_keys.remove_trials(directory)
    assert (directory / USER).read_text() == LINE
