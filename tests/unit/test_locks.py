"""The lock on this host."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from mast_agent.enroll import locks
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from pathlib import Path


def test_exclusive(tmp_path: Path) -> None:
    """A second holder is refused with 75 while there is a first, and not afterwards."""
    with locks.host_lock(tmp_path):
        with pytest.raises(Failure) as caught, locks.host_lock(tmp_path):
            pytest.fail("held twice")
        assert caught.value.cause is causes.LOCK_HELD
        assert caught.value.code == Code.TEMPFAIL
    with locks.host_lock(tmp_path):
        pass


def test_released_by_an_exception(tmp_path: Path) -> None:
    """The lock ends with its block, however that ends, and leaks no descriptor."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the same call on both sides
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), locks.host_lock(tmp_path):
            raise ZeroDivisionError
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


def test_private(tmp_path: Path) -> None:
    """Only its owner can open the file: whoever can open it can hold it."""
    with locks.host_lock(tmp_path):
        mode = stat.S_IMODE((tmp_path / locks.FILE_NAME).stat().st_mode)
    assert mode == 0o600


@pytest.mark.parametrize("obstacle", ["directory", "symlink", "nothing"])
def test_denied(tmp_path: Path, obstacle: str) -> None:
    """A lock file that cannot be opened, or is a link, ends with 77."""
    runtime = tmp_path / "run"
    if obstacle != "nothing":
        runtime.mkdir()
    if obstacle == "directory":
        (runtime / locks.FILE_NAME).mkdir()
    if obstacle == "symlink":
        (runtime / locks.FILE_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failure) as caught, locks.host_lock(runtime):
        pytest.fail("held")
    assert caught.value.cause is causes.LOCK_DENIED
    assert caught.value.code == Code.NOPERM
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.root
@pytest.mark.parametrize("kind", ["hard link", "symbolic link", "fifo"])
def test_root_gives_nobody_what_stands_there(tmp_path: Path, kind: str) -> None:
    """In a directory of the service's user, root neither gives away nor locks what it finds."""
    runtime, secret = tmp_path / "run", tmp_path / "secret"
    runtime.mkdir()
    secret.write_text("root's")
    secret.chmod(0o600)
    os.chown(runtime, 12345, 12346)
    lock = runtime / locks.FILE_NAME
    match kind:
        case "hard link":
            lock.hardlink_to(secret)
        case "symbolic link":
            lock.symlink_to(secret)
        case "fifo":
            os.mkfifo(lock)
    before = secret.stat()
    with pytest.raises(Failure) as caught, locks.host_lock(runtime):
        pytest.fail("held")
    assert caught.value.cause is causes.LOCK_DENIED
    assert caught.value.remedy.endswith(f"rm -rf {lock}")
    after = secret.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (0, 0, before.st_mode)


@pytest.mark.root
def test_root_s_lock_is_the_owner_s(tmp_path: Path) -> None:
    """A lock file that root makes can be opened by the owner of its directory."""
    os.chown(tmp_path, 12345, 12346)
    with locks.host_lock(tmp_path):
        found = (tmp_path / locks.FILE_NAME).stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 12346, 0o600)


def test_bodys_errors_pass(tmp_path: Path) -> None:
    """An error of what is done under the lock is not taken for the lock's."""
    with pytest.raises(BlockingIOError), locks.host_lock(tmp_path):
        raise BlockingIOError
