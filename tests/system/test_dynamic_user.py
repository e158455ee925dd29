"""The situation of NixOS on Debian 13: dbus-broker, DynamicUser=, a credential, no cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support.releases import variant
from system.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

    from system.conftest import Base

pytestmark = [pytest.mark.root, pytest.mark.slow(30)]

#: Remedies, as they are printed and carried out.
LET_THE_UNIT = "systemctl restart --no-block mast-agent; then: mast-agent status --wait"
HAVE_THE_USER = "systemd-run -p Type=exec -p DynamicUser=yes -p User=mast sleep 60"

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


def test_root_asks_as_the_dynamic_user(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Over the socket root is the role's peer too, and sees that the row is gone."""
    first, second = boots
    code, out, err, _ = first["check"]
    assert code == 0, (out, err)
    assert out.startswith("user: mast, the user of mast-agent.service\n")
    assert second["stale"]["code"] == 5, second["stale"]
    assert second["stale"]["database"]["reachable"]


def test_enrolling_by_hand_is_left_to_the_unit(
    boots: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """A hand run says that the unit has to do it, and what it says to do works."""
    first, _ = boots
    code, _, err, _ = first["by_hand"]
    assert code == 77
    assert "[service-user-dynamic, exit 77]" in err
    assert LET_THE_UNIT in err
    code, out, err, _ = first["let_the_unit"]
    assert code == 0, (out, err)


def test_a_user_who_is_not_there(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """With the units stopped, the missing user is named, and how to see more; and that works."""
    seen = boots[1]["without_user"]
    assert seen["user"] == 2
    code, _, err, _ = seen["check"]
    assert code == 78
    assert "[service-user-missing, exit 78]" in err
    assert HAVE_THE_USER in err
    assert "is a dynamic one" in seen["status"]["text"]
    assert HAVE_THE_USER in seen["status"]["text"]
    assert seen["remedy"][0] == 0, seen["remedy"]
    assert seen["check_with_it"][0] == 0, seen["check_with_it"]
    assert seen["status_with_it"]["database"]["reachable"], seen["status_with_it"]
