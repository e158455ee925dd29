"""Makes of what the command line names the folders that Nix reads."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path


class InputError(Exception):
    """An input cannot be had; the text says which and why."""


def tree(named: str) -> str:
    """Return the folder of a path or a flake reference; the latter is fetched.

    Raises InputError.
    """
    if Path(named).is_dir():
        return str(Path(named).resolve())
    if named.startswith((".", "/", "~")) or ":" not in named:
        raise InputError(f"there is no folder {named}, and a flake reference it is not either")
    command = [
        "nix", "--extra-experimental-features", "nix-command flakes",
        "flake", "prefetch", "--json", named,
    ]  # fmt: skip
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise InputError(f"Nix cannot fetch {named}: {done.stderr.strip()}")
    return str(json.loads(done.stdout)["storePath"])


def tracked(root: Path, folder: Path) -> Path:
    """Copy what git tracks, which is what a flake sees, and return the copy.

    Without git (in the store, in an archive) everything is taken as it is.
    """
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z"], check=False, capture_output=True, text=True
    )
    if listed.returncode != 0 or not listed.stdout:
        return root
    copy = folder / "source"
    for name in listed.stdout.split("\0"):
        origin = root / name
        if name and origin.is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(origin, copy / name, follow_symlinks=False)
    return copy


def miniature(root: Path, folder: Path) -> str:
    """Copy the tests' miniature of Mast's source without what evaluation would fetch."""
    copy = folder / "mast"
    shutil.copytree(root / "tests/nix/mast", copy)
    lock = copy / "mix.lock"
    lines = lock.read_text().splitlines(keepends=True)
    lock.write_text("".join(line for line in lines if "{:git," not in line))
    return str(copy)
