"""The published status: whole, readable for all, and telling whether its writer still lives."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from mast_agent import __version__, published
from mast_agent.storage import UnusableError
from unit import builders

if TYPE_CHECKING:
    from pathlib import Path

    from mast_agent.published import Published


@pytest.mark.parametrize(
    "saved",
    [
        pytest.param(builders.published("running"), id="running"),
        pytest.param(
            builders.published(
                "waiting",
                error=builders.error(),
                next_retry_at="2026-01-02T03:04:06+00:00",
                migrations={"applied": 3, "total": 21},
            ),
            id="waiting",
        ),
        pytest.param(
            builders.published("enrolled", server={"id": builders.SERVER_ID, "name": "wéb"}),
            id="enrolled",
        ),
    ],
)
def test_round_trip(tmp_path: Path, saved: Published) -> None:
    """What is published is read back the same."""
    published.save(tmp_path, saved)
    assert published.load(tmp_path) == saved


def test_for_everybody(tmp_path: Path) -> None:
    """Everybody may read it, and it names the version of its form and of its writer."""
    published.save(tmp_path, builders.published("running"))
    path = tmp_path / published.FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    document = json.loads(path.read_text())
    assert document["version"] == 1
    assert document["agent_version"] == __version__
    assert document["pid"] == os.getpid()


def test_absent(tmp_path: Path) -> None:
    """Nothing published is None."""
    assert published.load(tmp_path) is None


def _document(tmp_path: Path) -> dict[str, Any]:
    published.save(tmp_path, builders.published("waiting", error=builders.error()))
    document: dict[str, Any] = json.loads((tmp_path / published.FILE_NAME).read_text())
    return document


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 2),
        ("state", "dancing"),
        ("state", ["running"]),
        ("attempts", "many"),
        ("attempts", float("inf")),
        ("attempts", None),
        ("pid", "x"),
        ("error", "text"),
        ("error", {}),
        ("error", {"cause": "a", "message": "b", "remedy": "c", "code": []}),
        ("server", []),
        ("server", {"id": "x"}),
        ("migrations", {"applied": 1}),
    ],
)
def test_damaged(tmp_path: Path, key: str, value: object) -> None:
    """What is not as this agent writes it is unusable."""
    document = _document(tmp_path) | {key: value}
    (tmp_path / published.FILE_NAME).write_text(json.dumps(document))
    with pytest.raises(UnusableError):
        published.load(tmp_path)


@pytest.mark.parametrize("key", ["phase", "message", "since", "attempts", "pid", "updated_at"])
def test_incomplete(tmp_path: Path, key: str) -> None:
    """What lacks a part is unusable."""
    document = _document(tmp_path)
    del document[key]
    (tmp_path / published.FILE_NAME).write_text(json.dumps(document))
    with pytest.raises(UnusableError):
        published.load(tmp_path)


def test_alive() -> None:
    """The writer is alive while its process is."""
    assert builders.published("running").is_alive()


@pytest.mark.parametrize("pid", [-1, 0, 1 << 22, 10**300])
def test_dead(pid: int) -> None:
    """Without its process the writer is not alive, however odd the pid is."""
    assert not replace(builders.published("running"), pid=pid).is_alive()


def test_pid_taken_by_another() -> None:
    """A later process with the writer's pid is not the writer."""
    written = builders.published("running")
    assert written.started is not None
    assert not replace(written, started=written.started - 1).is_alive()
    assert not replace(written, started=None).is_alive()
