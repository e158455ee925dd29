"""The situation of NixOS on Debian 13: dbus-broker, DynamicUser=, a credential, no cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.releases import variant
from system.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

    from system.conftest import Base

pytestmark = pytest.mark.root

_BOTH = "[Service]\nDynamicUser=yes\n"
_AGENT = """\
LoadCredential=mast.env:/etc/mast.env
Environment=MAST_AGENT_ENV_FILE=%d/mast.env
"""


@pytest.fixture(scope="module")
def boots(
    debian_13: Base, release: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts of the first boot and of the second, of a release without a cookie."""
    without_cookie = variant("no-cookie", release, tmp_path_factory.mktemp("release") / "mast")
    directory = tmp_path_factory.mktemp("dynamic")
    with Machine(debian_13.layers, directory, binds={"/opt/mast": without_cookie}) as machine:
        _make_like_nixos(machine)
        return machine.boot("dynamic.py", "first_boot"), machine.boot("dynamic.py", "second_boot")


def _make_like_nixos(machine: Machine) -> None:
    """Take the static user away, and add what the NixOS module adds."""
    for name in ("passwd", "shadow", "group", "gshadow"):
        path = machine.root / "etc" / name
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text(
            "".join(line for line in lines if not line.startswith("mast:")), encoding="utf-8"
        )
    (machine.root / "usr/lib/sysusers.d/mast-agent.conf").unlink()
    environment = machine.root / "etc/mast.env"
    text = environment.read_text(encoding="utf-8").splitlines()
    text[0] = "DATABASE_URL=ecto://mast@localhost/mast?socket_dir=/run/postgresql"
    machine.write("etc/mast.env", "\n".join(text) + "\n", mode=0o600)
    unit = "etc/systemd/system/{}.service.d/nixos.conf"
    machine.write(unit.format("mast"), _BOTH)
    machine.write(unit.format("mast-agent"), _BOTH + _AGENT)
    machine.link(
        "etc/systemd/system/mast-agent.service.d/socket.conf",
        "/usr/share/mast-agent/systemd/socket.conf",
    )
    machine.link("etc/systemd/system/dbus.service", "/usr/lib/systemd/system/dbus-broker.service")


def test_the_machine_is_what_it_claims(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """dbus-broker is the bus, the user is dynamic, and the state lies in private/."""
    first, _ = boots
    assert first["bus"] == "dbus-broker.service"
    assert first["unit"] == {"DynamicUser": "yes", "User": "mast", "PrivateNetwork": "yes"}
    assert not first["static_user"]
    assert first["state_is_private"] == ["/", "var", "lib", "private"]


def test_it_enrolls_over_the_socket(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The dynamic user is the role's peer, and one boot enrolls the host."""
    first, _ = boots
    assert first["agent"]["SubState"] == "exited"
    assert len(first["servers"]) == 1
    assert first["evals"] == 1


def test_mast_gets_a_cookie_for_each_boot(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """A release without a cookie runs with one that is made anew, in a private file."""
    first, second = boots
    assert first["mast"] == "active"
    assert len(first["cookie"][0]) == len(second["cookie"][0]) == 64
    assert first["cookie"][0] != second["cookie"][0]
    assert first["cookie"][1] == "0o600"


def test_nobody_learns_of_it_over_the_bus(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """With state and runtime directory closed, systemd still tells nobody that it is enrolled."""
    first, _ = boots
    assert first["status"]["code"] == 0
    assert first["status_nobody"]["code"] == 0, first["status_nobody"]
    assert first["servers"][0] in first["status_nobody"]["text"]


def test_entries_reach_the_journal(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The dynamic user logs natively, fields included, and nothing shows a secret."""
    first, _ = boots
    assert [first["journal"][-1]["MAST_SERVER_ID"]] == first["servers"]
    assert first["leaks"] == []


def test_a_reboot_changes_nothing(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The record survives under another dynamic user id: one row, no second eval."""
    first, second = boots
    assert second["agent"]["SubState"] == "exited"
    assert second["servers"] == first["servers"]
    assert second["evals"] == 1
    assert second["status"]["code"] == 0


def test_nobody_learns_why_it_failed(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """A failed unit explains itself over the bus."""
    _, second = boots
    assert second["failed"]["ExecMainStatus"] == "78"
    assert second["failed_nobody"]["code"] == 1
    assert "/opt/nowhere/bin/mast does not exist" in second["failed_nobody"]["text"]
