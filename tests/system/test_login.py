"""Enrolled ends with a green light in Mast; what keeps it red is named and can be mended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from system.conftest import with_sshd

if TYPE_CHECKING:
    from system.conftest import Base

pytestmark = [pytest.mark.root, pytest.mark.slow(110)]

#: What keeps Mast out, the cause that is named, and a part of what the first line says.
SETUPS = {
    "no-include": ("sshd-key-file", "sshd reads the keys of mast-managed from .ssh/"),
    "no-rule": ("sshd-key-file", "sshd reads the keys of mast-managed from .ssh/"),
    "allow-users": ("sshd-user-refused", "AllowUsers (bob) does not name mast-managed"),
    "allow-groups": ("sshd-user-refused", "AllowGroups (bob) does not name"),
    "deny-users": ("sshd-user-refused", "DenyUsers (mast-managed)"),
    "deny-groups": ("sshd-user-refused", "DenyGroups (systemd-journal)"),
    "no-pubkey": ("sshd-pubkey-off", "PubkeyAuthentication no"),
    "use-pam-no": ("account-locked", "UsePAM no"),
    "force-command": ("sshd-command-forced", "ForceCommand"),
    "methods": ("sshd-methods", "publickey,password"),
    "nologin": ("account-shell", "/usr/sbin/nologin"),
    "expired": ("account-expired", "has expired"),
    "silent": ("sshd-silent", "nothing listens at 127.0.0.1:22"),
}
NOTHING_LEFT = {
    "lines": 1,
    "trial": False,
    "login": ["login.json"],
    "keys": ["mast-managed"],
}


@pytest.fixture(scope="module")
def facts(debian_13: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one boot of a Debian 13 with sshd has found out."""
    with debian_13.machine(tmp_path_factory.mktemp("login")) as machine:
        with_sshd(machine, penalties=True)
        with (machine.root / "etc/mast.env").open("a", encoding="utf-8") as environment:
            environment.write("MAST_REFERENCE_CHECK_SECONDS=1\n")
        return machine.boot("login.py", "first_boot")


def test_green_after_the_first_boot(facts: dict[str, Any]) -> None:
    """A script that waits goes on when Mast itself has marked its host as up."""
    assert facts["wait"]["code"] == 0, facts["wait"]
    assert facts["row"] == ["up|t"]
    assert facts["nobody"] == 4, "nobody may ask neither database nor record"
    contact = facts["json"]["contact"]
    assert (contact["reach"], contact["since_key"]) == ("reached", True)
    assert contact["seconds"] < 60


def test_the_login_was_tried(facts: dict[str, Any]) -> None:
    """Root has tried it with a key of its own, of which nothing is left."""
    assert (facts["report"]["tried"], facts["report"]["problems"]) == (True, [])
    assert facts["json"]["trial"]["works"] is True
    assert facts["left"] == NOTHING_LEFT


@pytest.mark.parametrize("name", SETUPS)
def test_what_keeps_mast_out_is_named(facts: dict[str, Any], name: str) -> None:
    """Enrolled it stays; the first line names the cause, and --managed has a code of its own."""
    broken = facts["setups"][name]["broken"]
    cause, said = SETUPS[name]
    assert broken["plain_code"] == 0, broken
    assert (broken["code"], broken["json"]["verdict"]) == (6, "enrolled"), broken
    assert said in broken["first"], broken
    problems = [each["cause"] for each in broken["access"]["trial"]["problems"]]
    assert problems[0] == cause, problems


@pytest.mark.parametrize("name", SETUPS)
def test_the_remedy_turns_it_green(facts: dict[str, Any], name: str) -> None:
    """Once it is carried out, Mast comes by itself, and no trace is left of the trial."""
    setup = facts["setups"][name]
    assert setup["broken"]["json"]["remedy"]
    assert setup["mended"]["code"] == 0, setup
    assert setup["left"] == NOTHING_LEFT


@pytest.mark.parametrize("name", sorted(SETUPS.keys() - {"silent"}))
def test_check_says_it_beforehand(facts: dict[str, Any], name: str) -> None:
    """Root's `check` asks sshd and the account without any trial."""
    assert SETUPS[name][1] in facts["setups"][name]["check"], facts["setups"][name]["check"]


def test_an_address_of_its_own(facts: dict[str, Any]) -> None:
    """Where Mast comes by the host's own address, the key is good from there and nowhere else."""
    own = facts["address"]
    assert own["managed"]["code"] == 0, own
    assert own["row"] == ["10.231.9.1"]
    assert own["key"].startswith('restrict,from="10.231.9.1" ssh-ed25519 ')


def test_the_address_of_another_host(facts: dict[str, Any]) -> None:
    """It is refused, and what is installed stays as it is."""
    foreign = facts["foreign"]
    assert foreign["code"] == 78, foreign
    assert "MAST_SELF_HOST (10.231.9.77) is not an address of this host" in foreign["error"]
    assert foreign["left"] == NOTHING_LEFT


def test_without_a_client_nothing_is_tried(facts: dict[str, Any]) -> None:
    """The key is installed all the same, and it is said that it could not be tried."""
    client = facts["client"]
    assert client["code"] == 0, client
    assert "was not tried: there is no OpenSSH client" in client["said"]
    assert (client["report"]["tried"], client["report"]["problems"]) == (False, [])


def test_nothing_is_left_of_a_killed_trial(facts: dict[str, Any]) -> None:
    """Neither key, user nor line, at whatever moment the whole unit is killed."""
    kills = facts["kills"]
    assert len(kills["left"]) == 50
    wrong = [left for left in kills["left"] if left != NOTHING_LEFT]
    # The report is replaced as a whole, and may be missing only before there was one.
    assert wrong == [], kills["seed"]
    assert kills["users"] == 0


def test_nothing_of_it_touched_the_enrollment(facts: dict[str, Any]) -> None:
    """One row, whatever became of the login."""
    assert len(facts["server"]) == 1
