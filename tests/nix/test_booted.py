"""The module's units, booted: systemd, DynamicUser=, dbus-broker, the reference release."""

from __future__ import annotations

import base64
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from system import roots
from system.machine import Machine

from nix import machines

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.root, pytest.mark.slow(40)]

# As in tests/system/guest/inside.py, whose search for leaks looks for them.
SECRETS = {
    "SECRET_KEY_BASE": "canary-skb-" + "d41c" * 16,
    "MAST_VAULT_KEY": base64.b64encode(b"canary-vault-key-32-bytes-long-x").decode(),
    "MAST_REFERENCE_EVAL_LOG": "/var/lib/mast-agent/evals",
}
PASSWORD = "canary-password-7f3a"
KEYS = "/var/lib/mast-agent-access"


@pytest.fixture(scope="module")
def release(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make of the reference release what mixRelease leaves in the store."""
    missing = [tool for tool in ("systemd-nspawn", "debootstrap") if not shutil.which(tool)]
    if missing:
        reason = f"booting a machine needs {', '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("store")
    machines.release_as_in_the_store(reference, folder)
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def boots(
    release: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Boot a self-managed Mast with a local database, and boot it again."""
    folder = tmp_path_factory.mktemp("local")
    system = machines.System('selfManageSudo = [ "journal" "files" ];', release)
    root = roots.obtain(roots.DEBIAN_13)
    with Machine([root], folder / "machine", binds=system.binds) as machine:
        system.put_into(machine, folder)
        machines.secrets(machine, {**SECRETS, "MAST_REFERENCE_CHECK_SECONDS": "1"})
        return (
            machine.boot("nixos.py", "first_boot"),
            machine.boot("nixos.py", "second_boot"),
        )


@pytest.fixture(scope="module")
def late(release: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Boot one with an external database that comes up long after the boot."""
    folder = tmp_path_factory.mktemp("external")
    system = machines.System("database.createLocally = false;", release)
    root = roots.obtain(roots.DEBIAN_13)
    with Machine([root], folder / "machine", binds=system.binds) as machine:
        system.put_into(machine, folder)
        url = f"ecto://mast:{PASSWORD}@127.0.0.1:5432/mast"
        machines.secrets(machine, {"DATABASE_URL": url, **SECRETS})
        for unit in ("postgresql@17-main.service", "postgresql.service"):
            machine.link(f"etc/systemd/system/{unit}", "/dev/null")
        return machine.boot("nixos.py", "without_database")


Boots = tuple[dict[str, Any], dict[str, Any]]


def test_first_boot_enrolls(boots: Boots) -> None:
    """Mast migrates and starts as a dynamic user, and the agent enrolls the host, once."""
    first, _ = boots
    assert first["mast"] == {
        "ActiveState": "active",
        "DynamicUser": "yes",
        "User": "mast",
        "NRestarts": "0",
    }
    assert first["bus"] == "dbus-broker.service"
    assert first["http"].startswith("HTTP/1.1 200")
    assert first["agent"]["SubState"] == "exited"
    assert len(first["servers"]) == 1
    assert first["evals"] == 1
    assert first["status"]["code"] == 0, first["status"]
    assert first["status_nobody"]["code"] == 0, first["status_nobody"]


def test_the_agents_unit_is_the_packages(boots: Boots) -> None:
    """There is one unit to read, the package's, and beside it what NixOS adds."""
    first, _ = boots
    agent = first["fragments"]["mast-agent.service"]
    assert "mast-agent.service" in agent["FragmentPath"]
    drop_ins = [path.rpartition("/")[2] for path in agent["DropInPaths"].split()]
    assert drop_ins == ["growing-delays.conf", "overrides.conf"]
    assert (agent["Restart"], agent["RestartSteps"]) == ("on-failure", "8")


def test_nothing_listens_beyond_the_loopback_but_the_port(boots: Boots) -> None:
    """The distribution, epmd and the sshd that Mast alone asked for are on the loopback."""
    first, _ = boots
    addresses = [line.split()[3] for line in first["listening"] if line]
    beyond = {
        each.rpartition(":")[2] for each in addresses if not each.startswith(("127.", "[::1]"))
    }
    assert beyond == {"4000"}, addresses
    assert {"127.0.0.1:4369", "127.0.0.1:22", "[::1]:22"} <= set(addresses)


def test_the_cookie_is_made_for_each_start(boots: Boots) -> None:
    """The cookie is readable for Mast's user alone, and no start has that of another."""
    first, second = boots
    mode, text = first["cookie"]
    assert mode == "0o600"
    assert len(text.removeprefix("RELEASE_COOKIE=").strip()) == 64
    assert len({text, second["cookie"], second["restarted"]["cookie"]}) == 3


def test_the_agent_by_hand_has_the_units_settings(boots: Boots) -> None:
    """In root's bare shell, `mast-agent` finds the release, the secrets and Mast's way in."""
    first, _ = boots
    unit = dict(each.split("=", 1) for each in first["by_hand"]["unit"])
    status = first["status_json"]
    assert status["release"]["path"] == unit["MAST_BIN"]
    assert status["release"]["error"] is None
    assert status["database"]["asked"] is True
    assert status["database"]["reachable"] is True, status["database"]
    assert status["access"]["wanted"] is True
    assert first["status"]["code"] == 0, first["status"]
    check = first["by_hand"]["check"]
    assert check["code"] == 0, check
    assert check["out"][0] == "user: mast, the user of mast-agent.service"
    assert f"release: {unit['MAST_BIN']}, version" in check["out"][1], check
    assert not [line for line in check["out"] if "warning" in line], check


def test_roots_command(boots: Boots) -> None:
    """`mast` reaches the running node and evaluates, as the service's user; its code is Mast's."""
    command = boots[0]["command"]
    assert command["rpc"] == {"code": 0, "out": ["mast@localhost"], "err": ""}
    assert command["eval"] == {"code": 0, "out": ["evaluated"], "err": ""}
    assert command["who"]["out"] == ["mast"]
    assert command["failing"]["code"] == 3


def test_roots_command_on_a_terminal(boots: Boots) -> None:
    """Called from a terminal, `mast` gives the release one, which `remote` needs."""
    terminal = boots[0]["command"]["terminal"]
    assert terminal["code"] == 0
    assert '{:ok, "/dev/pts/' in "".join(terminal["out"])


def test_roots_command_is_roots(boots: Boots) -> None:
    """Nobody else gets anything but a sentence that says how."""
    nobody = boots[0]["command"]["nobody"]
    assert nobody["code"] == 77
    assert "sudo mast eval" in nobody["err"]


def test_roots_command_works_while_mast_is_down(boots: Boots) -> None:
    """Without the service there is no cookie, and `mast eval` still works."""
    command = boots[0]["command"]
    assert command["cookie_after_stop"] is False
    assert command["eval_while_down"] == {"code": 0, "out": ["evaluated"], "err": ""}


def test_sandbox(boots: Boots) -> None:
    """The units keep their gates, and systemd's own critics have nothing to say."""
    analyzed = boots[0]["analyzed"]
    assert {unit: each["complaints"] for unit, each in analyzed.items()} == {
        "mast.service": "",
        "mast-agent.service": "",
        "mast-agent-access.service": "",
    }
    assert analyzed["mast-agent-access.service"]["exposure"] <= 2.0
    assert analyzed["mast.service"]["exposure"] <= 2.0
    assert analyzed["mast-agent.service"]["exposure"] <= 0.3


def test_key(boots: Boots) -> None:
    """Each boot ends with Mast's one key in a file of root's, good from this host alone."""
    first, second = boots
    key = first["access"]["key"]
    assert key["unit"] == {"Result": "success", "ExecMainStatus": "0"}
    (text,) = key["texts"].values()
    assert text.startswith('restrict,from="127.0.0.1,::1" ssh-ed25519 ')
    assert text.count("\n") == 1
    assert text.endswith("\n")
    file = f"{KEYS}/mast-managed"
    assert key["owners"] == {KEYS: "root:root", file: "root:root"}
    assert key["modes"] == {KEYS: "0o755", file: "0o644"}
    assert second["key"] == key


def test_the_agent_sees_access(boots: Boots) -> None:
    """The agent finds user, key and a listening sshd, and nothing that keeps Mast out."""
    access = boots[0]["status_json"]["access"]
    assert (access["user"], access["key"]) == ("mast-managed", "installed")
    assert (access["wanted"], access["listening"], access["error"]) == (True, True, None)
    assert "cannot log in" not in boots[0]["status"]["text"]


def test_the_login_is_tried_and_works(boots: Boots) -> None:
    """The unit of access has logged in as Mast would before it came, and found nothing amiss."""
    report = boots[0]["login"]["report"]
    assert (report["tried"], report["why"], report["problems"]) == (True, "", []), report
    assert (report["host"], report["port"]) == ("127.0.0.1", 22)


def test_mast_comes(boots: Boots) -> None:
    """`status --managed --wait` ends with 0 once Mast has logged in and found the host up."""
    login = boots[0]["login"]
    assert login["wait"]["code"] == 0, login["wait"]
    assert login["row"] == ["up|22"]
    assert login["accepted"] >= 2


def test_account(boots: Boots) -> None:
    """Mast logs in as a user of its own with a shell, who reads the journal and owns nothing."""
    access = boots[0]["access"]
    name, _, uid, _, _, home, shell = access["account"]
    assert (name, home, shell) == ("mast-managed", "/var/empty", "/bin/bash")
    assert 0 < int(uid) < 1000
    assert access["groups"] == ["mast-managed", "systemd-journal"]


def test_sshd_reads_the_rule(boots: Boots) -> None:
    """The generated rule is one that sshd takes, for this user and for no other."""
    rules = boots[0]["access"]["rules"]
    mast, nobody = rules["mast-managed"], rules["nobody"]
    wanted = {
        "authorizedkeysfile": f"{KEYS}/%u",
        "authorizedkeyscommand": "none",
        "pubkeyauthentication": "yes",
        "authenticationmethods": "publickey",
        "disableforwarding": "yes",
        "x11forwarding": "no",
        "permittty": "no",
        "permituserrc": "no",
    }
    assert {name: mast[name] for name in wanted} == wanted
    assert "mast-agent-access" not in str(nobody)
    assert (nobody["permittty"], nobody["authenticationmethods"]) == ("yes", "any")


def test_sudo_follows_its_expressions(boots: Boots) -> None:
    """Of all commands sudo permits the two as Mast writes them, and no argument more."""
    sudo = boots[0]["access"]["sudo"]
    assert [command for command, code in sudo.items() if code == 0] == [
        "journalctl -u mast.service -f -n 200 --output=cat",
        "tail -n 200 -F /var/log/postgresql/postgresql-17-main.log",
    ]


def test_access_is_closed_and_opened_by_a_switch(boots: Boots) -> None:
    """Without access no key is left; turned on again, the agent runs and the key is back."""
    _, second = boots
    assert second["closed"] == []
    assert second["opened"]["code"] == 0
    assert second["opened"]["agent"]["SubState"] == "exited"
    assert second["opened"]["key"] == second["key"]


def test_a_start_of_mast_is_the_agents_cue(boots: Boots) -> None:
    """A restart of Mast, as a switch that turns selfManage on brings it, starts the agent."""
    assert boots[0]["pulled_in"] == "active"


def test_second_boot_and_restart_keep_one_row(boots: Boots) -> None:
    """After a reboot and after a restart of both units there is one row, from one eval."""
    first, second = boots
    assert second["servers"] == second["restarted"]["servers"] == first["servers"]
    assert second["evals"] == 1
    assert second["restarted"]["agent"]["SubState"] == "exited"


def test_no_secret_is_shown(boots: Boots, late: dict[str, Any]) -> None:
    """Journal, status, properties and files show none of the canaries, to root or to nobody."""
    assert boots[0]["leaks"] == []
    assert late["leaks"] == []


def test_the_boot_does_not_wait_for_the_database(late: dict[str, Any]) -> None:
    """With the database masked the boot is complete, and the agent says what it waits for."""
    assert late["multi_user"] == "active"
    assert late["agent"]["ActiveState"] == "activating"
    assert late["status"]["code"] == 3


def test_enrolled_when_the_database_has_come(late: dict[str, Any]) -> None:
    """Once the database is there, Mast migrates and the agent enrolls without anyone's help."""
    assert late["enrolled"]["SubState"] == "exited"
    assert len(late["servers"]) == 1
