"""The mark of a revocation: it lasts, it fails closed, and it goes when access is asked for."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from mast_agent.access import authorized_keys, revocation
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory of the keys, not made yet."""
    return tmp_path / "keys"


def test_from_leaving_to_taking_away(directory: Path) -> None:
    """The mark says when; leaving it again keeps the date; allowing takes it away."""
    assert revocation.find(directory) is None
    assert revocation.leave(directory) is None
    found = revocation.find(directory)
    assert found is not None
    assert found.at is not None
    assert str(found) == f"revoked on {found.at}; to allow it again: sudo mast-agent access"
    mark = directory / authorized_keys.MARK
    assert mark.stat().st_mode & 0o777 == 0o644, "for status, whoever asks"
    before = mark.stat()
    assert revocation.leave(directory) is None
    assert mark.stat() == before
    revocation.allow(directory)
    assert revocation.find(directory) is None
    revocation.allow(directory)


@pytest.mark.parametrize(
    "put",
    [
        pytest.param(lambda path: path.write_text(""), id="empty"),
        pytest.param(lambda path: path.write_text("[]"), id="list"),
        pytest.param(lambda path: path.write_text('{"revoked_at": 7}'), id="number"),
        pytest.param(lambda path: path.write_text('{"revoked_at": "; rm -rf /"}'), id="text"),
        pytest.param(lambda path: path.write_text('{"revoked_at": "%s"}' % ("9" * 99)), id="long"),
        pytest.param(lambda path: path.symlink_to("nowhere"), id="dangling link"),
        pytest.param(os.mkfifo, id="FIFO"),
        pytest.param(lambda path: path.mkdir(), id="directory"),
    ],
)
def test_damaged_mark_counts(directory: Path, put: Callable[[Path], object]) -> None:
    """What cannot be understood keeps the door closed, and is never quoted."""
    directory.mkdir()
    put(directory / authorized_keys.MARK)
    found = revocation.find(directory)
    assert found is not None
    assert str(found) == "revoked; to allow it again: sudo mast-agent access"


def test_mark_that_cannot_be_looked_for(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who cannot tell whether there is one does not take it for none."""

    def deny(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(type(directory), "lstat", deny)
    with pytest.raises(Failure) as caught:
        revocation.find(directory)
    assert caught.value.cause is causes.ACCESS_DENIED


def test_nowhere_to_leave_it(directory: Path) -> None:
    """A file in the directory's place is named: the next run of the unit is not kept from it."""
    directory.write_text("")
    failure = revocation.leave(directory)
    assert failure is not None
    assert (failure.cause, failure.code) == (causes.ACCESS_PATH_FOREIGN, Code.CONFIG)
    assert failure.remedy == (
        f"See who put it there, and move it away: mv -T {directory} {directory}.foreign; "
        "then: sudo mast-agent access --revoke"
    )


@pytest.mark.parametrize(
    ("uid", "number", "remedy"),
    [
        (1000, errno.EACCES, "Run it as root: AGAIN"),
        (0, errno.EPERM, "Take the file's protection away (chattr -i), then: AGAIN"),
        (0, errno.EROFS, "Make the file system writable (mount -o remount,rw), then: AGAIN"),
        (0, errno.EBUSY, "Unmount what is mounted there (findmnt), then: AGAIN"),
        (0, errno.EIO, "Remove it by hand, then: AGAIN"),
    ],
)
def test_remedy(
    directory: Path, monkeypatch: pytest.MonkeyPatch, uid: int, number: int, remedy: str
) -> None:
    """Root is not told to become root, and the command to repeat is the one that was run."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    failure = revocation.denied([(directory, OSError(number, os.strerror(number)))], "AGAIN")
    assert (failure.cause, failure.code) == (causes.ACCESS_DENIED, Code.NOPERM)
    assert failure.remedy == remedy
    assert os.strerror(number) in failure.message
