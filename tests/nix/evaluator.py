"""Evaluates the Nix files of the repository; nothing is built, nothing is fetched."""

from __future__ import annotations

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HARNESS = Path(__file__).with_name("harness")


class EvaluationError(Exception):
    """Nix refused; the text is what it printed."""


@cache
def evaluate(expression: str, lib: str = "", beam: str = "scope", *, may_copy: bool = True) -> Any:
    """Return the value of `expression`, in which `harness` stands for harness/default.nix.

    Nothing is built and nothing is fetched: the store is a dummy, and paths that are
    interpolated get their name there without being copied. Without `may_copy` they are copied,
    which the dummy refuses: such an evaluation proves that nothing reaches the store.
    """
    argument = f'{{ libPath = "{lib}"; beamKind = "{beam}"; }}'
    done = subprocess.run(
        [
            "nix-instantiate", "--eval", "--strict", "--json",
            *([] if may_copy else ["--read-write-mode"]),
            "--expr", f"let harness = import {HARNESS} {argument}; in {expression}",
        ],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "NIX_REMOTE": "dummy://"},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        raise EvaluationError(done.stderr)
    return json.loads(done.stdout)


def literal(text: str) -> str:
    """Return `text` as a Nix string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\${")
    return f'"{escaped}"'


class Nix:
    """The evaluator with one of the libs, the stand-in by default, and one kind of beamPackages."""

    def __init__(self, lib: str = "", beam: str = "scope") -> None:
        self.lib = lib
        self.beam = beam

    def __call__(self, expression: str) -> Any:
        """Return the value of `expression`."""
        return evaluate(expression, self.lib, self.beam)

    def without_copying(self, expression: str) -> Any:
        """Return the value of `expression`; fails if a path is copied to the store for it."""
        return evaluate(expression, self.lib, self.beam, may_copy=False)

    def refusal(self, expression: str) -> str:
        """Return what Nix prints when it refuses `expression`, which it has to."""
        with pytest.raises(EvaluationError) as refused:
            evaluate(expression, self.lib, self.beam)
        return str(refused.value)

    def module(self, settings: str) -> Any:
        """Return what the module makes of `services.mast = { settings }`."""
        return self(f"harness.evaluate {{ services.mast = {{ {settings} }}; }}")
