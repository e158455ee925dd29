"""The lock on this host."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest
from mast_agent import causes, locks
from mast_agent.failure import Code, Failure

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
