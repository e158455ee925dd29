"""Rows 28, 29 and 35 of the faults: a record that cannot be written, read, or finished."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from support.expect import assert_enrolled
from support.snippets import add_row, enroll
from support.swarm import Outcome, run_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(10)

COUNT = "echo x >> $MAST_REFERENCE_EVAL_LOG\n"
FUTURE = {"version": 999, "server": {"id": "from-the-future", "name": "x"}}


@pytest.mark.root
def test_disk_full(scripted_agent: Callable[[str], Agent], cluster: Cluster, database: str) -> None:
    """With no room for the record the enrollment stands, and the next run finds it."""
    agent = scripted_agent(COUNT + enroll(cluster, database))
    agent.state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=0700", "tmpfs", str(agent.state)]
    subprocess.run(mount, check=True)
    try:
        (agent.state / "filler").write_bytes(bytes(4096))
        first = agent.enroll()
        second = agent.enroll()
        left = [path.name for path in agent.state.iterdir()]
    finally:
        subprocess.run(["umount", str(agent.state)], check=True)
    for result in (first, second):
        assert result.code == 0, result
        assert "warning: " in result.stderr, result
        assert "the record cannot be written: No space left on device" in result.stderr, result
    assert left == ["filler"], left
    assert agent.eval_count() == 1, second
    assert cluster.sql("SELECT count(*) FROM servers", database) == "1"
    status = agent.status()
    assert status["verdict"] == "enrolled", status
    assert "the record cannot be written: No space left on device" in status["summary"], status
    assert [each["cause"] for each in status["concerns"]] == ["record-unwritable"], status


@pytest.mark.root
@pytest.mark.parametrize("missing", ["lock", "eval"])
def test_no_room_in_the_runtime_directory(agent: Agent, missing: str) -> None:
    """A full disk passes: it is waited for and tried again, and not taken for a wrong mode."""
    agent.runtime.mkdir()
    # The file system's root is the first that it has room for.
    inodes = 1 if missing == "lock" else 2
    mount = ["mount", "-t", "tmpfs", "-o", f"nr_inodes={inodes},mode=0755", "tmpfs"]
    subprocess.run([*mount, str(agent.runtime)], check=True)
    try:
        if missing == "eval":
            (agent.runtime / "lock").touch(mode=0o600)
        full = agent.enroll(4)
        subprocess.run(["mount", "-o", "remount,nr_inodes=100", str(agent.runtime)], check=True)
        room = agent.enroll(60)
    finally:
        subprocess.run(["umount", str(agent.runtime)], check=True)
    assert full.code == 75, full
    assert "enroll: waiting: " in full.stderr, full
    assert f"{agent.runtime}/{missing} cannot be " in full.stderr, full
    assert "No space left on device. Make room there" in full.stderr, full
    assert room.code == 0, room


def spoil(name: str, record: Path, target: Path) -> None:
    """Put something at `record` that is no record."""
    record.parent.mkdir(parents=True)
    match name:
        case "FIFO":
            os.mkfifo(record)
        case "symbolic link":
            record.symlink_to(target)
        case "directory":
            (record / "below").mkdir(parents=True)
        case _:
            record.write_bytes(CONTENTS[name])


CONTENTS = {
    "corrupt": b'{"version": 1, "server": {"id"',
    "empty": b"",
    "binary": bytes(range(256)),
    "of a future version": json.dumps(FUTURE).encode(),
    "huge": b'{"version": 1, "padding": "' + b"x" * 100_000 + b'"}',
    "deeply nested": b"[" * 60_000,
    "of other types": b'{"version": 1, "server": {"id": 7, "name": []}, "machine": {}, '
    b'"database": {"system_identifier": 1, "name": null}, "enrolled_at": 0}',
}
KINDS = [*CONTENTS, "FIFO", "symbolic link", "directory"]


@pytest.fixture(scope="module")
def spoiled(
    cluster: Cluster,
    migrated_template: str,
    new_agent: Callable[[str], Agent],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, dict[str, tuple[Agent, Outcome]]]]:
    """Enroll with each kind of spoiled record; this host has its row already."""
    name = "spoiled_records"
    cluster.sql(f"CREATE DATABASE {name} OWNER mast TEMPLATE {migrated_template}")
    server_id = add_row(cluster, name)
    jobs: dict[str, tuple[Agent, tuple[str, ...]]] = {}
    for kind in KINDS:
        agent = new_agent(cluster.url(name))
        target = agent.state.parent / "target"
        target.write_text("untouched")
        spoil(kind, agent.state / "enrollment.json", target)
        jobs[kind] = (agent, ("enroll", "--timeout", "20"))
    yield server_id, run_all(tmp_path_factory.mktemp("spoiled"), jobs)
    cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("kind", KINDS)
def test_unusable_record_is_set_aside(
    spoiled: tuple[str, dict[str, tuple[Agent, Outcome]]], kind: str
) -> None:
    """What is no record is set aside and never followed; the database decides."""
    server_id, outcomes = spoiled
    agent, outcome = outcomes[kind]
    assert_enrolled(agent, outcome, server_id)
    assert "set aside as" in outcome.stderr, outcome
    assert agent.eval_count() == 0, outcome
    record = agent.state / "enrollment.json"
    assert record.is_file(), outcome
    assert not record.is_symlink(), outcome
    aside = agent.state / "enrollment.json.unusable"
    assert os.path.lexists(aside), outcome
    assert (agent.state.parent / "target").read_text() == "untouched"


def test_killed_between_eval_and_record(
    scripted_agent: Callable[[str], Agent], cluster: Cluster, database: str
) -> None:
    """An agent killed after the row is there finds it the next time, without another eval."""
    agent = scripted_agent(f"{COUNT}{enroll(cluster, database)}\nkill -KILL $PPID")
    killed = agent.enroll()
    assert killed.code == -9, killed
    assert not (agent.state / "enrollment.json").exists(), killed
    status = agent.status()
    assert status["verdict"] == "enrolled", status
    assert status["record"]["state"] == "absent", status
    result = agent.enroll()
    assert_enrolled(agent, result, cluster.sql("SELECT id FROM servers", database))
    assert agent.eval_count() == 1, result


# Kills the agent before or after one call that writing the record is made of.
CRASH = """
import os, signal, stat

MOMENT, WHICH = os.environ["CRASH"].split()
log = os.open(os.environ["CRASH_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def wrap(name, kind_of):
    original = getattr(os, name)
    def call(*arguments, **keywords):
        kind = kind_of(*arguments)
        if kind is None:
            return original(*arguments, **keywords)
        if (MOMENT, WHICH) == ("before", kind):
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **keywords)
        os.write(log, (kind + "\\n").encode())
        if (MOMENT, WHICH) == ("after", kind):
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(os, name, call)

def synced(fd):
    return "fsync-directory" if stat.S_ISDIR(os.fstat(fd).st_mode) else "fsync-file"

def renamed(source, target):
    return "rename" if str(target).endswith("enrollment.json") else None

wrap("fsync", synced)
wrap("rename", renamed)
"""
STEPS = ["fsync-file", "rename", "fsync-directory"]
POINTS = [f"{moment} {step}" for step in STEPS for moment in ("before", "after")]


@pytest.fixture(scope="module")
def crashed(
    cluster: Cluster,
    migrated_template: str,
    new_agent: Callable[[str], Agent],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[Agent, Path]]]:
    """Write a new record over an old one, and be killed at each point; "never x" at none."""
    name = "crashes"
    cluster.sql(f"CREATE DATABASE {name} OWNER mast TEMPLATE {migrated_template}")
    add_row(cluster, name)
    directory = tmp_path_factory.mktemp("crash")
    (directory / "sitecustomize.py").write_text(CRASH)
    runs = {}
    for number, point in enumerate([*POINTS, "never x"]):
        agent = new_agent(cluster.url(name))
        agent.state.mkdir(parents=True)
        (agent.state / "enrollment.json").write_text(json.dumps(OLD))
        agent.environment |= {
            "CRASH": point,
            "CRASH_LOG": str(directory / f"log{number}"),
            "PYTHONPATH": str(directory),
        }
        runs[point] = (agent, agent.start("enroll", "--timeout", "40"), directory / f"log{number}")
    ends = {
        point: (agent, agent.finish(process), log) for point, (agent, process, log) in runs.items()
    }
    for point, (_, result, _) in ends.items():
        assert result.code == (0 if point == "never x" else -9), (point, str(result))
    yield {point: (agent, log) for point, (agent, _, log) in ends.items()}
    cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


OLD: dict[str, Any] = {
    "version": 1,
    "server": {"id": "11111111-1111-4111-8111-111111111111", "name": "old"},
    "machine": "0" * 32,
    "database": {"system_identifier": "1", "name": "old"},
    "enrolled_at": "2026-01-01T00:00:00+00:00",
}


def test_record_is_written_durably(crashed: dict[str, tuple[Agent, Path]]) -> None:
    """The file is synced before it gets its name, and the directory after that."""
    _, log = crashed["never x"]
    assert log.read_text().split() == STEPS


@pytest.mark.parametrize("point", POINTS)
def test_record_is_old_or_new(crashed: dict[str, tuple[Agent, Path]], point: str) -> None:
    """Killed at any point of writing it, the record is the old one or the new one, never half."""
    agent, _ = crashed[point]
    record = agent.record()
    is_new = point in ("after rename", "before fsync-directory", "after fsync-directory")
    assert (record != OLD) == is_new, record
    assert record["server"]["name"] == OLD["server"]["name"] or is_new, record
    result = agent.enroll(20, CRASH="never x")
    assert result.code == 0, result
    assert agent.record()["server"]["id"] == agent.published()["server"]["id"], result
    assert agent.eval_count() == 0, result
