"""The environment file: how it is opened, and which reading of it holds on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from mast_agent.config import envfile
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.host import service_manager

if TYPE_CHECKING:
    from pathlib import Path

    from mast_agent.failures.cause import Cause


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(b"A=1\nB='zq7canary\n", "line 2", id="quote-open"),
        pytest.param(b"A=1\n\nC=zq7canary\xff\n", "line 3", id="not-utf8"),
        pytest.param(b"A=zq7canary\0", "line 1", id="nul"),
        pytest.param(b"A=1\n# zq7canary\0", "line 2", id="nul-in-a-comment"),
        pytest.param(b"\xef\xbb\xbfA=zq7canary\n", "byte order mark", id="byte-order-mark"),
        pytest.param("A=zq7canary\ufffe\n".encode(), "no character", id="noncharacter"),
        pytest.param(b"export A=zq7canary\n", "'export'", id="export"),
        pytest.param(b"A=zq7canary\n" + b"#" * envfile.MAX_BYTES, "larger", id="too-large"),
    ],
)
def test_malformed_file(tmp_path: Path, content: bytes, line: str) -> None:
    """A malformed file ends with 78, names file and line, and shows no value."""
    path = tmp_path / "mast.env"
    path.write_bytes(content)
    failure = _refusal(path, causes.ENV_FILE_MALFORMED)
    assert str(path) in failure.message
    assert line in failure.message
    assert "zq7canary" not in str(failure)


def _refusal(path: Path, cause: Cause) -> Failure:
    with pytest.raises(Failure) as caught:
        envfile.read(path)
    assert caught.value.cause is cause
    assert caught.value.code == Code.CONFIG
    return caught.value


def test_read(tmp_path: Path) -> None:
    """A file is read, also through a symbolic link, which an operator may have made."""
    (tmp_path / "real").write_bytes("A='é'\n".encode())
    (tmp_path / "mast.env").symlink_to(tmp_path / "real")
    assert envfile.read(tmp_path / "mast.env") == {"A": "é"}


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is a cause of its own, and so is a link that leads nowhere."""
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    assert "nothing" in _refusal(tmp_path / "nothing", causes.ENV_FILE_MISSING).message
    _refusal(tmp_path / "dangling", causes.ENV_FILE_MISSING)


def test_unreadable_file(tmp_path: Path) -> None:
    """A file that cannot be opened ends with the command that makes it readable."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")  # ELOOP holds for root too
    failure = _refusal(tmp_path / "loop", causes.ENV_FILE_UNREADABLE)
    assert f"chmod 0640 {tmp_path / 'loop'}" in failure.remedy


def test_directory(tmp_path: Path) -> None:
    """A directory is refused as such."""
    assert "regular file" in _refusal(tmp_path, causes.ENV_FILE_MALFORMED).message


def test_fifo(tmp_path: Path) -> None:
    """A FIFO that nobody writes to is refused at once."""
    os.mkfifo(tmp_path / "fifo")
    _refusal(tmp_path / "fifo", causes.ENV_FILE_MALFORMED)


_AMBIGUOUS = b"A=1\n# zq7canary \\\nB=2\n"


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({252}, {"A": "1"}),
        ({253}, {"A": "1"}),
        ({254}, {"A": "1", "B": "2"}),
        ({257}, {"A": "1", "B": "2"}),
        ({252, 253}, {"A": "1"}),
    ],
)
def test_the_systemd_at_hand(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    versions: set[int],
    expected: dict[str, str],
) -> None:
    """A comment that ends in a backslash is read as the installed systemd reads it."""
    monkeypatch.setattr(service_manager, "versions", lambda: frozenset(versions))
    (tmp_path / "mast.env").write_bytes(_AMBIGUOUS)
    assert envfile.read(tmp_path / "mast.env") == expected


@pytest.mark.parametrize("versions", [set(), {252, 257}])
def test_a_systemd_that_cannot_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versions: set[int]
) -> None:
    """Where it cannot be told, such a comment is refused with its line and what to do."""
    monkeypatch.setattr(service_manager, "versions", lambda: frozenset(versions))
    (tmp_path / "mast.env").write_bytes(_AMBIGUOUS)
    failure = _refusal(tmp_path / "mast.env", causes.ENV_FILE_MALFORMED)
    assert "line 2" in failure.message
    assert "Take the backslash away" in failure.message
    assert "zq7canary" not in str(failure)


@pytest.mark.parametrize(
    "content",
    [b"# c \\\n# d\nA=1\n", b"# c \\\n\nA=1\n", b"# c \\\r\nA=1\n", b"A=1\n# c \\"],
)
def test_a_comment_that_makes_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    """It is refused only where the two readings differ."""
    monkeypatch.setattr(service_manager, "versions", frozenset)
    (tmp_path / "mast.env").write_bytes(content)
    assert envfile.read(tmp_path / "mast.env") == {"A": "1"}


def test_systemd_is_looked_for_only_where_it_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without such a comment costs no look at the machine."""
    monkeypatch.setattr(service_manager, "versions", lambda: pytest.fail("asked"))
    (tmp_path / "mast.env").write_bytes(b"# c \\x\nA=1\n")
    assert envfile.read(tmp_path / "mast.env") == {"A": "1"}
