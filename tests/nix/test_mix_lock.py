"""mix.lock, read by Nix and turned into the dependency tree that mixRelease takes."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from nix.evaluator import ROOT, Nix, literal

if TYPE_CHECKING:
    from pathlib import Path

EVERY_KIND = (ROOT / "tests/nix/every-kind.lock").read_text()
INNER, OUTER = "1" * 64, "2" * 64


def packages(nix: Nix, lock: str) -> dict[str, dict[str, object]]:
    """Return what the lock file says."""
    found: dict[str, dict[str, object]] = nix(f"harness.mixLock.packages {literal(lock)}")
    return found


def entry(name: str, term: str) -> str:
    """Return a lock file with one entry."""
    return f'%{{\n  "{name}": {term},\n}}\n'


def test_hex_entry(nix: Nix) -> None:
    """A Hex entry gives package, version, managers and both checksums."""
    assert packages(nix, EVERY_KIND)["bandit"] == {
        "scm": "hex",
        "name": "bandit",
        "package": "bandit",
        "version": "1.11.1",
        "innerHash": INNER,
        "managers": ["mix"],
        "outerHash": OUTER,
    }


def test_application_and_package_differ(nix: Nix) -> None:
    """The key names the application, and with it the folder; the tuple names the package."""
    found = packages(nix, EVERY_KIND)["certifi_app"]
    assert (found["name"], found["package"]) == ("certifi_app", "certifi")
    assert found["version"] == "2.15.0+build.1"
    assert found["managers"] == ["rebar3", "make"]


def test_git_entries(nix: Nix) -> None:
    """A git entry gives URL and revision, and the options that decide what is fetched."""
    found = packages(nix, EVERY_KIND)
    assert found["heroicons"] == {
        "scm": "git",
        "name": "heroicons",
        "url": "https://github.com/tailwindlabs/heroicons.git",
        "rev": "0435d4ca364a608cc75e2f8683d374e55abbae26",
        "tag": "v2.2.0",
        "branch": None,
        "sparse": "optimized",
        "submodules": False,
    }
    assert (found["branched"]["branch"], found["branched"]["submodules"]) == ("main", True)
    assert found["nested"]["sparse"] == "apps/one.two"
    assert (found["plain"]["tag"], found["plain"]["branch"]) == (None, None)


def test_comments_and_arrows(nix: Nix) -> None:
    """Comments are passed over, and `key => value` is read like `key: value`."""
    assert sorted(packages(nix, EVERY_KIND)) == [
        "bandit", "branched", "certifi_app", "heroicons", "nested", "plain", "telemetry",
    ]  # fmt: skip


def test_empty_map(nix: Nix) -> None:
    """A project without dependencies has an empty map, which is no error."""
    assert packages(nix, "%{\n}\n") == {}


HEX = f'{{:hex, :jason, "1.4.5", "{INNER}", [:mix], [], "hexpm"'
REVISION = "0" * 40
MALFORMED = {
    "no outer checksum": (
        entry("jason", HEX + "}"),
        "jason: the entry has no outer checksum",
        "run `mix deps.get` with Hex 0.20 or newer",
    ),
    "outer checksum too short": (entry("jason", HEX + ', "22"}'), "jason: the outer checksum", ""),
    "another repository": (
        entry("jason", HEX.replace('"hexpm"', '"hexpm:acme"') + f', "{OUTER}"}}'),
        "jason: it comes from the repository 'hexpm:acme'",
        "use depsHash",
    ),
    "a name that leads out of the tree": (
        entry("../jason", HEX + f', "{OUTER}"}}'),
        "../jason: the application's name is missing or malformed",
        "",
    ),
    "a package that leads elsewhere": (
        entry("jason", HEX.replace(":jason", ':"../x"') + f', "{OUTER}"}}'),
        "jason: the application's name is missing or malformed ('../x')",
        "",
    ),
    "a version that leads elsewhere": (
        entry("jason", HEX.replace("1.4.5", "../../x") + f', "{OUTER}"}}'),
        "jason: the version is missing or malformed ('../../x')",
        "",
    ),
    "a path for a URL": (
        entry("local", f'{{:git, "/home/me/local", "{REVISION}", []}}'),
        "local: the URL is missing or malformed ('/home/me/local')",
        "",
    ),
    "a sparse folder that leads out": (
        entry("x", f'{{:git, "https://e.org/x", "{REVISION}", [sparse: "../up"]}}'),
        "x: the folder is missing or malformed ('../up')",
        "",
    ),
    "a revision that is a name": (
        entry("x", '{:git, "https://e.org/x", "main", []}'),
        "x: the revision is missing or malformed ('main')",
        "",
    ),
    "neither Hex nor git": (
        entry("x", '{:path, "../x"}'),
        "x: neither a Hex nor a git entry",
        "use depsHash",
    ),
    "no tuple": (entry("x", '"1.0"'), "x: the entry is not a tuple", ""),
    "an empty tuple": (entry("x", "{}"), "x: the entry is empty", ""),
    "no map": ("[]", "mix.lock: it holds no map", ""),
    "nothing": ("  \n", "mix.lock: it is empty", ""),
    "cut off": ('%{"x": {:hex, [:mix', "mix.lock: the file ends in the middle of an entry", ""),
    "cut off in a string": ('%{"x": {:hex, "1.0', "mix.lock: cannot read '\"'", ""),
    "an entry without a name": ("%{{:hex}}", "mix.lock: an entry has no name", ""),
    "a conflict of git": ("%{\n<<<<<<< HEAD\n}", "mix.lock: cannot read '<<<<<<<", ""),
    "something behind": ("%{}\n%{}", "mix.lock: something follows the last term: '%{'", ""),
    "a comma missing": ('%{"a": {} "b": {}}', "mix.lock: a comma was expected", ""),
}


@pytest.mark.parametrize(("lock", "message", "remedy"), MALFORMED.values(), ids=MALFORMED)
def test_refusals(lock: str, message: str, remedy: str) -> None:
    """What cannot be fetched by its own checksum is refused, naming entry and remedy."""
    said = Nix().refusal(f"harness.mixLock.packages {literal(lock)}")
    assert message in said
    assert remedy in said


def test_long_lock_file(tmp_path: Path) -> None:
    """A lock file of 400 entries with 30 dependencies each is read, without a stack overflow."""
    dependencies = ", ".join(
        f'{{:d{n}, "~> 1.0", [hex: :d{n}, repo: "hexpm", optional: false]}}' for n in range(30)
    )
    lock = "".join(
        f'  "p{n}": {{:hex, :p{n}, "1.0.{n}", "{INNER}", [:mix], [{dependencies}], "hexpm", '
        f'"{OUTER}"}},\n'
        for n in range(400)
    )
    file = tmp_path / "mix.lock"
    file.write_text("%{\n" + lock + "}\n")
    names = Nix()(f"builtins.attrNames (harness.mixLock.packages (builtins.readFile {file}))")
    assert len(names) == 400


def test_hex_is_fetched_by_its_outer_checksum(nix: Nix) -> None:
    """Each Hex entry becomes one fetched package; the tree has no hash of its own."""
    recorded = nix(
        "let tree = harness.mixLock.importMixLock"
        f' {{ name = "deps"; lockFile = {ROOT}/tests/nix/every-kind.lock; }}; in tree.recorded'
    )
    assert "outputHash" not in recorded
    for line in (
        "hex bandit /nix/store/",
        "-bandit-1.11.1\n",
        "hex certifi_app /nix/store/",
        "-certifi-2.15.0+build.1\n",
    ):
        assert line in recorded["text"]


def test_fetch_arguments(nix: Nix) -> None:
    """A tarball is fetched by its outer checksum; a tag alone, a branch with its history."""
    calls = nix(
        f"""
        let
          record = import {ROOT}/nix/mix-lock.nix {{
            inherit (harness) lib;
            fetchHex = args: builtins.toJSON args;
            fetchGit = args: builtins.toJSON args;
            runCommand = _: _: text: text;
          }};
        in
        record.importMixLock {{ name = "deps"; lockFile = {ROOT}/tests/nix/every-kind.lock; }}
        """
    )
    assert f'{{"pkg":"bandit","sha256":"{OUTER}","version":"1.11.1"}}' in calls
    lines = {line.split()[1]: line for line in calls.splitlines() if line.startswith("git ")}
    assert '"ref":"refs/tags/v2.2.0"' in lines["heroicons"]
    assert '"shallow":true' in lines["heroicons"]
    assert '"ref":"refs/heads/main"' in lines["branched"]
    assert '"submodules":true' in lines["branched"]
    assert "shallow" not in lines["branched"]
    assert '"allRefs":true' in lines["plain"]


def test_assembled_tree(nix: Nix, tmp_path: Path) -> None:
    """The build script, run for real, makes the tree that Mix takes for fetched dependencies."""
    # As fetchHex leaves it: the package's content, Hex's metadata, and its manifest.
    package = tmp_path / "jason-1.4.5"
    for name, text in (
        ("lib/jason.ex", "# code"),
        ("hex_metadata.config", '{<<"app">>,<<"jason">>}.'),
        (".hex", f"jason,1.4.5,{INNER},hexpm"),
    ):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
        (package / name).chmod(0o444)
    icons = tmp_path / "icons"
    for name in ("optimized/24/x.svg", "src/y.svg"):
        (icons / name).parent.mkdir(parents=True)
        (icons / name).write_text(name)
    (icons / "optimized/24/x.svg").chmod(0o444)  # as in the store
    lock = tmp_path / "mix.lock"
    lock.write_text(
        f'%{{"icons": {{:git, "https://e.org/i", "{REVISION}", [sparse: "optimized"]}},'
        f'"jason": {HEX}, "{OUTER}"}}}}'
    )
    script = nix(
        f"""
        (import {ROOT}/nix/mix-lock.nix {{
          inherit (harness) lib;
          fetchHex = args: assert args.sha256 == "{OUTER}"; {literal(str(package))};
          fetchGit = _: {literal(str(icons))};
          runCommand = _: _: text: text;
        }}).importMixLock {{ name = "deps"; lockFile = {lock}; }}
        """
    )
    out = tmp_path / "out"
    subprocess.run(
        ["bash", "-eu", "-c", script], env={"PATH": "/usr/bin:/bin", "out": str(out)}, check=True
    )

    assert (out / "jason/lib/jason.ex").read_text() == "# code"
    assert (out / "jason/.hex").read_text() == f"jason,1.4.5,{INNER},hexpm"
    assert (out / "jason/hex_metadata.config").read_text().startswith('{<<"app">>')
    assert (out / "jason/lib/jason.ex").stat().st_mode & 0o200
    assert (out / "icons/optimized/24/x.svg").read_text() == "optimized/24/x.svg"
    assert (out / "icons/.git/HEAD").read_text() == f"{REVISION}\n"
    assert not (out / "icons/src").exists()
    assert not any(path.is_symlink() for path in out.rglob("*"))
