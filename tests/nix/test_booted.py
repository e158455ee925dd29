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

pytestmark = pytest.mark.root

# As in tests/system/guest/inside.py, whose search for leaks looks for them.
SECRETS = {
    "SECRET_KEY_BASE": "canary-skb-" + "d41c" * 16,
    "MAST_VAULT_KEY": base64.b64encode(b"canary-vault-key-32-bytes-long-x").decode(),
    "MAST_REFERENCE_EVAL_LOG": "/var/lib/mast-agent/evals",
}
PASSWORD = "canary-password-7f3a"


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
    system = machines.System("", release)
    root = roots.obtain(roots.DEBIAN_13)
    with Machine([root], folder / "machine", binds=system.binds) as machine:
        system.put_into(machine, folder)
        machines.secrets(machine, SECRETS)
        return (
            machine.boot("nixos.py", "first_boot", seconds=300),
            machine.boot("nixos.py", "second_boot", seconds=300),
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
        return machine.boot("nixos.py", "without_database", seconds=300)


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
    """The distribution and epmd are on the loopback; 22 is the machine's own sshd."""
    first, _ = boots
    addresses = [line.split()[3] for line in first["listening"] if line]
    beyond = {
        each.rpartition(":")[2] for each in addresses if not each.startswith(("127.", "[::1]"))
    }
    assert beyond - {"22"} == {"4000"}, addresses
    assert "127.0.0.1:4369" in addresses


def test_the_cookie_is_made_for_each_start(boots: Boots) -> None:
    """The cookie is readable for Mast's user alone, and no start has that of another."""
    first, second = boots
    mode, text = first["cookie"]
    assert mode == "0o600"
    assert len(text.removeprefix("RELEASE_COOKIE=").strip()) == 64
    assert len({text, second["cookie"], second["restarted"]["cookie"]}) == 3


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
    """Both units keep their gates, and systemd's own critics have nothing to say."""
    analyzed = boots[0]["analyzed"]
    assert {unit: each["complaints"] for unit, each in analyzed.items()} == {
        "mast.service": "",
        "mast-agent.service": "",
    }
    assert analyzed["mast.service"]["exposure"] <= 2.0
    assert analyzed["mast-agent.service"]["exposure"] <= 0.3


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
