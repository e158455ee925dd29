"""The form of the Nix files. nixfmt itself runs in `nix flake check`; this needs no nixpkgs."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from nix.evaluator import ROOT

if TYPE_CHECKING:
    from pathlib import Path

WIDTH = 100
"""Columns: nixfmt's."""

FILES = sorted(
    [ROOT / "flake.nix", *(ROOT / "nix").rglob("*.nix"), *(ROOT / "tests/nix").rglob("*.nix")]
)
HAND_WRITTEN = [ROOT / "nix/bootstrap.ex", ROOT / "nix/assets.exs", ROOT / "tests/nix/contexts.ex"]


def code(path: Path) -> list[str]:
    """Return the lines of a file that lie outside of indented strings."""
    lines, inside = [], False
    for line in path.read_text().splitlines():
        if not inside:
            lines.append(line)
        # '' opens and closes; ''' and ''${ and ''\ are escapes within.
        inside ^= len(re.findall(r"''(?!['$\\])", line)) % 2 == 1
    return lines


def test_all_parse() -> None:
    """Every Nix file is one."""
    done = subprocess.run(
        ["nix-instantiate", "--parse", *map(str, FILES)],
        env={"PATH": os.environ["PATH"], "NIX_REMOTE": "dummy://", "HOME": "/nonexistent"},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(FILES) >= 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_layout(path: Path) -> None:
    """Two spaces a step, no tabs, no trailing blanks, nixfmt's width, a newline at the end."""
    text = path.read_text()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\t" not in text
    assert not re.search(r"[ ]+$", text, re.MULTILINE)
    for line in code(path):
        assert (len(line) - len(line.lstrip(" "))) % 2 == 0, line
        assert len(line) <= WIDTH or '"' in line, line


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_habits(path: Path) -> None:
    """A file says what it is for, and opens no scope wholesale with a top-level `with`."""
    lines = path.read_text().splitlines()
    assert lines[0].startswith("#") or path.name == "flake.nix"
    assert not [line for line in code(path) if re.match(r"\s{0,2}with ", line)]
    assert not [line for line in code(path) if re.search(r"\bwith lib\b", line)]
    assert len(lines) <= 260


def test_elixir_is_formatted(tmp_path: Path) -> None:
    """`mix format` would change nothing."""
    done = subprocess.run(
        ["mix", "format", "--check-formatted", *map(str, HAND_WRITTEN)],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
