"""Releases for the tests: the reference Mast, and shell scripts in the layout of one.

The reference (tests/release) is a real OTP release. Where a test is about a child that misbehaves
in a way that no BEAM does on demand, a script stands in its place, started as a real process.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.canaries import COOKIE

ROOT = Path(__file__).parents[2]
VERSION = "0.5.0"


def build_reference() -> Path:
    """Build the reference release unless it is up to date, and return its root."""
    destination = ROOT / "build" / "release"
    subprocess.run(
        [ROOT / "tests" / "release" / "build.sh", destination],
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return destination


def variant(name: str, source: Path, destination: Path) -> Path:
    """Make the variant `name` of the release at `source`, and return its root."""
    subprocess.run(
        [ROOT / "tests" / "release" / "variant.sh", name, source, destination],
        check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return destination


def with_bootstrap(source: Path, destination: Path) -> Path:
    """Copy the reference at `source`, put nix/bootstrap.ex in its own Bootstrap's place."""
    subprocess.run(["cp", "-a", source, destination], check=True)
    (ebin,) = destination.glob("lib/mast-*/ebin")
    sources = [ROOT / "tests/nix/contexts.ex", ROOT / "nix/bootstrap.ex"]
    compiled = subprocess.run(
        ["elixirc", "--ignore-module-conflict", "-pa", ebin, "-o", ebin, *sources],
        env={"PATH": os.environ["PATH"], "HOME": str(destination), "LC_ALL": "C.UTF-8"},
        check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert compiled.stdout == "", "the compiler has warnings"
    return destination


def scripted(directory: Path, script: str, reference: Path) -> Path:
    """Make a release whose bin/mast is the shell script, and return the path of that.

    Its migrations are those of the release at `reference`, so that a database which that has
    migrated is ready for it.
    """
    application = directory / "lib" / f"mast-{VERSION}"
    (application / "priv" / "repo").mkdir(parents=True)
    (migrations,) = reference.glob("lib/mast-*/priv/repo/migrations")
    (application / "priv" / "repo" / "migrations").symlink_to(migrations)
    (directory / "releases").mkdir()
    (directory / "releases" / "start_erl.data").write_text(f"13.1 {VERSION}")
    (directory / "releases" / "COOKIE").write_text(COOKIE)
    executable = directory / "bin" / "mast"
    executable.parent.mkdir()
    executable.write_text(f"#!/bin/sh\n{script}\n")
    executable.chmod(0o755)
    return executable
