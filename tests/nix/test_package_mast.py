"""The package of Mast: what it asks of nixpkgs, and its phases, run for real."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from nix.conftest import BEAM_KINDS
from nix.evaluator import ROOT, Nix

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = ROOT / "tests/nix/mast"
# Where a phase names a file of nix/, the evaluation has made a store path of it.
_OWN_FILE = re.compile(r"/nix/store/[0-9a-z]{32}-(bootstrap\.ex|assets\.exs)")


def package(arguments: str = "") -> str:
    """Return the expression for the package with further arguments."""
    return (
        f"(harness.pkgs.callPackage {ROOT}/nix/package-mast.nix {{ src = {SOURCE}; {arguments} }})"
    )


@pytest.fixture
def recorded(nix: Nix) -> Any:
    """Evaluate the package; what cannot be JSON is named by its derivation."""
    return nix(
        f"""
        let args = {package()}.recorded; in
        removeAttrs args [ "beamPackages" "passthru" "src" ] // {{
          elixir = args.beamPackages.elixir.name;
          erlang = args.beamPackages.erlang.name;
          mixFodDeps = args.mixFodDeps.name;
          passthru = builtins.attrNames args.passthru;
        }}
        """
    )


def test_release(recorded: Any) -> None:
    """Mast is built by Elixir 1.19 on OTP 28, in the version that its mix.exs states."""
    assert (recorded["elixir"], recorded["erlang"]) == ("elixir-1.19", "erlang-28")
    assert (recorded["pname"], recorded["version"]) == ("mast", "0.5.0")
    assert recorded["strictDeps"] is True
    assert "removeCookie" not in recorded  # its default removes the cookie


def test_dependencies_need_no_hash(recorded: Any) -> None:
    """The dependencies come from mix.lock; no hash of them is kept anywhere."""
    assert recorded["mixFodDeps"] == "mast-0.5.0-mix-deps"
    sources = "".join(path.read_text() for path in (ROOT / "nix").glob("*.nix"))
    assert not re.search(r"sha256-[A-Za-z0-9+/=]{40,}", sources)


def test_the_classic_way_stays(nix: Nix) -> None:
    """With depsHash Mix fetches everything at once, under that one hash, with the same Elixir."""
    made = nix(
        f"""
        let deps = ({package('depsHash = "sha256-x";')}).recorded.mixFodDeps; in
        {{
          inherit (deps) name;
          inherit (deps.recorded) hash;
          elixir = deps.recorded.beamPackages.elixir.name;
        }}
        """
    )
    assert made == {
        "name": "mast-mix-deps-0.5.0-fetched",
        "hash": "sha256-x",
        "elixir": "elixir-1.19",
    }


def test_kinds_of_beam_packages(nix: Nix) -> None:
    """The derivation is the same with a scope whose `extend` throws, and with an older set."""
    both = f"""
        let classic = {package('depsHash = "sha256-x";')}; in
        {{ mast = {package()}.drvPath; classic = classic.drvPath; }}
    """
    made = [Nix(nix.lib, kind)(both) for kind in BEAM_KINDS]
    assert made[0] == made[1] == made[2]
    assert made[0]["mast"] != made[0]["classic"]


def test_the_stand_ins_are_as_nixpkgs_sets(nix: Nix) -> None:
    """A scope's `extend` throws, in nixpkgs' words, and an old set has no overrideScope."""
    packages = "harness.pkgs.beam.packages.erlang_28"
    said = nix.refusal(f"({packages}.extend (_: _: {{ }})).elixir.name")
    assert "has been replaced by 'beamPackages.overrideScope'" in said
    present = f"[ ({packages} ? extend) ({packages} ? overrideScope) ]"
    assert {kind: Nix(nix.lib, kind)(present) for kind in BEAM_KINDS} == {
        "scope": [True, True],
        "strict-scope": [False, True],
        "set": [True, False],
    }


def test_version_is_needed(nix: Nix, tmp_path: Path) -> None:
    """A source whose mix.exs states no version is refused with the remedy; `version` helps."""
    (tmp_path / "mix.exs").write_text("version: @version\n")
    build = f"(harness.pkgs.callPackage {ROOT}/nix/package-mast.nix {{ src = {tmp_path};"
    assert "pass `version`" in nix.refusal(build + " }).recorded.version")
    assert nix(build + ' version = "9.9"; }).recorded.version') == "9.9"


def test_meta_is_complete(recorded: Any) -> None:
    """`nix search` and `nix run` find what they need."""
    meta = recorded["meta"]
    assert meta["mainProgram"] == "mast"
    assert meta["license"]["spdxId"] == "MIT"
    assert meta["platforms"] == ["x86_64-linux", "aarch64-linux"]
    for field in ("description", "longDescription", "homepage", "changelog", "sourceProvenance"):
        assert meta[field], field
    assert not meta["description"].endswith(".")


def files(folder: Path) -> dict[str, str]:
    """Return the files below a folder with their content."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def run_phase(text: str, folder: Path, **environment: str) -> str:
    """Run a phase as the builder would and return what it prints."""
    text = _OWN_FILE.sub(lambda found: str(ROOT / "nix" / found[1]), text)
    return subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", text],
        cwd=folder, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip


def test_patch_phase_adds_one_file(recorded: Any, tmp_path: Path) -> None:
    """A source without a Bootstrap has exactly one more file after the patch phase."""
    source = tmp_path / "source"
    shutil.copytree(SOURCE, source)
    before = files(source)
    run_phase(recorded["postPatch"], source)
    after = files(source)
    added = {name: text for name, text in after.items() if before.get(name) != text}
    assert added == {"lib/mast/bootstrap.ex": (ROOT / "nix/bootstrap.ex").read_text()}
    assert set(before) <= set(after)


def test_patch_phase_respects_masts_own(recorded: Any, tmp_path: Path) -> None:
    """A Bootstrap that the source has is the one that is built."""
    source = tmp_path / "source"
    shutil.copytree(SOURCE, source)
    (source / "lib/mast/bootstrap.ex").write_text("# Mast's own")
    before = files(source)
    run_phase(recorded["postPatch"], source)
    assert files(source) == before


def test_assets_are_built_by_nixpkgs_tools(recorded: Any, tmp_path: Path) -> None:
    """After compiling: tailwind, esbuild and the digest, with the given programs and no others."""
    source = tmp_path / "source"
    shutil.copytree(SOURCE, source)
    (tmp_path / "modules/node_modules/chart.js").mkdir(parents=True)
    tools = {}
    for variable, tool in recorded["env"].items():
        name = tool.rpartition("/")[2]
        program = tmp_path / name
        program.write_text(
            f'#!/bin/sh\ntest -d assets/node_modules/chart.js || exit 1\necho {name} "$@"\n'
        )
        program.chmod(0o755)
        tools[variable] = str(program)
    environment = {"MIX_ENV": "prod", "HOME": str(tmp_path), **tools}
    run_phase("mix compile --no-deps-check", source, **environment)
    phase = re.sub(
        r"/nix/store/[0-9a-z]{32}-node-modules", str(tmp_path / "modules"), recorded["postBuild"]
    )
    printed = run_phase(phase, source, **environment).splitlines()
    assert printed == ["tailwindcss_4 mast --minify", "esbuild mast --minify", "digest"]
    assert not (source / "assets/node_modules").exists()
