"""docs/nixpkgs.md names all that is taken from nixpkgs, and nothing that is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nix.evaluator import ROOT

if TYPE_CHECKING:
    from nix.evaluator import Nix

TEXT = (ROOT / "docs/nixpkgs.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("| ") and not line.startswith(("| what", "| ---"))
]
NAMED = {name for row in ROWS for name in re.findall(r"`([^`]+)`", row[0])}
#: What the functions are given by the flake itself, or has a default that is Nix'.
OURS = {"lib", "pkgs", "stdenv", "callPackage", "src", "version", "depsHash", "mast", "fetchGit"}
SOURCES = {
    path.name: re.sub(r"^ *#.*$", "", path.read_text(), flags=re.MULTILINE)
    for path in [ROOT / "flake.nix", *(ROOT / "nix").glob("*.nix"), *(ROOT / "nix/tests").glob("*")]
}
CODE = "\n".join(SOURCES.values())


def test_every_argument_is_there(nix: Nix) -> None:
    """Each package and function that our files ask nixpkgs for has a row."""
    files = ["package-mast", "package-agent", "mix-lock", "launcher", "shell"]
    asked = {
        name
        for each in files
        for name in nix(
            f"builtins.attrNames (builtins.functionArgs (import {ROOT}/nix/{each}.nix))"
        )
    }
    top = {name.split(".")[0] for name in NAMED}
    assert asked - OURS - top == set()


def test_every_python_package_is_there(nix: Nix) -> None:
    """Each of the agent's dependencies has a row."""
    made = nix(
        f"""
        let args = (harness.pkgs.callPackage {ROOT}/nix/package-agent.nix {{ }}).recorded; in
        map (package: package.name)
          (args.dependencies ++ args.build-system ++ args.nativeCheckInputs)
        """
    )
    assert {name.removeprefix("python3-") for name in made} <= NAMED


def test_every_option_is_there() -> None:
    """Each option of NixOS that the module sets or reads has a row, by its set at least."""
    sets = set(
        re.findall(r"\b(?:config|options)\.((?:services|security|networking|systemd)\.\w+)", CODE)
    )
    sets |= set(
        re.findall(r"^    (services\.\w+|networking\.\w+|systemd\.\w+)", CODE, re.MULTILINE)
    )
    sets -= {"services.mast"}
    assert len(sets) >= 6
    known = " ".join(NAMED)
    assert [each for each in sorted(sets) if each not in known] == []


def test_nothing_is_there_that_is_not_used() -> None:
    """What a row names is in our files, if only by its last word."""
    elsewhere = {
        "security.sudo-rs.enable",  # named in a warning
        "pytestCheckHook",
        "/run/postgresql",
        "postgresql-setup.service",
        "lib.hiPrio",
    }
    for name in NAMED - elsewhere:
        word = re.split(r"[. ]", name.strip("/"))[-1]
        assert re.search(rf"\b{re.escape(word)}\b", CODE), name


def test_rows_are_whole() -> None:
    """Each row says where it stands and since when."""
    assert len(ROWS) >= 30
    for row in ROWS:
        assert len(row) == 4, row
        assert all(row[:3]), row
