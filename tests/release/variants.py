"""Broken copies of the built reference release, as a packager or an operator would leave them.

A copy shares its files with the original by hard links, so that making one costs next to nothing;
only what a variant alters is a file of its own. Building the release is build.sh's job. What a
release *does* wrongly when asked is a matter of environment variables, listed in the README, and
needs no copy.
"""

import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path


def _without_bootstrap(root: Path) -> None:
    """Take `Mast.Bootstrap` away, as in the Mast of today.

    `start` loads every module that its boot file names, so it also has to be told to load modules
    on demand.
    """
    (application,) = root.glob("lib/mast-*/ebin")
    (application / "Elixir.Mast.Bootstrap.beam").unlink()
    (environment,) = root.glob("releases/*/env.sh")
    _rewrite(environment, environment.read_text() + "\nexport RELEASE_MODE=interactive\n")


def _without_cookie(root: Path) -> None:
    """Take `releases/COOKIE` away, as nixpkgs' mixRelease does."""
    (root / "releases" / "COOKIE").unlink()


def _read_only(root: Path) -> None:
    """Take every write permission away, as in the Nix store. Root is not stopped by that."""
    for path in (*root.rglob("*"), root):
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)


_ALTERATIONS: Mapping[str, Callable[[Path], None]] = {
    # In the order in which they are applied: nothing can be altered after `read-only`.
    "no-bootstrap": _without_bootstrap,
    "no-cookie": _without_cookie,
    "read-only": _read_only,
}


def make_variant(source: Path, destination: Path, *names: str) -> Path:
    """Copy the release at `source` to `destination`, altered as `names` say; return `destination`.

    Names are `no-bootstrap`, `no-cookie` and `read-only`, in any combination. Raises ValueError for
    any other, and FileExistsError when `destination` exists.
    """
    if unknown := set(names) - set(_ALTERATIONS):
        raise ValueError(f"no such variant: {', '.join(sorted(unknown))}")
    # A mode belongs to the file, not to its name: hard links would make the original read-only too.
    copy = shutil.copy2 if "read-only" in names else _link_or_copy
    shutil.copytree(source, destination, copy_function=copy, symlinks=True)
    for name, alter in _ALTERATIONS.items():
        if name in names:
            alter(destination)
    return destination


def remove_variant(destination: Path) -> None:
    """Remove a variant, a read-only one also when not root."""
    for path in (destination, *destination.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(destination)


def _link_or_copy(source: str, destination: str) -> str:
    """Link a file; copy it where the destination is on another file system."""
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)
    return destination


def _rewrite(path: Path, text: str) -> None:
    """Replace a file by a new one, leaving the one that it was linked to as it is."""
    mode = stat.S_IMODE(path.stat().st_mode)
    path.unlink()
    path.write_text(text)
    path.chmod(mode)
