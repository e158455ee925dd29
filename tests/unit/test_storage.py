"""Small files that are whole or absent, and are never trusted."""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.host import storage
from mast_agent.host.storage import UnusableError
from mast_agent.report import published, record


def test_round_trip(tmp_path: Path) -> None:
    """What is written is read back the same, text of any kind included."""
    document = {"text": "é☃\u202e\n\0", "number": 1, "none": None, "list": [1.5, True]}
    storage.write(tmp_path / "x", document, mode=0o600, durable=True)
    assert storage.read(tmp_path / "x") == document


@pytest.mark.parametrize("mode", [0o600, 0o644])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_mode(tmp_path: Path, mode: int, umask: int) -> None:
    """The file has the mode that was asked for, whatever the umask is."""
    old = os.umask(umask)
    try:
        storage.write(tmp_path / "x", {}, mode=mode, durable=False)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode


def test_owner(tmp_path: Path) -> None:
    """The file belongs to the owner of its directory, also when root writes it."""
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, 12346)
    storage.write(tmp_path / "x", {}, mode=0o600, durable=True)
    written, directory = (tmp_path / "x").stat(), tmp_path.stat()
    assert (written.st_uid, written.st_gid) == (directory.st_uid, directory.st_gid)


@pytest.mark.root
def test_gives_away_only_what_it_has_made(tmp_path: Path) -> None:
    """A file with another name is not given to the owner of a directory, whoever opened it."""
    (tmp_path / "secret").write_text("root's")
    run = tmp_path / "run"
    run.mkdir()
    (run / "x").hardlink_to(tmp_path / "secret")
    os.chown(run, 12345, 12346)
    directory = os.open(run, os.O_RDONLY)
    fd = os.open(run / "x", os.O_RDWR)
    try:
        with pytest.raises(PermissionError):
            storage.give_to_owner(fd, directory)
        with pytest.raises(PermissionError):
            storage.give_to_owner(os.open("/dev/null", os.O_RDWR), directory)
    finally:
        os.close(fd)
        os.close(directory)
    assert (tmp_path / "secret").stat().st_uid == 0


def test_stays_in_the_directory_that_it_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory that is exchanged in the middle of a write gets nothing."""
    (tmp_path / "there").mkdir()
    (tmp_path / "elsewhere").mkdir()
    fchmod = os.fchmod

    def exchange(fd: int, mode: int) -> None:
        (tmp_path / "there").rename(tmp_path / "was there")
        (tmp_path / "there").symlink_to(tmp_path / "elsewhere")
        fchmod(fd, mode)

    monkeypatch.setattr(os, "fchmod", exchange)
    storage.write(tmp_path / "there" / "x", {}, mode=0o600, durable=True)
    assert [path.name for path in (tmp_path / "was there").iterdir()] == ["x"]
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.root
def test_makes_a_directory_for_a_user(tmp_path: Path) -> None:
    """What is missing is made for the user; an empty one of root's is handed over."""
    (tmp_path / "empty").mkdir(mode=0o755)
    for path in (tmp_path / "a" / "b", tmp_path / "empty"):
        storage.make_for(path, 12345, 12346, mode=0o700)
        found = path.stat()
        assert (found.st_uid, found.st_gid) == (12345, 12346)
        assert stat.S_IMODE(found.st_mode) == 0o700
    assert (tmp_path / "a").stat().st_uid == 0


@pytest.mark.root
def test_hands_nothing_else_over(tmp_path: Path) -> None:
    """A directory of root's with something in it stays root's, and so does another user's."""
    full, other = tmp_path / "full", tmp_path / "other"
    full.mkdir(mode=0o755)
    (full / "x").touch()
    other.mkdir(mode=0o755)
    os.chown(other, 54321, 54321)
    for path in (full, other):
        before = path.stat()
        storage.make_for(path, 12345, 12346, mode=0o700)
        after = path.stat()
        assert (after.st_uid, after.st_mode) == (before.st_uid, before.st_mode)


def test_replaces(tmp_path: Path) -> None:
    """A file is replaced as a whole: whoever has the old one open still reads that."""
    storage.write(tmp_path / "x", {"old": 1}, mode=0o600, durable=True)
    with (tmp_path / "x").open() as old:
        storage.write(tmp_path / "x", {"new": 2}, mode=0o600, durable=True)
        assert json.load(old) == {"old": 1}
    assert storage.read(tmp_path / "x") == {"new": 2}
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_replaces_a_link(tmp_path: Path) -> None:
    """A symbolic link in the file's place is replaced, and what it names is left alone."""
    (tmp_path / "victim").write_text("untouched")
    (tmp_path / "x").symlink_to(tmp_path / "victim")
    storage.write(tmp_path / "x", {"a": 1}, mode=0o600, durable=True)
    assert (tmp_path / "victim").read_text() == "untouched"
    assert storage.read(tmp_path / "x") == {"a": 1}


def test_failure_leaves_nothing(tmp_path: Path) -> None:
    """A write that fails leaves what was there and no temporary file."""
    (tmp_path / "x").mkdir()  # a file cannot be renamed over a directory
    with pytest.raises(OSError, match="directory"):
        storage.write(tmp_path / "x", {}, mode=0o600, durable=True)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


@pytest.mark.parametrize("durable", [True, False])
def test_order_of_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, durable: bool
) -> None:
    """A durable write syncs the file before the rename, and the directory after it."""
    calls: list[str] = []
    fsync, rename = os.fsync, os.rename

    def noted_fsync(fd: int) -> None:
        calls.append("directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file")
        fsync(fd)

    def noted_rename(source: str, target: str, **directories: int) -> None:
        calls.append("rename")
        assert json.loads((tmp_path / source).read_text()) == {"whole": "x" * 9000}
        rename(source, target, **directories)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "rename", noted_rename)
    storage.write(tmp_path / "x", {"whole": "x" * 9000}, mode=0o600, durable=durable)
    assert calls == (["file", "rename", "directory"] if durable else ["rename"])


def test_absent(tmp_path: Path) -> None:
    """No file is None, and a missing directory is no file."""
    assert storage.read(tmp_path / "x") is None
    assert storage.read(tmp_path / "nowhere" / "x") is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut-off"),
        pytest.param(b"[1]", id="list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"a": "\xff"}', id="bad-utf8"),
        pytest.param(b"[" * 60000, id="deeply-nested"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", id="huge-number"),
        pytest.param(b'{"a": "' + b"x" * storage.MAX_BYTES + b'"}', id="too-large"),
    ],
)
def test_unusable(tmp_path: Path, content: bytes) -> None:
    """Whatever is not a small JSON object is unusable."""
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UnusableError):
        storage.read(tmp_path / "x")


def test_special_files(tmp_path: Path) -> None:
    """Links, FIFOs, devices and directories are unusable, at once and without a leak."""
    storage.write(tmp_path / "good", {"a": 1}, mode=0o600, durable=False)
    (tmp_path / "link").symlink_to(tmp_path / "good")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("link", "dangling", "directory", "fifo", "/dev/null"):
        with pytest.raises(UnusableError):
            storage.read(tmp_path / name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_socket(tmp_path: Path) -> None:
    """A socket in the file's place cannot be read, which is an OSError."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "x"))
        with pytest.raises(OSError, match="No such device"):
            storage.read(tmp_path / "x")


def test_set_aside(tmp_path: Path) -> None:
    """What is set aside is kept under another name, and replaces what was set aside before."""
    for content in ("first", "second"):
        (tmp_path / "x").write_text(content)
        assert storage.set_aside(tmp_path / "x") == tmp_path / "x.unusable"
        assert not (tmp_path / "x").exists()
        assert (tmp_path / "x.unusable").read_text() == content
    assert storage.set_aside(tmp_path / "x") is None


_JSON = st.sampled_from(
    [
        *(None, True, 0, -1, 1.5, float("inf"), float("nan"), 10**400, "", "1", "é\ud800"),
        *([], [1], {}, {"id": "x"}, {"id": "x", "name": []}, {"applied": 1, "total": "2"}),
        {"applied": 1, "total": float("inf")},
        {"cause": "a", "message": "b", "remedy": "c", "code": 1},
        {"cause": "a", "message": "b", "remedy": "c", "code": 1e400},
        {"system_identifier": None, "name": "x"},
    ]
)
# A record and a published status in one, of which some parts are replaced or damaged.
_GOOD: dict[str, object] = {
    "version": 1,
    "server": {"id": "x", "name": "web1"},
    "machine": "0" * 32,
    "database": {"system_identifier": "1", "name": "mast"},
    "enrolled_at": "2026-01-02T03:04:05+00:00",
    "state": "waiting",
    "phase": "database",
    "message": "x",
    "since": "2026-01-02T03:04:05+00:00",
    "attempts": 3,
    "next_retry_at": None,
    "gives_up_at": None,
    "error": {"cause": "a", "message": "b", "remedy": "c", "code": 69},
    "migrations": {"applied": 1, "total": 2},
    "updated_at": "2026-01-02T03:04:05+00:00",
    "pid": 1,
    "started": 1,
}
_DOCUMENTS = st.dictionaries(st.sampled_from(sorted(_GOOD)), _JSON, max_size=2).map(
    lambda replaced: json.dumps(_GOOD | replaced).encode()
)


@given(content=st.one_of(st.binary(max_size=200), _DOCUMENTS, _DOCUMENTS.map(lambda c: c[:-9])))
def test_any_content(content: bytes) -> None:
    """Record and published status are read or refused as unusable, whatever bytes are there."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / record.FILE_NAME).write_bytes(content)
        (directory / published.FILE_NAME).write_bytes(content)
        assert _type_of_record(directory) in (record.Record, UnusableError)
        assert _type_of_published(directory) in (published.Published, UnusableError)


def _type_of_record(directory: Path) -> type:
    try:
        return type(record.load(directory))
    except UnusableError as error:
        return type(error)


def _type_of_published(directory: Path) -> type:
    try:
        found = published.load(directory)
    except UnusableError as error:
        return type(error)
    assert found is not None
    assert found.is_alive() in (True, False)
    return type(found)


@pytest.mark.root
def test_without_root_nothing_is_given_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who writes into a directory of somebody else's keeps the file, and is not refused."""
    os.chown(tmp_path, 12345, 12346)
    given: list[int] = []
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    monkeypatch.setattr(os, "fchown", lambda fd, *_: given.append(fd))
    storage.write(tmp_path / "x", {}, mode=0o600, durable=False)
    assert (tmp_path / "x").exists()
    assert given == []
