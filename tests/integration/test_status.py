"""What `status` says of a clone, of a run at work, of an old word, of a process it cannot see."""

from __future__ import annotations

import json
import re
import shutil
import socket
from typing import TYPE_CHECKING, Any

import pytest
from support.network import deaf_listener
from support.snippets import add_row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(15)

_DOWN = "ecto://mast:pw@127.0.0.1:1/mast"
#: Everything of the two: a bus and a database that accept, and never say a word.
_SECONDS = 5.0


def _change(path: Path, **changes: Any) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(document | changes), encoding="utf-8")


def _make_clone(agent: Agent) -> None:
    """Let record and machine be of two, and nothing of the run be left, as after a boot."""
    _change(agent.state / "enrollment.json", machine="0" * 32)
    shutil.rmtree(agent.runtime)


def test_record_of_another_machine(agent: Agent, cluster: Cluster, database: str) -> None:
    """A clone on which `reset` was forgotten is not enrolled, and that is said."""
    add_row(cluster, database)
    assert agent.enroll(10).code == 0
    cluster.sql("DELETE FROM servers", database)
    _make_clone(agent)
    for url, code, verdict in (("", 3, "pending"), (_DOWN, 4, "unknown")):
        environment: dict[str, Any] = {"DATABASE_URL": url} if url else {}
        status = agent.status(**environment)
        assert (status["code"], status["verdict"]) == (code, verdict), status
        assert "the record here is another machine's" in status["summary"], status
        assert status["record"]["state"] == "foreign", status
        assert status["server"] is None, status
        waited = agent.run("status", "--wait", "--timeout", "5", **environment)
        assert waited.code == code, waited


def test_record_of_another_machine_and_a_row(agent: Agent, cluster: Cluster, database: str) -> None:
    """Where the database has the clone's own row, it is enrolled, and the record is named."""
    server_id = add_row(cluster, database)
    assert agent.enroll(10).code == 0
    _make_clone(agent)
    status = agent.status()
    assert status["code"] == 0, status
    assert server_id in status["summary"], status
    assert [each["cause"] for each in status["concerns"]] == ["record-foreign"], status


def test_the_record_alone_is_no_evidence(agent: Agent, cluster: Cluster, database: str) -> None:
    """With nothing published since the boot, and the database down, it is unknown: never 0."""
    add_row(cluster, database)
    assert agent.enroll(10).code == 0
    shutil.rmtree(agent.runtime)
    result = agent.run("status", "--wait", "--timeout", "2", DATABASE_URL=_DOWN)
    assert result.code == 4, result
    assert re.match(
        "unknown whether enrolled: was enrolled on 20.* not confirmed since the boot", result.stdout
    )


def test_the_last_word_has_an_age(agent: Agent, cluster: Cluster, database: str) -> None:
    """Confirmed by the database is what it says just now; else the first line says when it did."""
    add_row(cluster, database)
    assert agent.enroll(10).code == 0
    first = agent.run("status").stdout.splitlines()[0]
    assert first.endswith(", confirmed by the database"), first
    published = agent.runtime / "status.json"
    for changes, age in (
        ({}, r"\d+ s ago"),
        ({"updated_at": "2020-01-02T03:04:05+00:00"}, r"\d{4} days ago"),
        ({"updated_at": "2999-01-02T03:04:05+00:00"}, "at 2999-01-02 03:04:05 UTC"),
    ):
        _change(published, **changes)
        result = agent.run("status", DATABASE_URL=_DOWN, TZ="UTC")
        assert result.code == 0, result
        first = result.stdout.splitlines()[0]
        assert re.search(f"confirmed by the database when it was last asked, {age}", first), first


def test_of_another_boot(agent: Agent, cluster: Cluster, database: str) -> None:
    """A runtime directory that outlives the boot does not make its word outlive it."""
    add_row(cluster, database)
    assert agent.enroll(10).code == 0
    _change(agent.runtime / "status.json", boot="0" * 32)
    assert agent.status(DATABASE_URL=_DOWN)["code"] == 4


def test_enrolling_again_is_pending(agent: Agent, cluster: Cluster, database: str) -> None:
    """While the row that was lost is made anew, it is pending, and --wait waits for it."""
    assert agent.enroll().code == 0
    cluster.sql("DELETE FROM servers", database)
    process = agent.start("enroll", "--timeout", "60", MAST_REFERENCE_EVAL_SLEEP="4")
    try:
        agent.wait_published(lambda document: document["phase"] == "enroll")
        status = agent.status()
        waited = agent.run("status", "--wait", "--timeout", "60")
    finally:
        result = agent.finish(process)
    assert (status["code"], status["phase"]) == (3, "enroll"), status
    assert result.code == 0, result
    assert waited.code == 0, waited
    assert cluster.sql("SELECT id FROM servers", database) in waited.stdout, waited


def test_enrolling_again_has_failed(
    agent: Agent, scripted_agent: Callable[[str], Agent], cluster: Cluster, database: str
) -> None:
    """After a run that ended for good, its cause and remedy are shown, not only the lost row."""
    add_row(cluster, database)
    assert agent.enroll(10).code == 0
    cluster.sql("DELETE FROM servers", database)
    other = scripted_agent("true")
    result = other.enroll(
        20, STATE_DIRECTORY=str(agent.state), RUNTIME_DIRECTORY=str(agent.runtime)
    )
    assert result.code == 70, result
    status = agent.status()
    assert (status["code"], status["error"]["cause"]) == (1, "not-enrolled"), status
    assert status["remedy"] == status["error"]["remedy"], status
    assert "servers is empty" in status["summary"], status


def test_deaf_bus_and_deaf_database(agent: Agent, scratch: Path) -> None:
    """Both together take no more than 5 s."""
    address = scratch / "deaf-bus"
    with socket.socket(socket.AF_UNIX) as bus, deaf_listener() as port:
        bus.bind(str(address))
        bus.listen()
        deaf: dict[str, Any] = {
            "DATABASE_URL": f"ecto://mast:pw@127.0.0.1:{port}/mast",
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={address}",
        }
        result = agent.run("status", **deaf)
    assert result.code == 3, result
    assert "does not answer" in result.stdout, result
    assert result.seconds - result.held_up <= _SECONDS, result


@pytest.mark.root
@pytest.mark.parametrize("hidepid", ["invisible", "noaccess"])
def test_process_that_is_hidden(agent: Agent, tmp_path_factory: Any, hidepid: str) -> None:
    """Where processes of others are hidden, a live one is not called interrupted."""
    process = agent.start("enroll", "--timeout", "60", DATABASE_URL=_DOWN)
    try:
        agent.wait_published(lambda document: document["state"] == "waiting")
        hidden = (
            "unshare", "--mount", "sh", "-c",
            f'mount -t proc -o hidepid={hidepid} proc /proc && exec "$@"', "sh",
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
        )  # fmt: skip
        for directory in (tmp_path_factory.getbasetemp(), *agent.runtime.parents):
            directory.chmod(directory.stat().st_mode | 0o011)
        result = agent.finish(
            agent.start_as(hidden, "status", DATABASE_URL=_DOWN, STATE_DIRECTORY="/nonexistent")
        )
    finally:
        process.terminate()
        agent.finish(process)
    assert result.code == 3, result
    assert result.stdout.startswith("not enrolled yet: waiting for the database"), result
    assert "whether it still runs cannot be told" in result.stdout, result
    gone = agent.finish(agent.start_as(hidden, "status", DATABASE_URL=_DOWN))
    assert "cannot be told" not in gone.stdout, gone


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe", b"[" * 60_000, b'{"version": 1, "state": "enrolled"}', b"{" + b" " * 70_000,
        b'{"version": 1, "state": "running", "pid": ' + b"9" * 5000 + b"}",
    ],
    ids=["no-text", "deep", "sparse", "large", "huge-number"],
)  # fmt: skip
def test_status_that_nobody_wrote(agent: Agent, content: bytes) -> None:
    """A status that is none is a fact like any other: no traceback, no 1, and nothing believed."""
    agent.runtime.mkdir()
    (agent.runtime / "status.json").write_bytes(content)
    result = agent.run("status", DATABASE_URL=_DOWN)
    assert result.code == 4, result
    assert result.stderr == "", result
