"""docs/install/lxc.md, followed to the letter in an empty Debian 13, and on a clone of it.

On the way, on the machine that has enrolled itself: the commands of README.md and of access.md, and
those of troubleshooting.md, each after the fault that it is about has been made. At the end, with
everything removed from the clone: README's quick start.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from support import documents
from system import roots
from system.conftest import REPOSITORY
from system.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.root, pytest.mark.slow(60)]

PAGE = REPOSITORY / "docs/install/lxc.md"
TROUBLESHOOTING = REPOSITORY / "docs/troubleshooting.md"
#: Run where the page's machine has enrolled itself.
OTHERS = {
    "README.md": REPOSITORY / "README.md",
    "access.md": REPOSITORY / "docs/access.md",
    "troubleshooting.md": TROUBLESHOOTING,
}
RUNNER = "tests/system/test_lxc_document.py"
#: What the test runs instead, and why. Nothing else differs from the page.
SUBSTITUTIONS = {
    # The machine has no network; all packages but mast-agent are in its root already.
    "apt-get update": "true",
}


def _as_run() -> str:
    """Return the blocks as JSON with the substitutions made; each of them has to apply."""
    text = json.dumps(documents.by_heading(PAGE))
    for command, instead in SUBSTITUTIONS.items():
        assert text.count(command) == 1, command
        text = text.replace(command, instead)
    return text


def _others() -> dict[str, dict[str, list[str]]]:
    """Return the blocks of the other pages that are said to be run here."""
    return {
        name: {
            block.heading: [
                each.commands
                for each in documents.blocks(page)
                if each.runner == RUNNER and each.heading == block.heading
            ]
            for block in documents.blocks(page)
            if block.runner == RUNNER
        }
        for name, page in OTHERS.items()
    }


@pytest.fixture(scope="module")
def boots(
    release: Path, package: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts of the original machine, and of the clone."""
    directory = tmp_path_factory.mktemp("lxc")
    tarball = directory / "mast-0.5.0.tar.gz"
    subprocess.run(["tar", "-C", release, "-I", "gzip -1", "-cf", tarball, "."], check=True)
    with Machine([roots.obtain(roots.DEBIAN_13)], directory / "machine") as machine:
        machine.copy(package, f"root/{package.name}")
        machine.copy(tarball, f"root/{tarball.name}")
        machine.write("opt/page.json", _as_run())
        machine.write("opt/others.json", json.dumps(_others()))
        original = machine.boot("document.py", "original")
        machine.write("etc/hostname", "clone\n")
        machine.write("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 clone\n")
        return original, machine.boot("document.py", "clone")


def test_each_command_of_the_page_is_run(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """No section with commands is left out."""
    assert {*boots[0]["ran"], *boots[1]["ran"]} == set(documents.by_heading(PAGE))


def test_following_the_page_ends_enrolled(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The machine is enrolled under its host name, and the secrets are root's and mast's."""
    original, _ = boots
    assert original["servers"] == ["guest"]
    assert original["status"]["code"] == 0
    assert original["environment"] == ["640", "root", "mast"]


def test_the_readme_and_access_do_what_they_say(
    boots: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """Each of their commands is there, and succeeds."""
    others = boots[0]["others"]
    for name in ("README.md", "access.md"):
        for heading, section in others[name].items():
            for code, out, err, _ in section["ran"]:
                assert code == 0, (name, heading, out, err)
    (operate,) = others["README.md"]["Operate"]["ran"]
    assert "the dashboard has its host" in operate[1]
    (section,) = others["access.md"].values()
    assert "/var/lib/mast-agent-access/" in section["ran"][0][1]


@pytest.mark.parametrize("heading", documents.by_heading(TROUBLESHOOTING))
def test_troubleshooting(boots: tuple[dict[str, Any], dict[str, Any]], heading: str) -> None:
    """What the page has one look with names the fault, and what it says to do ends it."""
    section = boots[0]["others"]["troubleshooting.md"][heading]
    look, *rest = section["ran"]
    text = TROUBLESHOOTING.read_text(encoding="utf-8")
    (said,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    words = re.findall(r"`([a-z]+(?:-[a-z]+)*)`", said.partition("says ")[2].partition("\n\n")[0])
    if words:
        assert any(word in look[1] + look[2] for word in words), (words, look)
    for code, out, err, _ in rest:
        assert code == 0, (out, err)
    assert section.get("after", [0])[0] == 0, section["after"]


def test_root_is_told_what_the_service_is_told(
    boots: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """Over a socket with peer authentication, root asks as mast, and has the same verdict."""
    asked = boots[0]["asked"]
    for name, (code, out, err, _) in asked["check"].items():
        assert code == 0, (name, out, err)
    assert asked["check"]["root"][1].startswith("user: mast, the user of mast-agent.service\n")
    for name in ("root", "mast"):
        assert asked["status"][name]["code"] == 0, asked["status"][name]
        assert asked["status"][name]["database"]["reachable"], asked["status"][name]
        assert asked["stale"][name]["code"] == 5, asked["stale"][name]
    assert asked["again"]["code"] == 0, asked["again"]


def test_what_root_alone_may_read_is_said(
    boots: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """Root's `check` fails where the unit would: it could not read the environment file."""
    asked = boots[0]["asked"]
    code, _, err, _ = asked["unreadable"]
    assert code == 78
    assert "[env-file-unreadable, exit 78]" in err
    assert "chown root:mast /etc/mast.env; then: chmod 0640 /etc/mast.env" in err
    assert asked["readable"][0] == 0, asked["readable"]


def test_a_hand_run_is_not_in_the_units_way(
    boots: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    """`enroll` as root before the unit leaves nothing of root's, and the unit goes on with it."""
    by_hand = boots[0]["by_hand"]
    assert by_hand["ran"][0] == 0, by_hand["ran"]
    assert set(by_hand["owners"].values()) == {"mast"}, by_hand["owners"]
    assert {"/var/lib/mast-agent/enrollment.json", "/run/mast-agent/lock"} <= set(by_hand["owners"])
    assert by_hand["agent"]["SubState"] == "exited"
    assert by_hand["servers"] == ["guest"]


def test_what_root_left_is_moved_away(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Where a hand run once left root's directory for the eval, the unit enrolls all the same."""
    left = boots[0]["left_by_root"]
    assert left["agent"]["SubState"] == "exited", left["agent"]
    assert left["owner"] == "mast"
    assert left["servers"] == ["guest"]


def test_both_sandboxes_of_the_page_work(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The tight one has no network, the reduced one no namespace, and both end enrolled."""
    original, _ = boots
    assert original["tight"]["SubState"] == original["reduced"]["SubState"] == "exited"
    assert original["tight"]["PrivateNetwork"] == "yes"
    assert original["tight"]["ProtectSystem"] == "strict"
    assert original["reduced"]["PrivateNetwork"] == "no"
    assert original["reduced"]["ProtectSystem"] == "no"
    assert original["reduced_servers"] == ["guest"]


def test_the_template_has_no_identity(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Nothing is left that its clones would share: no table, record, secret or machine id."""
    assert boots[0]["template"] == {
        "tables": ["0"],
        "record": False,
        "environment": False,
        "machine_id": "",
    }


def test_a_clone_enrolls_itself(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The clone has a machine id of its own and enrolls under its own name."""
    _, clone = boots
    assert len(clone["machine_id"]) == 32
    assert clone["before"]["code"] == 3
    assert clone["servers"] == ["clone"]
    assert clone["host_keys"] >= 1


def test_purging_stops_everything(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """After the page's last command neither service runs."""
    assert boots[1]["left"] == ["inactive", "inactive"]


def test_the_quick_start_of_the_readme(boots: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Ten lines, with nothing there but Debian, end enrolled as the page does."""
    quick = boots[1]["quick"]
    assert quick["servers"] == ["clone"]
    assert quick["status"]["code"] == 0
    assert quick["environment"] == ["640", "root", "mast"]
