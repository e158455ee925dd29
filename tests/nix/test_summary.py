"""A green run says what it was green with."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from nix.evaluator import ROOT

pytestmark = pytest.mark.slow(10)

NOT_INHERITED = {"NIXPKGS", "NIXPKGS_LIB", "PYTEST_ADDOPTS"}


def run(test: str, **environment: str) -> str:
    """Run one test in a pytest of its own and return what that prints."""
    inherited = {name: text for name, text in os.environ.items() if name not in NOT_INHERITED}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/nix/{test}"],
        cwd=ROOT, env={**inherited, **environment}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_stand_in_is_named() -> None:
    """Without NIXPKGS the summary says that the stand-in was used, and what would prove more."""
    said = run("test_flake.py::test_inputs")
    assert "Nix: evaluated with no nixpkgs: the stand-in of tests/nix/lib" in said
    assert "make nix-proof NIXPKGS=PATH" in said
    assert "[stand-in]" not in said


@pytest.mark.parametrize("variable", ["NIXPKGS", "NIXPKGS_LIB"])
def test_a_real_lib_is_named(variable: str) -> None:
    """With a lib of nixpkgs' each test runs with both, and the summary names it."""
    lib = ROOT / "tests/nix/lib"
    said = run(
        "test_flake.py::test_inputs",
        **{variable: str(lib.parent if variable == "NIXPKGS" else lib)},
    )
    assert f"Nix: evaluated with nixpkgs' lib of {lib}, and the stand-in" in said
    assert "2 passed" in said


def test_nothing_is_said_of_nix_where_none_was_evaluated() -> None:
    """A run without Nix has no such line."""
    assert "Nix: evaluated" not in run("test_form.py::test_all_parse")
