"""Debian 12: systemd 252 and Debian's oldest Python libraries, in a shorter run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from system.conftest import with_sshd
from system.test_access import upgrades_only

if TYPE_CHECKING:
    from system.conftest import Base

pytestmark = [pytest.mark.root, pytest.mark.slow(50)]


@pytest.fixture(scope="module")
def facts(debian_12: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of the first boot."""
    with debian_12.machine(tmp_path_factory.mktemp("debian-12")) as machine:
        return machine.boot("lifecycle.py", "short")


@pytest.fixture(scope="module")
def access(debian_12: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of a boot with sshd, which has no PerSourcePenalties here.

    Its operator wants no keys: that Mast gets in all the same is its own rule's doing.
    """
    with debian_12.machine(tmp_path_factory.mktemp("debian-12-access")) as machine:
        with_sshd(machine, penalties=False)
        machine.write("etc/ssh/sshd_config.d/operator.conf", "PubkeyAuthentication no\n")
        return machine.boot("access.py", "short")


def test_mast_logs_in(access: dict[str, Any]) -> None:
    """The boot installs the key, which opens the host to Mast, where keys open it to nobody."""
    assert access["file"]["text"].startswith('restrict,from="127.0.0.1,::1" ssh-ed25519 ')
    assert access["mast"] == {"code": 0, "out": "ok\n", "err": ""}
    assert access["analyzed"]["verify"] == ""
    assert access["analyzed"]["exposure"] <= 2.0


def test_sudo_permits_what_it_does_on_debian_13(access: dict[str, Any]) -> None:
    """Debian 12's sudo and apt read the expressions and the names as their successors do."""
    sudo = access["sudo"]
    assert all(sudo["allowed"].values()), sudo["allowed"]
    assert not any(sudo["denied"].values()), sudo["denied"]
    upgrades_only(sudo)
    for said in sudo["frontend"].values():
        assert "not allowed to set the following environment variables: DEBIAN_FRONTEND" in said
    assert not sudo["pager"]["ran"]


def test_the_package_installs(debian_12: Base) -> None:
    """It is content with Debian 12's packages, and leaves out what systemd 252 does not know."""
    assert debian_12.install["code"] == 0, debian_12.install["apt"]
    assert debian_12.install["enabled"]["mast-agent.service"] == "enabled\n"
    assert not debian_12.install["growing"]
    assert debian_12.install["bytecode"]


def test_the_first_boot_enrolls(facts: dict[str, Any]) -> None:
    """One boot ends enrolled with one row, and another start runs no eval."""
    assert facts["agent"]["SubState"] == "exited"
    assert len(facts["servers"]) == 1
    assert facts["again"] == {"evals": 1, "servers": facts["servers"]}


def test_nobody_learns_of_it(facts: dict[str, Any]) -> None:
    """`mast-agent status` says enrolled to everybody, and the journal has the fields."""
    assert facts["status_nobody"]["code"] == 0
    assert [facts["journal"][-1]["MAST_SERVER_ID"]] == facts["servers"]
    assert facts["leaks"] == []


def test_systemd_252_has_nothing_to_complain_about(facts: dict[str, Any]) -> None:
    """Neither the boot nor `systemd-analyze verify` warns, and the exposure is within the gates."""
    assert facts["complaints"] == []
    assert facts["units"]["verify"] == ""
    assert facts["units"]["exposure"]["mast-agent.service"] <= 1.1
    assert facts["units"]["exposure"]["socket"] <= 0.3
    assert facts["units"]["exposure"]["mast.service"] <= 2.0
