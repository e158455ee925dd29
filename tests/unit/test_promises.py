"""What the soak draws, and that its promises see what is broken."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from chance import changes, happenings, promises, scenario
from chance.scenario import TO_THE_SERVER, draw
from chance.world import Host
from support import status_schema

if TYPE_CHECKING:
    from pathlib import Path

ID, OTHER_ID = "0b0f5f0a-9d0e-4c55-9f6e-6d0a8a1c2b3d", "1b0f5f0a-9d0e-4c55-9f6e-6d0a8a1c2b3d"


def test_drawn_again() -> None:
    """The same seed and number are the same run, by itself and among others."""
    runs = [draw(7, number) for number in range(50)]
    assert runs == [draw(7, number) for number in range(50)]
    assert len(set(map(str, runs))) == 50
    assert runs != [draw(8, number) for number in range(50)]
    assert "make soak SEED=7 FIRST=3 RUNS=1" in str(runs[3])


def test_everything_is_drawn_and_can_be_made() -> None:
    """Each kind comes up in 300 runs, and there is somebody to bring it about."""
    rounds = [each for number in range(300) for each in draw(1, number).rounds]
    drawn = {each.kind for round_ in rounds for each in round_.changes}
    drawn |= {each.kind for round_ in rounds for each in round_.happenings}
    assert drawn == {
        *scenario.CHANGES,
        *scenario.TO_THE_AGENT,
        *scenario.TO_THE_EVAL,
        *TO_THE_SERVER,
        "ask",
    }
    assert {each.what for round_ in rounds for each in round_.changes} - {""} == set(scenario.WRONG)
    assert set(changes.MAKE) == set(scenario.CHANGES)
    assert set(changes.WRONG) == set(scenario.WRONG)
    assert set(happenings.MAKE) == set(TO_THE_SERVER)


def _running(**special: Any) -> Any:
    plain = {
        "process": SimpleNamespace(returncode=0),
        "output": "",
        "sent": [],
        "stopped_at": None,
        "began": 100.0,
        "ended": 101.0,
        "timeout": 2.0,
        "held_up": 0.0,
    }
    return SimpleNamespace(**{**plain, **special})


@pytest.mark.parametrize(
    ("special", "find"),
    [
        ({}, None),
        ({"process": SimpleNamespace(returncode=75), "ended": 104.9}, None),
        ({"process": SimpleNamespace(returncode=-15), "sent": [15], "stopped_at": 100.9}, None),
        ({"process": SimpleNamespace(returncode=1)}, "exit code 1"),
        ({"process": SimpleNamespace(returncode=3)}, "exit code 3"),
        ({"process": SimpleNamespace(returncode=-15)}, "exit code -15"),
        ({"ended": 105.1}, "it took 5.1 s, had 2"),
        ({"ended": 105.1, "held_up": 0.2}, None),
        ({"timeout": 60.0, "ended": 120.0, "sent": [15], "stopped_at": 110.0}, "10.0 s to be"),
        ({"output": "password: mast-canary"}, "a secret is in the output"),
        ({"output": "Traceback (most recent call last)"}, "a traceback"),
    ],
)
def test_ended_well(special: dict[str, Any], find: str | None) -> None:
    """A code that is not in the table, a late end and a secret are seen."""
    found = promises.ended_well(_running(**special))
    assert (find is None) == (found == []), found
    assert find is None or find in found[0]


def test_gave_up_rightly() -> None:
    """A final code for what passes by itself is seen."""
    final = _running(process=SimpleNamespace(returncode=77))
    assert promises.gave_up_rightly(final, lasting=False) == ["final code 77 for what passes"]
    assert promises.gave_up_rightly(final, lasting=True) == []
    assert promises.gave_up_rightly(_running(), lasting=False) == []


def test_answered_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """A status that is no JSON, not of its schema, or ends otherwise than it says, is seen."""
    good = _running(output='{"code": 3}', process=SimpleNamespace(returncode=3))
    assert "not as its schema says" in promises.answered_well(good)[0]
    monkeypatch.setattr(status_schema, "check", lambda _: None)
    assert promises.answered_well(good) == []
    for special in (
        {"output": "{"},
        {"output": '{"code": 0}'},
        {"ended": 200.0},
        {"process": SimpleNamespace(returncode=2)},
    ):
        broken = SimpleNamespace(**{**vars(good), **special})
        assert promises.answered_well(broken) != [], special  # type: ignore[arg-type]


def _host(directory: Path, content: bytes | None, planted: bytes | None = None) -> Host:
    agent: Any = SimpleNamespace(state=directory)
    host = Host(name="node-0", agent=agent, prefix=(), clock=None, planted=planted)
    if content is not None:
        host.record.write_bytes(content)
    return host


def _record(server_id: str = ID, name: str = "node-0") -> bytes:
    return json.dumps({"server": {"id": server_id, "name": name}}).encode()


SEEN = {ID: "node-0", OTHER_ID: "node-1"}


@pytest.mark.parametrize(
    ("content", "planted", "rows", "find"),
    [
        (None, None, SEEN, None),
        (_record(), None, SEEN, None),
        (_record(), None, None, None),
        (b"{", b"{", SEEN, None),
        (b"{", None, SEEN, "a record that is none"),
        (_record("2b0f5f0a-9d0e-4c55-9f6e-6d0a8a1c2b3d"), None, SEEN, "never was"),
        (_record(OTHER_ID), None, SEEN, "the record of node-1"),
        (_record(name="node-1"), None, SEEN, "the record of"),
        (_record(), None, {}, "not there"),
    ],
)
def test_recorded_row(
    tmp_path: Path,
    content: bytes | None,
    planted: bytes | None,
    rows: dict[str, str] | None,
    find: str | None,
) -> None:
    """A record without a row, of another's row, or of half a document is seen."""
    found = promises.recorded_row(_host(tmp_path, content, planted), SEEN, rows)
    assert (find is None) == (found == []), found
    assert find is None or find in found[0]


def test_one_row_each(tmp_path: Path) -> None:
    """A second row of a host is seen, and one of nobody's."""
    hosts = [_host(tmp_path, None)]
    assert promises.one_row_each({ID: "node-0", OTHER_ID: "other"}, hosts, {"other"}) == []
    assert promises.one_row_each(SEEN, hosts, set()) == ["a row of nobody's: node-1"]
    twice = dict.fromkeys(SEEN, "node-0")
    assert promises.one_row_each(twice, hosts, set()) == ["two rows of node-0"]


def test_secret_in_a_file(tmp_path: Path) -> None:
    """A secret in any file below a host's directories is seen."""
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "status.json").write_text("fine")
    assert promises.no_secret_kept(tmp_path) == []
    (tmp_path / "below" / "dump").write_text("it is mast-canary")
    (tmp_path / "gone").symlink_to("nowhere")
    assert promises.no_secret_kept(tmp_path) == ["a secret is in dump"]
