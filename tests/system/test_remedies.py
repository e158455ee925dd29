"""What the agent says to do is done as it is printed, and that puts the host right."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import inside
import pytest
import remedies as guest
from system.conftest import with_sshd

if TYPE_CHECKING:
    from system.conftest import Base


pytestmark = [pytest.mark.root, pytest.mark.slow(150)]


@pytest.fixture(scope="module")
def cured(debian_13: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of all faults."""
    with debian_13.machine(tmp_path_factory.mktemp("remedies")) as machine:
        with_sshd(machine, penalties=True)
        return machine.boot("remedies.py", "remedies")


@pytest.mark.parametrize("name", guest.FAULTS)
def test_remedy(cured: dict[str, Any], name: str) -> None:
    """The commands run as printed, do not block, and the host is enrolled in the end."""
    facts = cured[name]
    assert "error" not in facts, facts["error"]
    assert facts["code"] == 0, json.dumps(facts, indent=1)
    assert "; but" not in facts["in_the_end"], facts["in_the_end"]
    assert facts["rounds"], "nothing was seen to be wrong"
    for each in facts["rounds"]:
        for ran in each["ran"]:
            assert ran["code"] == 0, ran
            assert ran["s"] < 30, ran
    assert not facts["dumps"]


@pytest.mark.parametrize("name", guest.FAULTS)
def test_no_word_to_replace(cured: dict[str, Any], name: str) -> None:
    """No command has a placeholder, and none a secret."""
    for each in cured[name].get("rounds", ()):
        for command in (ran["command"] for ran in each["ran"]):
            assert not re.search(r"…|(?<!\") ?\b(USER|FILE|NAME|HOST|PORT)\b", command), command
            assert inside.PASSWORD not in command


def test_most_faults_take_one_remedy(cured: dict[str, Any]) -> None:
    """Only where a second thing is missing does it take a second look."""
    more = {name for name in guest.FAULTS if len(cured[name].get("rounds", "")) > 1}
    assert more <= {"role-missing"}, {name: cured[name]["rounds"] for name in more}


def test_whoever_is_not_root_is_told_to_be(cured: dict[str, Any]) -> None:
    """What a user may not do is said with sudo before it."""
    said = cured["by_hand"]["nobody"]
    assert "Run it as root: sudo mast-agent check" in said["check"]
    assert "sudo mast-agent reset" in said["reset"]
    assert "sudo mast-agent access" in said["access"]


def test_migrating_without_a_unit(cured: dict[str, Any]) -> None:
    """Where there is no mast.service, a command that works by hand is printed."""
    facts = cured["by_hand"]
    assert facts["migrate"]["ran"]["code"] == 0, facts
    assert facts["after"]["code"] == 0, facts
