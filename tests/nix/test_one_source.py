"""What Debian and NixOS both have is written once; where it cannot be, the two are compared."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from nix.evaluator import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from nix.evaluator import Nix

SYSTEMD = ROOT / "systemd"
MODULE = "\n".join(path.read_text() for path in sorted((ROOT / "nix").glob("*.nix")))

#: Directives of mast.service that only Debian's has, or that say something else there, and why.
OF_DEBIAN = {
    "ExecStartPre": "the module's script, which runs the same lines",
    "ExecStart": "the release in /opt",
    "Environment": "compared below",
    "EnvironmentFile": "a path of its own",
    "StateDirectory": "NixOS' Mast keeps nothing on disk",
    "StateDirectoryMode": "as above",
    "WorkingDirectory": "as above",
}
OF_NIXOS = {"ExecStartPre", "ExecStart", "Environment", "EnvironmentFile", "WorkingDirectory"}
OF_NIXOS |= {"DynamicUser"}  # Debian's user is made by sysusers


def section(text: str, name: str = "Service") -> dict[str, list[str]]:
    """Return a section of a unit: the values of each directive, in their order."""
    found: dict[str, list[str]] = {}
    (body,) = re.findall(rf"^\[{name}\]$(.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    for line in body.splitlines():
        if "=" in line and not line.startswith("#"):
            directive, _, value = line.partition("=")
            found.setdefault(directive, []).append(value)
    return found


def variables(service: dict[str, list[str]]) -> dict[str, str]:
    """Return what the lines Environment= of a section come to."""
    each = [pair for line in service["Environment"] for pair in shlex.split(line)]
    return dict(pair.split("=", 1) for pair in each)


def test_mast_service(configurations: Any) -> None:
    """The module's mast.service has Debian's directives, but for those that are named above."""
    debian = section((SYSTEMD / "mast.service").read_text())
    nixos = section(configurations["minimal"]["units"]["mast"])
    assert {name: values for name, values in debian.items() if name not in OF_DEBIAN} == {
        name: values for name, values in nixos.items() if name not in OF_NIXOS
    }
    assert set(debian) >= set(OF_DEBIAN)
    assert len(set(debian) - set(OF_DEBIAN)) > 30


def test_environment_of_mast(configurations: Any) -> None:
    """What keeps Erlang on the loopback and secrets out of dumps is the same on both."""
    debian = variables(section((SYSTEMD / "mast.service").read_text()))
    nixos = variables(section(configurations["minimal"]["units"]["mast"]))
    own = {"MAST_BIN": "/opt/mast/bin/mast", "HOME": "/var/lib/mast"}
    assert {name: debian.pop(name) for name in own} == own
    assert {name: nixos.get(name) for name in debian} == debian
    module = {"PHX_HOST", "PORT", "DATABASE_URL"}
    assert set(nixos) - set(debian) == module | {"PATH", "LOCALE_ARCHIVE", "TZDIR"}


def test_what_runs_before_mast(configurations: Any) -> None:
    """The script before the start is Debian's mast-prepare, with the store's release."""
    script = configurations["minimal"]["preStart"]["mast"]["text"]
    lines = (SYSTEMD / "mast-prepare").read_text().split("\n", 1)[1]
    assert lines.rstrip() in script
    assert re.search(r"^export MAST_BIN=/nix/store/[^ ]*-mast/bin/mast$", script, re.MULTILINE)


def test_order(configurations: Any) -> None:
    """Both start Mast after the network and the database; NixOS' target stands for its setup."""
    debian = section((SYSTEMD / "mast.service").read_text(), "Unit")
    nixos = section(configurations["minimal"]["units"]["mast"], "Unit")
    assert debian["After"] == ["network.target postgresql.service postgresql.target"]
    assert nixos["After"] == ["network.target postgresql.target"]
    assert (debian["Description"], debian["Documentation"]) == (
        nixos["Description"],
        nixos["Documentation"],
    )


def test_rule_of_sshd(configurations: Any) -> None:
    """The rule for sshd is the file that Debian's package links, without its comments."""
    text = (SYSTEMD / "sshd.conf").read_text()
    rule = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    assert rule.startswith("Match User mast-managed\n")
    assert rule in configurations["self-managed"]["sshdConfig"]
    assert "PubkeyAuthentication yes" in rule


def test_commands_of_sudo(configurations: Any) -> None:
    """What sudo permits is what the file for Debian's sudo has, by the same tags."""
    text = (SYSTEMD / "sudoers.conf").read_text()
    permitted = configurations["sudo"]["sudoers"]
    for alias in ("MAST_JOURNAL", "MAST_FILES"):
        (command,) = re.findall(rf"^#Cmnd_Alias {alias} = /usr/bin/(.*)$", text, re.MULTILINE)
        (tags,) = re.findall(rf"^#mast-managed ALL=\(root\) (.*:) {alias}$", text, re.MULTILINE)
        assert f"{tags} /run/current-system/sw/bin/{command}" in permitted


def test_account(configurations: Any) -> None:
    """Mast logs in as the same user, of the same group, with a shell and without a home."""
    (entry,) = re.findall(
        r'^u (\S+) - ".*" (\S+) (\S+)$', (SYSTEMD / "sysusers.conf").read_text(), re.MULTILINE
    )
    members = re.findall(r"^m (\S+) (\S+)$", (SYSTEMD / "sysusers.conf").read_text(), re.MULTILINE)
    ((name, account),) = configurations["self-managed"]["users"].items()
    assert (entry[0], entry[1].strip("/"), entry[2]) == (name, "", "/bin/bash")
    assert account["home"] == "/var/empty"
    assert account["shell"].endswith("-bashInteractive")
    assert members == [(name, group) for group in account["extraGroups"]]


def test_the_module_repeats_none_of_it() -> None:
    """No directive of the sandbox, no line of the rule and no pattern of sudo is in a Nix file."""
    debian = section((SYSTEMD / "mast.service").read_text())
    rule = (SYSTEMD / "sshd.conf").read_text()
    words = re.findall(r"^    (\w+) ", rule, re.MULTILINE)
    shared = [name for name in debian if name not in OF_DEBIAN and name not in {"User", "Type"}]
    shared.remove("RuntimeDirectory")  # the cookie's path names it
    code = re.sub(r"^ *#.*$", "", MODULE, flags=re.MULTILINE)
    assert len(words) == 8
    own = {"UMask", "LimitCORE"}  # root's `mast` runs in a unit of its own
    assert [name for name in [*shared, *words] if re.search(rf"\b{name}\b", code)] == sorted(
        own, key=list(debian).index
    )
    assert "--output=cat$" not in MODULE


def reading(path: Path) -> str:
    """Return the expression that reads a unit."""
    return f"import {ROOT}/nix/unit-file.nix {{ inherit (harness) lib; }} {path}"


@pytest.mark.parametrize("name", sorted(path.name for path in SYSTEMD.glob("*.service")))
def test_units_are_read(nix: Nix, name: str) -> None:
    """The module reads of a unit what its lines say, in their order."""
    path = SYSTEMD / name
    made = nix(reading(path))
    assert list(made) == sorted(["Unit", "Service", "Install"])
    for each, directives in made.items():
        expected = section(path.read_text(), each)
        assert {
            directive: value if isinstance(value, list) else [value]
            for directive, value in directives.items()
        } == expected


@pytest.mark.parametrize(
    "text", ["[Service]\nExecStart=a \\\n b\n", "User=x\n", "[Service]\nUser\n"]
)
def test_units_that_need_more_are_refused(nix: Nix, tmp_path: Path, text: str) -> None:
    """A line that goes on, or that is no directive, is an error and not passed over."""
    (tmp_path / "x.service").write_text(text)
    assert "x.service: cannot read" in nix.refusal(reading(tmp_path / "x.service"))
