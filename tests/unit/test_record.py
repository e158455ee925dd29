"""The record: a cache that is bound to machine and database, and is never believed."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from mast_agent.host.storage import UnusableError
from mast_agent.report import record
from mast_agent.report.record import Key
from unit import builders

if TYPE_CHECKING:
    from pathlib import Path

    from mast_agent.report.record import Record


@pytest.mark.parametrize(
    "saved",
    [
        pytest.param(builders.record(), id="plain"),
        pytest.param(builders.record(machine=None), id="no-machine-id"),
        pytest.param(
            builders.record(database=builders.identity(system_identifier=None)), id="no-identity"
        ),
        pytest.param(builders.record(server_name="wéb ☃\n"), id="odd-name"),
        pytest.param(builders.record(key=Key(id="k", public="ssh-ed25519 A")), id="key"),
        pytest.param(builders.record(key=Key(id=None, public=None)), id="key-not-told"),
    ],
)
def test_round_trip(tmp_path: Path, saved: Record) -> None:
    """What is recorded is read back the same, and is for its owner's eyes alone."""
    record.save(tmp_path, saved)
    assert record.load(tmp_path) == saved
    assert stat.S_IMODE((tmp_path / record.FILE_NAME).stat().st_mode) == 0o600


def test_absent(tmp_path: Path) -> None:
    """No record is None."""
    assert record.load(tmp_path) is None


def _document(tmp_path: Path) -> dict[str, Any]:
    record.save(tmp_path, builders.record())
    document: dict[str, Any] = json.loads((tmp_path / record.FILE_NAME).read_text())
    return document


def test_record_from_before_keys(tmp_path: Path) -> None:
    """A record of an agent that knew no keys is read, as one without."""
    document = _document(tmp_path)
    del document["key"]
    (tmp_path / record.FILE_NAME).write_text(json.dumps(document))
    assert record.load(tmp_path) == builders.record()


@pytest.mark.parametrize("key", [7, "text", [], {}, {"id": 7, "public": None}, {"id": None}])
def test_damaged_key(tmp_path: Path, key: object) -> None:
    """A key that is of another form makes the record unusable."""
    document = _document(tmp_path) | {"key": key}
    (tmp_path / record.FILE_NAME).write_text(json.dumps(document))
    with pytest.raises(UnusableError):
        record.load(tmp_path)


@pytest.mark.parametrize("key", ["version", "server", "machine", "database", "enrolled_at"])
@pytest.mark.parametrize("value", [None, 7, [], {}, "absent"])
def test_damaged(tmp_path: Path, key: str, value: object) -> None:
    """A record that lacks a part, or has one of another type, is unusable."""
    document = _document(tmp_path)
    if value == "absent":
        del document[key]
    else:
        document[key] = value
    (tmp_path / record.FILE_NAME).write_text(json.dumps(document))
    if key == "machine" and value is None:
        assert record.load(tmp_path) == builders.record(machine=None)
        return
    with pytest.raises(UnusableError):
        record.load(tmp_path)


def test_of_a_later_version(tmp_path: Path) -> None:
    """A record of a later agent is not guessed at."""
    document = _document(tmp_path) | {"version": 2}
    (tmp_path / record.FILE_NAME).write_text(json.dumps(document))
    with pytest.raises(UnusableError, match="version"):
        record.load(tmp_path)


def test_is_about() -> None:
    """A record holds for the machine and the database that it was written for, and only there."""
    kept, here = builders.record(), builders.identity()
    assert kept.is_about(kept.machine, here)
    assert not kept.is_about("f" * 32, here)
    assert not kept.is_about(kept.machine, builders.identity(name="other"))
    assert not kept.is_about(kept.machine, builders.identity(system_identifier="1"))


def test_unknown_is_not_equal() -> None:
    """Two machines without an id are not the same, nor are two clusters that do not tell theirs."""
    nobody, nowhere = builders.record(machine=None), builders.identity(system_identifier=None)
    assert not nobody.is_about(None, nobody.database)
    assert not builders.record(database=nowhere).is_about(builders.record().machine, nowhere)


def test_load_or_report(tmp_path: Path) -> None:
    """A usable record is returned and nothing is complained of."""
    problems: list[str] = []
    record.save(tmp_path, builders.record())
    assert record.load_or_report(tmp_path, problems.append) == builders.record()
    assert problems == []


def test_load_or_report_sets_aside(tmp_path: Path) -> None:
    """An unusable record counts as absent, and is kept under another name for a look."""
    problems: list[str] = []
    (tmp_path / record.FILE_NAME).write_text("{broken")
    assert record.load_or_report(tmp_path, problems.append) is None
    assert (tmp_path / f"{record.FILE_NAME}.unusable").read_text() == "{broken"
    assert len(problems) == 1
    assert str(tmp_path / f"{record.FILE_NAME}.unusable") in problems[0]


def test_save_changed(tmp_path: Path) -> None:
    """A new enrollment is written, in a private directory that is made when it is not there."""
    problems: list[str] = []
    directory = tmp_path / "a" / "state"
    assert record.save_changed(directory, builders.record(), None, problems.append) is not None
    assert record.load(directory) == builders.record()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert problems == []


def test_save_changed_only_news(tmp_path: Path) -> None:
    """The same enrollment is not written again, and keeps the time since when it holds."""
    old = builders.record()
    record.save(tmp_path, old)
    before = (tmp_path / record.FILE_NAME).stat().st_ino
    again = replace(old, enrolled_at="2027-01-01T00:00:00+00:00")
    assert record.save_changed(tmp_path, again, old, pytest.fail) == old
    assert (tmp_path / record.FILE_NAME).stat().st_ino == before
    moved = replace(again, server_name="web2")
    assert record.save_changed(tmp_path, moved, old, pytest.fail) == moved
    assert record.load(tmp_path) == moved


def test_save_changed_without_a_place(tmp_path: Path) -> None:
    """A record that cannot be written is a complaint and no failure."""
    problems: list[str] = []
    (tmp_path / "file").touch()
    kept = record.save_changed(
        tmp_path / "file" / "state", builders.record(), None, problems.append
    )
    assert kept is None
    assert len(problems) == 1


def test_load_or_report_without_the_right(tmp_path: Path) -> None:
    """A record that cannot be read is a complaint, and is left where it is."""
    problems: list[str] = []
    (tmp_path / "state").symlink_to(tmp_path / "state")  # ELOOP holds for root too
    assert record.load_or_report(tmp_path / "state", problems.append) is None
    assert len(problems) == 1
    assert os.path.lexists(tmp_path / "state")
