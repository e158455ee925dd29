"""What root found out about Mast's login, as it is published and read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.report import login_report
from mast_agent.report.login_report import LoginReport

if TYPE_CHECKING:
    from pathlib import Path

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def _report(**special: Any) -> LoginReport:
    plain = {"user": "mast-managed", "host": "127.0.0.1", "port": 22, "tried": True}
    return LoginReport(**{**plain, **special})


def _shown(report: LoginReport) -> list[tuple[str, str, str]]:
    return [(each.cause.slug, each.message, each.remedy) for each in report.problems]


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    """Every user reads what root has published, problems included."""
    problems = (Failure(causes.SSHD_SILENT, "nothing listens"), Failure(causes.LOGIN_REFUSED, "no"))
    saved = _report(problems=problems, tried=False, why="no client")
    login_report.save(tmp_path, saved)
    assert (tmp_path / login_report.FILE_NAME).stat().st_mode & 0o777 == 0o644
    found = login_report.load(tmp_path)
    assert found is not None
    assert _shown(found) == _shown(saved)
    assert (found.tried, found.why, found.at, found.port) == (False, "no client", saved.at, 22)


def test_works_only_where_it_was_tried() -> None:
    """Without a trial nothing is known to work."""
    assert _report().works
    assert not _report(tried=False).works
    assert not _report(problems=(Failure(causes.SSHD_SILENT, "x"),)).works


def test_absent(tmp_path: Path) -> None:
    """Nothing published is no error."""
    assert login_report.load(tmp_path) is None
    assert login_report.load(tmp_path / "missing") is None


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"user": 1}, {"port": True}, {"port": 99999}, {"port": "22"}, {"at": None},
        {"problems": [{"cause": "no-such-cause", "message": "m", "remedy": "r"}]},
        {"problems": [1]}, {"problems": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_used_counts_as_absent(tmp_path: Path, change: dict[str, Any]) -> None:
    """A document of another version, or with other types, says nothing."""
    login_report.save(tmp_path, _report())
    path = tmp_path / login_report.FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert login_report.load(tmp_path) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(key=st.sampled_from(["user", "host", "port", "tried", "why", "problems", "at"]), value=_JSON)
def test_never_fails(tmp_path: Path, key: str, value: object) -> None:
    """Whatever stands in the file: a report or None, bounded."""
    login_report.save(tmp_path, _report())
    path = tmp_path / login_report.FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    found = login_report.load(tmp_path)
    if found is not None:
        assert len(found.user) <= 1000
        assert len(found.problems) <= 20
