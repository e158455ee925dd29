"""Debian 13, dbus-daemon, static user: from installing the package to purging it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from system import roots
from system.conftest import NEWER
from system.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

    from system.conftest import Base

pytestmark = [pytest.mark.root, pytest.mark.slow(40)]


@pytest.fixture(scope="module")
def boots(
    debian_13: Base, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts of the first boot with Mast enabled, and of the second."""
    with debian_13.machine(tmp_path_factory.mktemp("lifecycle")) as machine:
        return machine.boot("lifecycle.py", "first_boot"), machine.boot(
            "lifecycle.py", "second_boot"
        )


@pytest.fixture(scope="module")
def first(boots: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """The first boot."""
    return boots[0]


@pytest.fixture(scope="module")
def second(boots: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """The second boot."""
    return boots[1]


def test_installing_creates_the_user_and_enables_the_unit(debian_13: Base) -> None:
    """The package installs with Debian's own packages, and the agent is on the PATH."""
    facts = debian_13.install
    assert facts["code"] == 0, facts["apt"]
    assert facts["user"][0] == "mast"
    assert facts["user"][6].strip().endswith("nologin")
    assert facts["enabled"]["mast-agent.service"] == "enabled\n"
    assert facts["wanted_by"] == "mast.service"
    assert facts["growing"]
    assert facts["version"]
    assert facts["bytecode"]
    assert facts["completes"] == "status"
    assert facts["man"] == 0


def test_installing_starts_nothing(debian_13: Base) -> None:
    """Neither installing the package nor enabling mast.service starts anything."""
    facts = debian_13.install
    assert set(facts["state"].values()) == {"inactive"}
    assert facts["enabled"]["mast.service"] == "disabled\n"
    assert facts["state_after_enabling"] == "inactive"
    assert facts["status"]["code"] == 3


def test_the_first_boot_enrolls(first: dict[str, Any]) -> None:
    """Mast migrates and starts, the agent follows and is active (exited), with one row."""
    assert first["mast"] == {"ActiveState": "active", "SubState": "running"}
    assert first["http"] == "HTTP/1.1 200 OK"
    assert first["agent"]["ActiveState"] == "active"
    assert first["agent"]["SubState"] == "exited"
    assert first["agent"]["NRestarts"] == "0"
    assert first["failed"] == ""
    assert len(first["servers"]) == 1
    assert first["evals"] == 1


def test_root_and_nobody_learn_of_it(first: dict[str, Any]) -> None:
    """`mast-agent status` says enrolled, with the server's id, to everybody."""
    (server,) = first["servers"]
    for user in ("status", "status_nobody"):
        assert first[user]["code"] == 0, first[user]
        assert first[user]["text"].startswith("enrolled")
        assert server in first[user]["text"]
    assert first["status_json"]["exit"] == first["status_json"]["code"] == 0
    assert first["status_json"]["server"]["id"] == server


def test_the_record_names_the_row_and_is_private(first: dict[str, Any]) -> None:
    """The record holds the id that is in the database; only its owner reads it."""
    assert [first["record"]["server"]["id"]] == first["servers"]
    assert first["record_mode"] == "0o600"


def test_another_start_runs_no_eval(first: dict[str, Any]) -> None:
    """Restarting the unit on an enrolled machine succeeds and asks the database only."""
    assert first["again"] == {"code": 0, "evals": 1, "servers": first["servers"]}


def test_journal_entries_have_the_fields(first: dict[str, Any]) -> None:
    """Each entry has a MESSAGE_ID, a priority and a phase; the last one id and duration."""
    entries = first["journal"]
    for entry in entries:
        assert len(entry["MESSAGE_ID"]) == 32
        assert entry["SYSLOG_IDENTIFIER"] == "mast-agent"
        assert entry["_SYSTEMD_UNIT"] == "mast-agent.service"
        assert entry["PRIORITY"] in {"3", "4", "5", "6"}
        assert entry["MAST_PHASE"] in {"release", "database", "migrations", "enroll", "verify"}
    last = entries[-1]
    assert [last["MAST_SERVER_ID"]] == first["servers"]
    assert int(last["MAST_DURATION_USEC"]) > 0
    assert last["MAST_ATTEMPT"] == "1"


def test_the_catalog_explains_entries(first: dict[str, Any]) -> None:
    """`journalctl -x` prints the catalog's text, with the fields filled in."""
    assert "Subject: Mast has been asked to enroll this host" in first["explained"]
    assert f"Subject: This host is enrolled as server {first['servers'][0]}" in first["explained"]


def test_no_secret_can_be_seen(first: dict[str, Any]) -> None:
    """Neither argv, journal, status, state nor `systemctl show` has a canary."""
    assert any("Mast.Bootstrap.self_enroll!" in line for line in first["command_lines"])
    assert first["leaks"] == []


def test_erlang_listens_on_the_loopback_only(first: dict[str, Any]) -> None:
    """Mast's port is the only one that is open beyond the loopback."""
    addresses = [line.split()[3] for line in first["listening"].splitlines()]
    assert any(each.endswith(":4369") for each in addresses), "epmd does not listen"
    beyond = [each for each in addresses if not each.startswith(("127.", "[::1]"))]
    assert {each.rpartition(":")[2] for each in beyond} == {"4000"}


def test_systemd_finds_no_fault_in_the_units(first: dict[str, Any]) -> None:
    """`systemd-analyze verify` is silent; the exposure is within the gates."""
    assert first["units"]["verify"] == ""
    exposure = first["units"]["exposure"]
    assert exposure["mast-agent.service"] <= 1.1
    assert exposure["socket"] <= 0.3
    assert exposure["mast.service"] <= 2.0
    assert exposure["lxc"] <= 3.0


def test_a_reboot_changes_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    """After a reboot there is one row, no second eval, and status says enrolled."""
    assert second["agent"]["SubState"] == "exited"
    assert len(second["servers"]) == 1
    assert second["evals"] == first["evals"] + 1, "one by hand in the first boot, none since"
    assert second["status"]["code"] == 0
    assert [second["record"]["server"]["id"]] == second["servers"]


def test_upgrading_keeps_record_and_service(second: dict[str, Any]) -> None:
    """A newer package replaces the agent; Mast runs on, the record and the enabling stay."""
    upgrade = second["rules"]["upgrade"]
    assert upgrade["code"] == 0, upgrade["output"]
    assert upgrade["version"] == NEWER
    assert upgrade["same"]
    assert upgrade["enabled"] == "enabled"
    assert upgrade["status"] == 0
    assert upgrade["reload_needed"] == {"NeedDaemonReload": "no"}


def test_a_restart_of_mast_has_the_agent_look_again(first: dict[str, Any]) -> None:
    """One query, and no eval; a stop takes the agent's state along, and a start brings a run."""
    seen = first["with_mast"]
    runs = [seen[name] for name in ("before", "restarted", "started")]
    assert len({run["invocation"] for run in runs}) == 3
    assert {run["evals"] for run in runs} == {seen["before"]["evals"]}
    assert seen["restarted"]["servers"] == seen["started"]["servers"]
    assert seen["stopped"]["ActiveState"] == "inactive"
    assert seen["stopped"]["Result"] == "success"
    assert not any(seen["often"]), "nobody is locked out by restarting it"


def test_revoked_access_stays_revoked_over_a_boot(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Neither the boot nor a start of the unit brings the key; asking for it by hand does."""
    assert first["revoked"] == 0
    assert second["still_revoked"]["key"] is False
    assert second["still_revoked"]["status"]["code"] == 0
    assert "off: revoked on " in second["still_revoked"]["status"]["text"]
    assert second["allowed"] == {"code": 0, "key": True}


def test_sshds_rule_is_kept_like_a_configuration_file(second: dict[str, Any]) -> None:
    """Removed it stays removed, and what was written in its place stays so."""
    rules = second["rules"]
    assert rules["installed"] == "/usr/share/mast-agent/systemd/sshd.conf"
    assert not rules["upgrade"]["rule"]
    assert rules["removed"]["read_by_sshd"] == []
    assert rules["again"]["rule"] == "# the administrator's\n"
    assert rules["again"]["files"] == ["mast-agent.conf"]
    assert not rules["stays_removed"]


def test_installing_again_says_that_mast_is_stopped(second: dict[str, Any]) -> None:
    """Removing stops Mast and says so; installing again says how to start it, as it was before."""
    rules = second["rules"]
    assert "Stopping Mast" in rules["removed"]["said"]
    assert rules["removed"]["mast"] != "active"
    assert rules["removed"]["key"] is False
    assert "mask mast-agent-access" not in rules["removed"]["said"]
    assert "sudo mast-agent" not in rules["removed"]["said"], "no hint of what is gone"
    assert rules["again"]["code"] == 0
    assert "To start it: systemctl start mast" in rules["again"]["said"]
    assert "To start it" not in rules["upgrade"]["output"], "an upgrade leaves it running"
    assert rules["as_before"] == {"evals": second["evals"], "servers": second["servers"]}


def test_removing_keeps_the_record_and_purging_does_not(second: dict[str, Any]) -> None:
    """Removing stops both services; purging leaves /etc/mast.env and the database alone."""
    remove = second["remove"]
    assert remove["code"] == remove["purge_code"] == 0
    assert "running Mast" not in remove["units"]
    assert remove["record"]
    assert remove["left"] == []
    assert not remove["state"]
    assert remove["environment"]
    assert remove["enabled"] == []
    assert not remove["drop_in"]
    assert remove["rows"] == second["servers"]
    assert remove["rules"] == []


@pytest.fixture(scope="module")
def from_before(
    release: Path, package: Path, older_package: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The facts of a machine that had the package from before debhelper, and Mast running."""
    root, directory = roots.obtain(roots.DEBIAN_13), tmp_path_factory.mktemp("before-debhelper")
    with Machine([root], directory, binds={"/opt/mast": release}) as machine:
        machine.copy(older_package, "opt/packages/older.deb")
        machine.copy(package, "opt/packages/mast-agent.deb")
        return machine.boot("lifecycle.py", "from_before_debhelper")


def test_an_upgrade_from_hand_written_scripts_changes_nothing(from_before: dict[str, Any]) -> None:
    """Mast and the agent run on; what an administrator disabled, removed and revoked stays so."""
    upgrade = from_before["upgrade"]
    assert upgrade["code"] == 0, upgrade["output"]
    assert upgrade["version"] not in {"", "0.0.9"}
    assert upgrade["same"]
    assert upgrade["status"] == 0
    assert upgrade["reload_needed"] == {"NeedDaemonReload": "no"}
    assert from_before["same_run"]
    assert from_before["bytecode"]
    stands = {
        "enabled": {
            "mast-agent.service": "enabled",
            "mast-agent-access.service": "disabled",
            "mast.service": "enabled",
        },
        "revoked": True,
        "key": False,
        "rule": False,
    }
    assert from_before["upgraded"] == stands
    assert from_before["again"] == stands, "removed and installed again"


def test_what_hand_written_scripts_left_is_purged(from_before: dict[str, Any]) -> None:
    """Removing stops Mast, and purging leaves neither state nor links nor Mast's own user."""
    assert from_before["removed"] == {"key": False, "mast": "inactive\n"}
    purge = from_before["purge"]
    assert purge["code"] == purge["purge_code"] == 0
    assert purge["left"] == purge["enabled"] == purge["rules"] == []
    assert not purge["drop_in"]
    assert from_before["kept"] == from_before["state_files"] == []
    assert from_before["mast_user"] == 0
    assert from_before["user_left"] != 0
