"""Environment files, read by the real systemd 252 and 257 and by the agent beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import environment_files
import pytest
from environment_files import CASES, STRICTER, Case

if TYPE_CHECKING:
    from system.conftest import Base

pytestmark = [pytest.mark.root, pytest.mark.slow(30)]


@pytest.fixture(params=["debian_12", "debian_13"])
def facts(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What both made of the files, in the boot in which the package was installed."""
    base: Base = request.getfixturevalue(request.param)
    found: dict[str, Any] = base.install["environment_files"]
    return found


def _as_bytes(variables: dict[str, str] | None) -> dict[str, str] | None:
    """Return the variables as the machine tells them: each byte as one character."""
    if variables is None:
        return None
    return {name: value.encode().decode("latin-1") for name, value in variables.items()}


def test_the_corpus() -> None:
    """It has at least sixty files, and some hundreds that are generated."""
    assert len(CASES) >= 60
    assert len(environment_files.generated()) >= 300


def test_the_version_is_told_by_the_library(facts: dict[str, Any]) -> None:
    """The agent knows which systemd is at hand, without asking it."""
    assert facts["versions"] == [facts["version"]]
    assert facts["version"] in (252, 257)


@pytest.mark.parametrize("name", CASES)
def test_as_the_systemd_at_hand(facts: dict[str, Any], name: str) -> None:
    """What the agent reads is what systemd gives to a service; else it says what is wrong."""
    case: Case = CASES[name]
    assert facts["systemd"][name] == _as_bytes(case.expected(facts["version"]))
    if case.error:
        assert case.error in facts["errors"][name]
        assert ", line " in facts["errors"][name]
        assert name not in facts["agent"]
    else:
        assert facts["agent"][name] == facts["systemd"][name]


def test_a_refusal_of_the_agent_alone_is_a_documented_one() -> None:
    """Where systemd would start it, the agent refuses for a variable that would be lost."""
    for name, case in CASES.items():
        assert (case.error in STRICTER) == bool(case.error and case.given is not None), name


def test_generated_files(facts: dict[str, Any]) -> None:
    """Of any file the agent reads what systemd does, or refuses it for a reason that is true."""
    agreed = 0
    for name, content in environment_files.generated().items():
        given, error = facts["systemd"][name], facts["errors"].get(name)
        if error is None:
            assert facts["agent"][name] == given, content
            agreed += 1
        elif not any(each in error for each in STRICTER):
            assert given is None, (content, error)
        # The other way round there is nothing to assert: a file may have two faults.
    assert agreed > 100
    assert any(given is None for given in facts["systemd"].values())
