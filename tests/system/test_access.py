"""Enrolled means managed: Mast logs in to the host that it enrolled, and nobody else does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from system.conftest import with_sshd

if TYPE_CHECKING:
    from system.conftest import Base

pytestmark = [pytest.mark.root, pytest.mark.slow(70)]

OK = {"code": 0, "out": "ok\n", "err": ""}
_PREFIX = 'restrict,from="127.0.0.1,::1" ssh-ed25519 '


@pytest.fixture(scope="module")
def boots(
    debian_13: Base, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts of the first boot and of the second."""
    with debian_13.machine(tmp_path_factory.mktemp("access")) as machine:
        with_sshd(machine, penalties=True)
        return (
            machine.boot("access.py", "first_boot"),
            machine.boot("access.py", "second_boot"),
        )


@pytest.fixture(scope="module")
def first(boots: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """The first boot."""
    return boots[0]


@pytest.fixture(scope="module")
def second(boots: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """The second boot."""
    return boots[1]


def _content(key: str) -> str:
    """Return the file that belongs to the public half of Mast's key."""
    kind, blob = key.split()
    return f'restrict,from="127.0.0.1,::1" {kind} {blob}\n'


def _refused(outcome: dict[str, Any]) -> bool:
    return outcome["code"] == 255 and "Permission denied (publickey" in outcome["err"]


def test_mast_logs_in_after_the_first_boot(first: dict[str, Any]) -> None:
    """Nobody did anything but boot: Mast runs a command on its own host."""
    assert first["mast"] == OK
    assert first["row"] == ["127.0.0.1|22|mast-managed"]
    assert set(first["probes"].values()) == {0}, first["probes"]


def test_the_file_is_roots_and_has_the_key_alone(first: dict[str, Any]) -> None:
    """One line, restricted, with the key that is in the database."""
    assert first["file"]["text"] == _content(first["key"])
    assert first["file"]["text"].startswith(_PREFIX)
    assert first["file"]["stat"] == ["644 root root", "755 root root"]
    assert first["file"]["names"] == ["mast-managed"]


def test_the_account(first: dict[str, Any]) -> None:
    """It has a shell and no password, and may read the journal."""
    assert first["account"][6] == "/bin/bash"
    assert first["password"].startswith(("!", "*"))
    assert set(first["groups"]) == {"mast-managed", "systemd-journal"}
    assert _refused(first["without_key"])


def test_the_unit(first: dict[str, Any]) -> None:
    """It has succeeded, keeps its gate, and systemd's critics have nothing to say."""
    assert first["unit"] == {
        "ActiveState": "inactive",
        "Result": "success",
        "ExecMainStatus": "0",
        "NRestarts": "0",
    }
    assert first["failed"] == ""
    assert first["analyzed"]["verify"] == ""
    assert first["analyzed"]["exposure"] <= 2.0


def test_status_and_check_say_so(first: dict[str, Any]) -> None:
    """Root and nobody are told that Mast can log in."""
    for user in ("status", "status_nobody"):
        assert first[user]["code"] == 0
        assert "mast-managed@127.0.0.1:22, key installed" in first[user]["text"], first[user]
        assert "cannot log in" not in first[user]["text"]
    access = first["status_json"]["access"]
    assert (access["wanted"], access["key"], access["listening"]) == (True, "installed", True)
    assert access["error"] is None
    assert "access: mast-managed at 127.0.0.1:22\n" in first["check"]


def test_the_journal_says_so(first: dict[str, Any]) -> None:
    """The entries have the phase, and the catalog says how to take it back."""
    granted, tried = [each for each in first["journal"] if "MAST_PHASE" in each]
    assert granted["MAST_PHASE"] == tried["MAST_PHASE"] == "access"
    assert "Mast may log in as mast-managed" in granted["MESSAGE"]
    assert "a login as Mast's, with a key of its own, worked" in tried["MESSAGE"]
    assert "Subject: Mast may log in to this host" in first["explained"]


def test_the_key_is_good_for_one_user(first: dict[str, Any]) -> None:
    """With the very key that Mast has nobody else's account opens."""
    assert (first["ssh"]["code"], first["ssh"]["out"]) == (0, "ok\n")
    for user, outcome in first["others"].items():
        assert _refused(outcome), (user, outcome)


@pytest.mark.parametrize("where", ["neighbour", "itself"])
def test_the_key_is_good_from_this_host_alone(first: dict[str, Any], where: str) -> None:
    """Another address reaches sshd and is refused, be it this host's own."""
    assert first["addresses"]["banner"] == "SSH-2.0-"
    assert _refused(first["addresses"][where]), first["addresses"][where]


@pytest.mark.parametrize("channel", ["local", "socket"])
def test_no_forwarding_to_this_host(first: dict[str, Any], channel: str) -> None:
    """Neither a port nor a socket is reached through the login."""
    outcome = first["channels"][channel]
    assert outcome["code"] == 255, outcome
    assert re.search("administratively prohibited|: open failed", outcome["err"]), outcome


def test_no_forwarding_from_this_host(first: dict[str, Any]) -> None:
    """No port is opened for the one who logs in."""
    outcome = first["channels"]["remote"]
    assert outcome["code"] == 255, outcome
    assert "remote port forwarding failed" in outcome["err"], outcome


def test_no_agent_no_x11_no_terminal(first: dict[str, Any]) -> None:
    """What is asked for beside a command is not given."""
    channels = first["channels"]
    assert channels["agent"]["out"] == "socket:\n", channels["agent"]
    assert channels["x11"]["out"] == "display:\n", channels["x11"]
    assert "PTY allocation request failed" in channels["pty"]["err"], channels["pty"]
    assert "/dev/" not in channels["pty"]["out"], channels["pty"]


def test_sudo_is_off_and_can_be_turned_on(first: dict[str, Any]) -> None:
    """By itself nothing is permitted; with the sample, what Mast runs is, and no more."""
    sudo = first["sudo"]
    assert not any(sudo["without"])
    assert (sudo["visudo"], sudo["sample"]) == (0, 0)
    assert all(sudo["allowed"].values()), sudo["allowed"]
    assert not any(sudo["denied"].values()), sudo["denied"]
    assert sudo["upgrade"]["code"] == 0, sudo["upgrade"]
    assert "Running MastWeb.Endpoint" in sudo["log"]["out"], sudo["log"]


def test_sudo_lets_packages_be_upgraded_only(first: dict[str, Any]) -> None:
    """What may stand for a package upgrades at most; a name that removes is refused."""
    upgrades_only(first["sudo"])


def upgrades_only(sudo: dict[str, Any]) -> None:
    """Assert of what sudo permits that apt makes no more than upgrades of it."""
    assert all(sudo["packages"].values()), sudo["packages"]
    assert not any(sudo["no_packages"].values()), sudo["no_packages"]
    assert "Remv procps" in sudo["apt"].pop("procps-"), "apt has the suffix that removes"
    assert sudo["apt"]["procps+"] == ["Inst procps"], "apt has newer versions to install"
    for name, steps in sudo["apt"].items():
        assert set(steps) <= {"Inst procps"}, name


def test_sudo_lets_no_code_into_debconf(first: dict[str, Any]) -> None:
    """The name of its frontend is Perl to debconf: the one that Mast gives is kept, no other."""
    for said in first["sudo"]["frontend"].values():
        assert "not allowed to set the following environment variables: DEBIAN_FRONTEND" in said


def test_sudo_starts_no_pager(first: dict[str, Any]) -> None:
    """Two arguments in one pass for three; what journalctl would do then is prevented."""
    pager = first["sudo"]["pager"]
    assert "Failed to execute" in pager["said"], pager
    assert not pager["ran"]


def test_no_secret_can_be_seen(first: dict[str, Any]) -> None:
    """Neither journal, status, properties nor files show a canary."""
    assert first["leaks"] == []


def test_a_reboot_changes_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    """The same key opens the same door, and no eval was needed."""
    assert second["mast"] == OK
    assert second["file"] == first["file"]
    assert second["evals"] == 1


def test_new_key_in_old_key_out(second: dict[str, Any]) -> None:
    """After the row was deleted, a restart of the agent is enough; the old key opens nothing."""
    again = second["again"]
    assert again["stale"]["code"] == 5
    assert again["mast"] == OK
    assert again["file"]["text"] == _content(again["key"])
    assert again["file"]["text"] != second["file"]["text"]
    assert _refused(again["old_key"]), again["old_key"]


def test_silent_sshd_is_named(second: dict[str, Any]) -> None:
    """With sshd stopped the host is enrolled, and the first line says what to do."""
    silent = second["silent"]
    assert silent["status"]["code"] == 0
    line = silent["status"]["text"].splitlines()[0]
    assert "Mast cannot log in: nothing listens at 127.0.0.1:22" in line
    assert "systemctl start ssh" in silent["status"]["text"]
    assert "access: warning: nothing listens at 127.0.0.1:22" in silent["check"]


def test_revoking_closes_the_door_at_once(second: dict[str, Any]) -> None:
    """After --revoke the next login fails, and nothing of it is left."""
    revoked = second["revoked"]
    assert revoked["mast"]["code"] == 1
    assert "Unable to connect using the available authentication methods" in revoked["mast"]["err"]
    assert revoked["file"] == {}
    assert "also over restarts and boots, until: mast-agent access" in revoked["said"]


def test_revoked_stays_revoked(second: dict[str, Any]) -> None:
    """No start of a unit brings the key back, and everybody is told why and what to do."""
    revoked = second["revoked"]
    assert revoked["started"]["file"] == {}
    assert revoked["started"]["unit"]["Result"] == "success"
    assert "nothing to do: access was revoked on" in revoked["started"]["unit"]["StatusText"]
    for asker, sudo in (("status", ""), ("status_nobody", "sudo ")):
        said = revoked[asker]
        assert said["code"] == 0, said
        assert "cannot log in" not in said["text"], said
        assert re.search(
            f"access      off: revoked on 20.*; to allow it again: {sudo}mast-agent access\n",
            said["text"],
        ), said


def test_asked_for_by_hand_it_is_open_again(second: dict[str, Any]) -> None:
    """What the status names as the way back is the way back."""
    allowed = second["allowed"]
    assert allowed["said"]["code"] == 0, allowed
    assert allowed["mast"] == OK
    assert "key installed" in allowed["status"]["text"]


def test_link_in_the_directorys_place(second: dict[str, Any]) -> None:
    """Sshd follows a link in the place of the directory: revoking takes it away."""
    linked = second["linked"]
    assert linked["before"]["out"] == "ok\n", linked
    assert linked["said"]["code"] == 0, linked
    assert "removed /var/lib/mast-agent-access" in linked["said"]["said"], linked
    assert _refused(linked["after"]), linked
    assert (linked["link"], linked["untouched"]) == (False, True)
    said, ssh = linked["allowed"]
    assert (said["code"], ssh["out"]) == (0, "ok\n"), linked


def test_key_that_sshd_finds_elsewhere(second: dict[str, Any]) -> None:
    """While sshd lets Mast in by another file, revoking fails and names the file."""
    elsewhere = second["elsewhere"]
    assert elsewhere["after"]["out"] == "ok\n", elsewhere
    assert elsewhere["said"]["code"] == 78, elsewhere
    assert "/srv/keys/mast-managed" in elsewhere["said"]["said"], elsewhere
    assert "[access-key-elsewhere, exit 78]" in elsewhere["said"]["said"], elsewhere
    said, ssh = elsewhere["again"]
    assert said["code"] == 0, elsewhere
    assert _refused(ssh), elsewhere


@pytest.mark.parametrize(
    ("what", "remedy"), [("file", "findmnt"), ("directory", "mount -o remount,rw")]
)
def test_key_that_cannot_be_removed(second: dict[str, Any], what: str, remedy: str) -> None:
    """A key that stays is a failure with a remedy that fits, for root too."""
    said, ssh = second["mounted"][what]
    assert ssh["out"] == "ok\n", second["mounted"]
    assert said["code"] == 77, said
    assert "/var/lib/mast-agent-access/mast-managed cannot be changed" in said["said"]
    assert remedy in said["said"], said
    said, ssh = second["mounted"]["again"]
    assert said["code"] == 0, said
    assert _refused(ssh), ssh


def test_masked_unit_keeps_it_closed(second: dict[str, Any]) -> None:
    """A host on which access is not wanted counts as enrolled, without a complaint."""
    masked = second["masked"]
    assert masked["agent"]["SubState"] == "exited"
    assert masked["file"] == {}
    assert masked["mast"]["code"] == 1
    assert masked["status"]["code"] == 0
    assert "cannot log in" not in masked["status"]["text"]
    assert "  off           access\n" in masked["status"]["text"]


def test_unmasked_unit_opens_it_again(second: dict[str, Any]) -> None:
    """Unmasking and a restart of the agent are enough: nothing was revoked."""
    assert second["unmasked"]["mast"] == OK


def test_removing_the_package_closes_the_door(second: dict[str, Any]) -> None:
    """Once the package is gone the key opens nothing, and nothing of it is left."""
    removed = second["removed"]
    assert removed["worked_before"] == 0
    assert (removed["code"], removed["purge_code"]) == (0, 0)
    assert _refused(removed["ssh"]), removed["ssh"]
    assert not removed["directory"]
    assert not removed["rule"]
    assert removed["rules"] == []
    assert "/var/lib/mast-agent-access" not in removed["effective"]
    assert removed["account"] == ""
    assert removed["enabled"] == []
