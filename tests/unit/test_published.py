"""The published status: whole, readable for all, and telling whether its writer still lives."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent import __version__
from mast_agent.access import access
from mast_agent.access.access import Access
from mast_agent.host.storage import UnusableError
from mast_agent.report import published
from mast_agent.show import render, screen
from mast_agent.status.facts import Facts
from mast_agent.status.judge import judge
from mast_agent.status.status import Status
from unit import builders

if TYPE_CHECKING:
    from pathlib import Path

    from mast_agent.report.published import Published


@pytest.mark.parametrize(
    "saved",
    [
        pytest.param(builders.published("running"), id="running"),
        pytest.param(
            builders.published(
                "waiting",
                error=builders.error(),
                next_retry_at="2026-01-02T03:04:06+00:00",
                gives_up_at="2026-01-02T03:09:05+00:00",
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
        ("attempts", True),
        ("attempts", -1),
        ("attempts", 1.5),
        ("attempts", 10**30),
        ("attempts", float("nan")),
        ("pid", "x"),
        ("pid", -1),
        ("pid", 2**22 + 1),
        ("pid", True),
        ("started", 2**64),
        ("started", "x"),
        ("phase", ["release"]),
        ("message", 1),
        ("message", "x" * 5000),
        ("since", None),
        ("updated_at", 0),
        ("next_retry_at", 5),
        ("gives_up_at", 5),
        ("problem", []),
        ("invocation", 7),
        ("boot", {}),
        ("login", ["MAST_SELF_HOST"]),
        ("login", {"MAST_SELF_HOST": 1}),
        ("login", "text"),
        ("migrations", {"applied": True, "total": 2}),
        ("migrations", {"applied": -1, "total": 2}),
        ("server", {"id": 1, "name": "x"}),
        ("error", {"cause": "a", "message": "b", "remedy": "c", "code": 256}),
        ("error", {"cause": "a", "message": "b", "remedy": "c", "code": True}),
        ("error", {"cause": "a", "message": "b", "remedy": None, "code": 1}),
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


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.just("\ud800") | st.integers(min_value=10**18),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)  # fmt: skip
_KEYS = (*asdict(builders.published("waiting")), "version", "other")


@given(
    changes=st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=3),
    nested=st.dictionaries(
        st.sampled_from(["error", "server", "migrations", "login"]),
        st.dictionaries(
            st.sampled_from(
                ["cause", "message", "remedy", "code", "id", "name", "applied", "total"]
            ),
            _JSON,
        ),
        max_size=2,
    ),
    state=st.sampled_from(published.STATES),
)
def test_whatever_it_says(
    tmp_path_factory: pytest.TempPathFactory,
    changes: dict[str, Any],
    nested: dict[str, Any],
    state: str,
) -> None:
    """Any JSON in it is unusable, or makes a verdict that can be shown, in text and in JSON."""
    directory = tmp_path_factory.getbasetemp()
    document = {**_whole(state), **changes, **nested}
    (directory / published.FILE_NAME).write_text(json.dumps(document), encoding="ascii")
    try:
        found = published.load(directory)
    except UnusableError:
        return
    assert found is not None
    found.is_of_this_boot()
    shown = showing(found)
    assert len(screen.text(shown).encode()) < 100_000
    json.loads(json.dumps(render.document(shown)))


def _whole(state: str) -> dict[str, Any]:
    plain = builders.published(state, error=builders.error(), pid=0)
    return {"version": published.VERSION, **asdict(plain)}


def showing(found: Published) -> Status:
    """Make the status of a host of which nothing but this is known."""
    login = access.login({**found.login, "MAST_SELF_USER": "mast-managed"})
    facts = Facts(
        published=found, published_readable=True, record=None, record_readable=True,
        agent_unit=None, looked=False, server=None, failure=None, now=0.0, alive=found.is_alive(),
    )  # fmt: skip
    return Status(
        verdict=judge(facts), facts=facts, settings_failure=None, release=None,
        release_failure=None, migrations=None, access_unit=None, record_state="absent",
        access=Access(login=login, user_exists=True, key="absent", listening=None, problems=()),
        access_wanted=True,
    )  # fmt: skip


def test_long_texts_are_cut(tmp_path: Path) -> None:
    """The agent writes no text that it would not read."""
    long = "é" * 100_000
    saved = builders.published("failed", message=long, error=builders.error(remedy=long))
    published.save(tmp_path, saved)
    found = published.load(tmp_path)
    assert found is not None
    assert found.error is not None
    assert set(found.message) == set(found.error.remedy) == {"é"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"INVOCATION_ID": "a" * 32}, None),
        ({"INVOCATION_ID": "a" * 32, "SYSTEMD_EXEC_PID": "1"}, None),
        ({"INVOCATION_ID": "a" * 32, "SYSTEMD_EXEC_PID": str(os.getpid())}, "a" * 32),
        ({"INVOCATION_ID": "odd", "SYSTEMD_EXEC_PID": str(os.getpid())}, None),
    ],
)
def test_invocation(environ: dict[str, str], expected: str | None) -> None:
    """Only what systemd itself has executed is an invocation: a unit's children inherit its id."""
    assert published.invocation(environ) == expected


def test_boot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What another boot has left counts for nothing; what hides its boot is not known to be old."""
    written = builders.published("enrolled")
    assert written.is_of_this_boot()
    assert not replace(written, boot="0" * 32).is_of_this_boot()
    assert replace(written, boot=None).is_of_this_boot()
    monkeypatch.setattr(published, "_BOOT_ID", tmp_path / "hidden")
    assert published.boot_id() is None
    assert replace(written, boot="0" * 32).is_of_this_boot()


def test_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that exists and is not to be seen is neither alive nor dead."""
    written = builders.published("running")

    def not_permitted(*_: int) -> NoReturn:
        raise PermissionError

    monkeypatch.setattr(published, "start_ticks", lambda _: None)
    assert written.is_alive() is None
    monkeypatch.setattr(os, "kill", not_permitted)
    assert written.is_alive() is None


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
