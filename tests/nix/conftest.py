"""The evaluator as a fixture, once with the stand-in lib and once with nixpkgs' own.

NIXPKGS names a nixpkgs tree, of which the lib is taken, or NIXPKGS_LIB that folder alone; without
either only the stand-in is used, and the summary of the tests says so.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from nix.evaluator import Nix

from nix import evaluator


def real_lib() -> str | None:
    """Return the path of nixpkgs' lib, if there is one to evaluate with."""
    tree = os.environ.get("NIXPKGS")
    return os.environ.get("NIXPKGS_LIB") or (f"{tree}/lib" if tree else None)


def _libs() -> list[str]:
    real = real_lib()
    return ["", real] if real else [""]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what stood for nixpkgs, so that a green run claims no more than it has seen."""
    if not evaluator.evaluate.cache_info().currsize:
        return
    real = real_lib()
    libs = f"nixpkgs' lib of {real}, and" if real else "no nixpkgs:"
    terminalreporter.write_line(
        f"Nix: evaluated with {libs} the stand-in of tests/nix/lib and tests/nix/harness; "
        "packages and NixOS are the stand-in's. With all of nixpkgs: make nix-proof NIXPKGS=PATH"
    )


@pytest.fixture(params=_libs(), ids=lambda lib: "nixpkgs" if lib else "stand-in")
def nix(request: pytest.FixtureRequest) -> Nix:
    """Evaluate with each lib that there is, one after the other."""
    return Nix(request.param)


@pytest.fixture
def configurations(nix: Nix) -> Any:
    """Evaluate the module with each of configurations.nix."""
    return nix("harness.configurations")


#: The kinds of beamPackages that nixpkgs has had; harness/pkgs.nix says which is which.
BEAM_KINDS = ["scope", "strict-scope", "set"]
