"""The evaluator as a fixture, once with the stand-in lib and once with nixpkgs' own.

NIXPKGS_LIB names the folder `lib` of nixpkgs; without it the stand-in alone is used.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from nix.evaluator import Nix


def _libs() -> list[str]:
    real = os.environ.get("NIXPKGS_LIB")
    return ["", real] if real else [""]


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
