"""What `check` warns of that a run of the service would meet; the whole of it is integration's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import units
from mast_agent.status import preflight
from unit.builders import unit

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment file that this user may not read, root or not."""
    path = tmp_path / "environment"
    path.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    return path


def test_a_file_that_may_be_read(tmp_path: Path) -> None:
    """There is nothing to say of it, nor of none."""
    (tmp_path / "environment").touch()
    assert list(preflight._environment_file(tmp_path / "environment", None)) == []  # noqa: SLF001
    assert list(preflight._environment_file(None, None)) == []  # noqa: SLF001


def test_a_file_for_a_unit_that_is_not_there(unreadable: Path) -> None:
    """Whoever writes that unit is told that it needs a credential."""
    for without in (None, unit("inactive", load_state="not-found")):
        (warning,) = preflight._environment_file(unreadable, without)  # noqa: SLF001
        assert str(unreadable) in warning.text
        assert "credential" in warning.text
        assert warning.kind is preflight.Kind.WARNING


def test_a_file_that_the_unit_reads_as_its_user(unreadable: Path) -> None:
    """It is an error where it is the unit's file, and nobody's business where it is another."""
    its = unit("inactive", env_file=str(unreadable))
    with pytest.raises(Failure) as caught:
        list(preflight._environment_file(unreadable, its))  # noqa: SLF001
    assert caught.value.cause is causes.ENV_FILE_UNREADABLE
    other = unit("inactive", env_file=f"{unreadable}.other")
    assert list(preflight._environment_file(unreadable, other)) == []  # noqa: SLF001


def test_what_systemd_could_not_set_up() -> None:
    """A failed unit's exit status of systemd's own is explained; the agent's own are not."""
    number, (name, meaning) = next(iter(units.SETUP_FAILURES.items()))
    found = {
        "a.service": unit("failed", exit_status=number),
        "b.service": unit("failed", exit_status=69),
        "c.service": unit("active", exit_status=number),
    }
    assert list(preflight._units(found)) == [  # noqa: SLF001
        preflight.Finding(
            label="unit",
            text=f"a.service: {number}/{name}: {meaning}",
            kind=preflight.Kind.WARNING,
        )
    ]
