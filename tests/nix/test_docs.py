"""docs/install/nix.md says what the module does."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from mast_agent.config import envfile, mast_environment
from nix.evaluator import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from nix.evaluator import Nix

README = (ROOT / "README.md").read_text()
TEXT = (ROOT / "docs/install/nix.md").read_text()
BLOCKS = re.findall(r"^```nix\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
SHELL = re.findall(r"^```sh\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
#: Blocks that configure Mast and nothing that belongs to others.
SETTINGS = [
    block
    for block in BLOCKS
    if "services.mast" in block and not re.search(r"\b(age|sops|mast-nix)\b", block)
]


def body(block: str) -> str:
    """Return a block as an expression: what is no set yet are the attributes of one."""
    return block if re.search(r"^\{", block, re.MULTILINE) else f"{{ {block} }}"


def test_the_start_works_as_pasted(nix: Nix, tmp_path: Path) -> None:
    """The document starts with ten lines that are a whole flake, and enroll the host."""
    start = BLOCKS[0]
    assert len(start.splitlines()) <= 10
    assert TEXT.index(start) < TEXT.index("## ")
    (tmp_path / "flake.nix").write_text(start)
    (tmp_path / "configuration.nix").write_text('{ networking.hostName = "tower"; }')
    made = nix(
        f"""
        let
          flake = import {tmp_path}/flake.nix;
          nixosSystem = {{ modules }}: harness.lib.evalModules {{
            modules = [ {ROOT}/tests/nix/harness/nixos.nix ] ++ modules;
            specialArgs = {{ inherit (harness) pkgs; }};
          }};
          outputs = flake.outputs {{
            mast-nix = harness.flake // {{ inputs.nixpkgs.lib = {{ inherit nixosSystem; }}; }};
          }};
        in
        {{
          inherit (flake) inputs;
          inherit (outputs.nixosConfigurations.tower.config) assertions warnings rendered;
        }}
        """
    )
    assert made["inputs"] == {"mast-nix": {"url": "git+file:///etc/nixos/mast-nix"}}
    assert [each for each in made["assertions"] if not each["assertion"]] == []
    assert made["warnings"] == []
    assert made["rendered"]["wantedBy"]["mast-agent"] == ["mast.service"]
    assert "EnvironmentFile=/var/lib/secrets/mast.env" in made["rendered"]["units"]["mast"]


def test_the_secrets_of_the_start_are_accepted(tmp_path: Path) -> None:
    """The commands make a file that is root's alone, with two secrets that Mast accepts."""
    commands = SHELL[0].replace("/var/lib/secrets", str(tmp_path / "secrets"))
    assert commands != SHELL[0]
    subprocess.run(["bash", "-e", "-c", commands], check=True)
    file = tmp_path / "secrets/mast.env"
    assert file.stat().st_mode & 0o777 == 0o400
    assert file.parent.stat().st_mode & 0o777 == 0o700
    variables = envfile.read(file)
    assert set(variables) == {"SECRET_KEY_BASE", "MAST_VAULT_KEY"}
    assert len(variables["SECRET_KEY_BASE"]) == 64
    mast_environment.check(variables)


def test_the_quick_start_of_readme(nix: Nix) -> None:
    """README makes the same secrets, and its three lines are an input, a module, and settings."""
    section = README.split("## Quick start: NixOS\n")[1].split("\n## ")[0]
    secrets, *_ = re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    assert secrets == SHELL[0]
    (lines,) = re.findall(r"^```nix\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    address, module, settings = lines.splitlines()
    assert nix(f"{{ {address} }}") == {
        "inputs": {"mast-nix": {"url": "git+file:///etc/nixos/mast-nix"}}
    }
    kind = nix(f"let mast-nix = harness.flake; in builtins.typeOf ({module})")
    assert kind in {"lambda", "set"}, "what may stand in a list of modules"
    made = nix(f"harness.evaluate {{ imports = [ {{ {settings} }} ]; }}")
    assert (made["failed"], made["warnings"]) == ([], [])
    assert "mast-agent" in made["onPath"]


def test_the_repositorys_address_is_not_made_up() -> None:
    """Nothing stands for an address that the reader would have to know and replace."""
    assert not re.search(r"OWNER|REPOSITORY|example\.org/mast-nix", TEXT)
    (proof,) = re.findall(r"(?ms)^<!-- nix-proof: .*? -->$.*?^<!-- nix-proof: end -->$", TEXT)
    assert "make nix-proof" in proof


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_are_nix(nix: Nix, block: str) -> None:
    """Every block is Nix, on its own or as attributes of a configuration."""
    assert nix(f"builtins.isFunction ({{ config, lib, mast-nix }}: {body(block)})") is True


def test_blocks_are_accepted(nix: Nix) -> None:
    """Each block of settings, beside the one that turns Mast on, is accepted in silence."""
    (enabling,) = (block for block in SETTINGS if "enable = true" in block)
    others = [block for block in SETTINGS if block != enabling]
    assert len(others) >= 3
    for block in ["", *others]:
        made = nix(f"harness.evaluate {{ imports = [ {{ {enabling} }} {{ {block} }} ]; }}")
        assert (made["failed"], made["warnings"]) == ([], []), block
        assert "mast-agent" in made["onPath"]


def test_options_and_defaults(nix: Nix) -> None:
    """The table has every option, with the default that it has."""
    rows = re.findall(r"^\| ((?:`[A-Za-z.]+`(?:, )?)+) \| (.*?) \|", TEXT, re.MULTILINE)
    listed = {
        name: default.strip("`") for names, default in rows for name in re.findall("`(.*?)`", names)
    }
    known = nix(
        """
        let
          walk = path: value:
            if value._type or null == "option" then
              [ {
                name = builtins.concatStringsSep "." path;
                value = if value.default.type or null == "derivation" then null else value.default;
              } ]
            else
              builtins.concatMap (name: walk (path ++ [ name ]) value.${name})
                (builtins.attrNames value);
          options = (harness.system { }).options.services.mast;
        in
        builtins.listToAttrs (walk [ ] (removeAttrs options [ "environment" ]))
        """
    )
    assert set(listed) == set(known)
    for name, default in known.items():
        spelled = json.dumps(default).replace("{}", "{ }")
        assert listed[name] == ("the flake's" if "ackage" in name else spelled), name


def test_access_as_documented(nix: Nix) -> None:
    """What the document says of the user, the rule and sudo is what the module makes."""
    made = nix('harness.configurations."sudo"')
    assert list(made["users"]) == re.findall(r"^\| user \| `(.*?)`", TEXT, re.MULTILINE)
    assert made["users"]["mast-managed"]["extraGroups"] == ["systemd-journal"]
    assert "AuthorizedKeysFile /var/lib/mast-agent-access/%u" in made["sshdConfig"]
    permitted = re.findall(r'^\| `"(\w+)"` \| `(.*?)`', TEXT, re.MULTILINE)
    assert [name for name, _ in permitted] == ["journal", "files"]
    for _, command in permitted:
        program, arguments = command.split(" ", 1)
        filled = arguments.replace("UNIT", "mast.service").replace("PATH", "/var/log/app/a.log")
        (pattern,) = re.findall(rf"bin/{program} \^(.*?)\$(?:,|\n)", made["sudoers"])
        assert re.fullmatch(pattern, filled)


@pytest.mark.parametrize("block", [block for block in SHELL if "=…" not in block])
def test_commands_are_shell(block: str) -> None:
    """Every block of commands is shell, and every command of Mast's is one that exists."""
    subprocess.run(["bash", "-n", "-c", block], check=True)
    for called in re.findall(r"^mast (\w+)", block, re.MULTILINE):
        assert called in {"remote", "rpc", "eval"}
    for called in re.findall(r"^mast-agent (\w+)", block, re.MULTILINE):
        assert called in {"enroll", "status", "check", "reset", "access"}
