"""The NixOS VM tests: evaluated as far as that goes here, run by `nix flake check`."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest
from nix.evaluator import ROOT, Nix

if TYPE_CHECKING:
    from typing import Any

NAMES = ["external-database", "late-database", "loopback", "self-managed"]


def evaluate(name: str) -> Any:
    """Evaluate a test, and the module with the settings of each of its nodes."""
    return Nix()(
        f"""
        let
          inherit (harness) lib;
          test = import {ROOT}/nix/tests/{name}.nix;
          common = import {ROOT}/nix/tests/common.nix {{ inherit lib; }};
          isMast = node: node ? services.mast;
          settings = lib.filterAttrs (_: isMast) test.nodes;
          evaluated = node: harness.evaluate {{
            services.mast = node.services.mast // {{ inherit (common.services.mast) environmentFile; }};
          }};
        in
        {{
          inherit (test) name testScript;
          nodes = builtins.attrNames test.nodes;
          made = lib.mapAttrs (_: evaluated) settings;
          secrets = lib.mapAttrs (_: node:
            common.environment.etc."mast-secrets.env".text
            + node.environment.etc."mast-secrets.env".text or "") settings;
        }}
        """  # noqa: E501
    )


@pytest.mark.parametrize("name", NAMES)
def test_machines_are_valid(name: str) -> None:
    """Each node's settings are ones that the module accepts in silence."""
    test = evaluate(name)
    assert test["name"] == f"mast-{name}"
    assert test["made"]
    for made in test["made"].values():
        assert (made["failed"], made["warnings"]) == ([], [])


@pytest.mark.parametrize("name", NAMES)
def test_scripts_are_python(name: str) -> None:
    """Each script is Python, speaks to the machines that there are, and asserts something."""
    test = evaluate(name)
    tree = ast.parse(test["testScript"])
    spoken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert set(test["nodes"]) <= spoken
    assert any(isinstance(node, ast.Assert) for node in ast.walk(tree))


@pytest.mark.parametrize("name", NAMES)
def test_machines_have_what_mast_needs(name: str) -> None:
    """The environment files have the secrets, and a database where none is made locally."""
    test = evaluate(name)
    for node, text in test["secrets"].items():
        given = set(re.findall(r"^([A-Z_]+)=", text, re.MULTILINE))
        local = test["made"][node]["postgresql"]["enable"]
        expected = {"SECRET_KEY_BASE", "MAST_VAULT_KEY"} | (set() if local else {"DATABASE_URL"})
        assert given == expected


def test_every_machine_test_is_a_check() -> None:
    """No file of nix/tests is left out of the checks."""
    files = {path.stem for path in (ROOT / "nix/tests").glob("*.nix")}
    assert files == {*NAMES, "default", "common", "database"}
    default = (ROOT / "nix/tests/default.nix").read_text()
    for name in NAMES:
        assert f"{name} = machine ./{name}.nix;" in default
