"""`make nix-proof`, with the stand-in for a nixpkgs tree: that it passes, and what makes it fail.

What it says of nixpkgs itself only a nixpkgs can tell; here its own machinery is held to its word.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from nix.evaluator import ROOT
from nix_proof.evaluation import reason
from nix_proof.rows import RESULTS
from nix_proof.summary import BEGIN, BOOTED, END

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow(15)

TREE = ROOT / "tests/nix/tree"
ROW = re.compile(rf"(.+?)  +({'|'.join(RESULTS)})(?: +([0-9.]+))?")

Rows = dict[str, str]
"""Claims with their result, and after a colon and a blank why it is that."""


def prove(root: Path, *arguments: str, tree: Path | str = "") -> tuple[int, Rows, str]:
    """Run the target in a copy of the repository, and return code, rows and what was printed."""
    done = subprocess.run(
        ["make", "--silent", "nix-proof", f"NIXPKGS={tree or root / 'tests/nix/tree'}", *arguments],
        cwd=root,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NIX_REMOTE": "dummy://"},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    rows: Rows = {}
    for line in done.stdout.splitlines():
        if found := ROW.fullmatch(line.rstrip()):
            rows[re.sub(r" \([^()]*\)$", "", found[1].strip())] = found[2]
        elif line.startswith("      ") and rows:
            rows[[*rows][-1]] += f": {line.strip()}"
    return done.returncode, rows, done.stdout + done.stderr


@pytest.fixture(scope="module")
def whole() -> tuple[int, Rows, str]:
    """All that can be asked of the stand-in, once."""
    return prove(ROOT)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What of the repository the proof reads, to be changed at will."""
    for name in ("agent", "docs", "nix", "packaging", "systemd", "tests/nix"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("Makefile", "flake.nix", "LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    """Replace what has to be there."""
    text = file.read_text()
    assert old in text, f"{file} has no {old}"
    file.write_text(text.replace(old, new))


def test_every_row_is_ok(whole: tuple[int, Rows, str]) -> None:
    """On a tree that has everything each row is ok, and the code is 0."""
    code, rows, printed = whole
    assert code == 0, printed
    assert set(rows.values()) == {"ok"}
    assert printed.rstrip().endswith(f"{len(rows)} rows: {len(rows)} ok, 0 too old, 0 FAILED")


def test_what_is_asked(whole: tuple[int, Rows, str]) -> None:
    """It is whole systems, twelve and more, each output for each platform, and a Darwin's shell."""
    _, rows, _ = whole
    assert len([claim for claim in rows if claim.startswith("a whole NixOS: ")]) >= 12
    for platform in ("x86_64-linux", "aarch64-linux"):
        outputs = {c.split()[2] for c in rows if c.endswith(f" for {platform}")}
        assert {"packages.mast", "packages.mast-agent", "apps.mast", "checks.loopback"} <= outputs
    assert "flake output devShells.default for aarch64-darwin" in rows


def test_what_is_taken_from_nixpkgs_is_listed() -> None:
    """The document about nixpkgs has a word about each thing whose presence is asked for."""
    document = (ROOT / "docs/nixpkgs.md").read_text()
    text = (ROOT / "nix/proof/needs.nix").read_text()
    names = re.findall(r'^ +"([^"$]+)"(?: =.*)?$', text, re.MULTILINE)
    assert len(names) > 30
    for name in names:
        # The last part of a path, without a version or an alternative after it.
        word = name.split(" ")[0].rstrip(",").rpartition(".")[2]
        assert word in document, name


def test_it_says_what_it_stands_on(whole: tuple[int, Rows, str]) -> None:
    """The tree, and what stood in for the other inputs, come before the table."""
    head = whole[2].splitlines()[:3]
    assert head[0].endswith("tests/nix/tree")
    assert head[1].endswith("a stand-in of two functions")
    assert head[2].endswith("a miniature of its source")


Mutation = tuple["Callable[[Path], None]", str, str, str]

MUTATIONS: dict[str, Mutation] = {
    "a wrong option name in the module": (
        lambda root: change(
            root / "nix/module-access.nix", "openFirewall = lib.mkIf", "openFireWall = lib.mkIf"
        ),
        "self-managed",
        "a whole NixOS: Mast that enrolls its own host",
        "openFireWall",
    ),
    "an option that NixOS has no more": (
        lambda root: change(
            root / "tests/nix/harness/nixos.nix", "packages = list types.package;", ""
        ),
        "self-managed",
        "a whole NixOS: Mast that enrolls its own host",
        "systemd.packages",
    ),
    "a renamed hook": (
        lambda root: change(
            root / "tests/nix/harness/pkgs.nix", '"pytestCheckHook"', '"pytestHook"'
        ),
        "packages.mast-agent",
        "the tree has what the flake and the module take from it",
        "has no python3Packages.pytestCheckHook",
    ),
    "a missing attribute": (
        lambda root: change(
            root / "tests/nix/harness/pkgs.nix", "importNpmLock.buildNodeModules", "importNpm.build"
        ),
        "packages.mast",
        "flake output packages.mast for x86_64-linux",
        "importNpmLock",
    ),
    "a module that warns": (
        lambda root: change(
            root / "tests/nix/tree/nixos/modules.nix",
            "config = {",
            'config = {\n    warnings = [ "this is deprecated" ];',
        ),
        "settings",
        "a whole NixOS: settings of Mast's",
        "warning: this is deprecated",
    ),
    "a claim that does not hold": (
        lambda root: change(root / "nix/module-units.nix", '"mast.service"', '"multi-user.target"'),
        "self-managed",
        "Mast's start wants the agent, and no target does",
        "it does not hold",
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_mutations_fail(copy: Path, name: str) -> None:
    """What breaks the flake or the module makes the row fail that says so, and the target."""
    mutate, only, row, why = MUTATIONS[name]
    mutate(copy)
    code, rows, printed = prove(copy, f"ONLY={only}")
    assert code == 2, printed  # make's, for any code of its own
    assert rows[row].startswith("FAILED: "), printed
    assert why in rows[row]


def test_too_old_is_no_failure(copy: Path) -> None:
    """What a tree is too old for is named, with the release that brought it; the code is 0."""
    change(copy / "tests/nix/tree/lib/default.nix", '"26.11"', '"24.05"')
    modules = copy / "tests/nix/tree/nixos/modules.nix"
    change(modules, "services.userborn.enable = off;", "")
    change(modules, "(lib.mkIf config.services.userborn.enable", "(lib.mkIf false")
    code, rows, printed = prove(copy, "ONLY=userborn")
    assert code == 0, printed
    why = "too old: the tree, of 24.05, has no services.userborn.enable, of 24.11"
    assert rows["a whole NixOS: users made by userborn"] == why

    # The same on a tree that is not older: it has moved.
    change(copy / "tests/nix/tree/lib/default.nix", '"24.05"', '"26.11"')
    code, rows, printed = prove(copy, "ONLY=userborn")
    assert code == 2, printed
    assert rows["a whole NixOS: users made by userborn"].startswith("FAILED: ")


def test_an_old_set_of_packages_is_named(copy: Path) -> None:
    """Where a package of ours needs what the tree is too old for, its row says what that is."""
    change(copy / "tests/nix/tree/lib/default.nix", '"26.11"', '"24.11"')
    change(copy / "tests/nix/harness/pkgs.nix", "elixir_1_19 = tool", "elixir_1_17 = tool")
    code, rows, printed = prove(copy, "ONLY=packages.mast")
    assert code == 0, printed
    assert rows["flake output packages.mast for x86_64-linux"] == (
        "too old: the tree, of 24.11, has no beam.packages.erlang_28.elixir_1_19, of 25.11"
    )


def test_no_tree(tmp_path: Path) -> None:
    """Without a tree, or with one that is not there, it says so and proves nothing."""
    for tree, said in (("", "NIXPKGS=PATH"), (f"{tmp_path}/gone", "there is no folder")):
        done = subprocess.run(
            ["make", "--silent", "nix-proof", f"NIXPKGS={tree}"],
            cwd=ROOT, check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 2
        assert said in done.stderr
        assert "claim" not in done.stdout


def test_a_tree_that_is_none(tmp_path: Path) -> None:
    """A folder that is no nixpkgs fails in its first row, with Nix's own reason."""
    code, rows, printed = prove(ROOT, tree=tmp_path)
    assert code == 2, printed
    assert [*rows.values()] == [rows["the flake has its outputs, and the tree a release"]]
    assert "lib" in next(iter(rows.values()))


def test_build_needs_a_store(whole: tuple[int, Rows, str]) -> None:
    """With BUILD=1 what cannot be built is a row that failed, and no traceback."""
    assert "the package is built by the tree's mixRelease" not in whole[1]
    code, rows, printed = prove(ROOT, "BUILD=1", "ONLY=nothing")
    assert code == 2, printed
    assert rows["the package is built by the tree's mixRelease"].startswith("FAILED: ")
    assert "Traceback" not in printed


def test_reason() -> None:
    """Of a long trace what remains is the cause, in one line, and where it is."""
    printed = (
        "error:\n       … while calling the 'derivationStrict' builtin\n         at «x»:1:1:\n\n"
        "       \x1b[31;1merror:\x1b[0m attribute 'mixRelease'\n       missing\n"
        "       at /tree/nix/package-mast.nix:57:1:\n           56| in\n"
    )
    assert reason(printed) == "attribute 'mixRelease' missing (/tree/nix/package-mast.nix:57:1)"
    assert reason("error: no") == "no"


def test_reason_of_a_build() -> None:
    """Of a build that failed it is what failed first, not what could not go on without it."""
    after = "error: 1 dependencies of derivation '/nix/store/x.drv' failed to build\n"
    mismatch = "error: hash mismatch in '/nix/store/y.drv':\n  specified: a\n  got: b\n"
    assert reason(f"trying\n{mismatch}{after}{after}") == (
        "hash mismatch in '/nix/store/y.drv': specified: a got: b"
    )
    later = "error: Cannot build '/nix/store/x.drv'.\n       Reason: 1 dependency failed.\n"
    assert reason(f"{mismatch}{later}") == reason(mismatch)
    failed = "error: builder for '/nix/store/y.drv' failed with exit code 1\n"
    log = "noise\n" * 99 + "foo.ex:1: error: it is undefined\n** (Mix) no such task\n"
    said = reason(f"{log}{failed}{after}")
    assert said.startswith("noise | noise")
    assert said.endswith(
        "| ** (Mix) no such task | builder for '/nix/store/y.drv' failed with exit code 1"
    )


def test_summary(copy: Path) -> None:
    """The table goes between the markers of a document, and leaves the rest as it is."""
    page = copy / "page.md"
    page.write_text(f"before\n\n{BEGIN}\nwas here\n{END}\n\nafter\n")
    code, _, printed = prove(copy, f"MARKDOWN={page}", "NOTE=Release {release}.")
    assert code == 0, printed
    text = page.read_text()
    assert text.startswith(f"before\n\n{BEGIN}\nRelease 26.11. Of 80 rows: 80 ok")
    assert text.endswith(f"|\n{END}\n\nafter\n")
    assert "was here" not in text
    assert prove(copy, f"MARKDOWN={copy}/README.md")[0] == 2  # which has no markers
    assert prove(copy, f"MARKDOWN={page}", "ONLY=sudo")[0] == 2  # which would leave the rest out
    assert page.read_text() == text
    for word in ("never run", "never built", "booted in a container", "evaluated"):
        assert word in text


def test_the_page_says_what_is_proven(whole: tuple[int, Rows, str]) -> None:
    """docs/install/nix.md has the table, and it knows each system, output and machine there is."""
    text = (ROOT / "docs/install/nix.md").read_text()
    table = text.partition(BEGIN)[2].partition(END)[0]
    for claim in whole[1]:
        if claim.startswith("a whole NixOS: "):
            assert claim.removeprefix("a whole NixOS: ") in table, claim
        elif claim.startswith("flake output "):
            name = claim.split()[2]
            assert f"`{name}`" in table or f"`{name.removeprefix('checks.')}`" in table, claim
    assert BOOTED in table
    assert (ROOT / BOOTED).exists()


def test_the_workflow_proves_it_weekly() -> None:
    """Every push and every week it runs against what is newest; a failed week opens an issue."""
    folder = ROOT / ".github/workflows"
    text = (folder / "nixpkgs.yml").read_text()
    for line in ("  push:", "    - cron: ", "failure() && github.event_name == 'schedule'"):
        assert line in text
    prove_step = text.partition("make nix-proof")[2].partition("shell: bash")[0]
    for each in ("BUILD=1", "NIXPKGS=github:NixOS/nixpkgs/nixos-unstable", "MAST=github:"):
        assert each in prove_step
    assert "gh issue create" in text
