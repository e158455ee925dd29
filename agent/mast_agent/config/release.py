"""Finds Mast's release on disk and reads what the agent needs to know of it.

Nothing is started here: the layout of an OTP release tells version, cookie and migrations.
Source of the layout: `mix help release`; of the migrations' names: Ecto.Migrator.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure

DEFAULT_PATH = Path("/opt/mast/bin/mast")
"""Where a release lies on Debian, which an operator's PATH does not have."""

_MIGRATION = re.compile(r"([+-]?\d+)_.*\.exs\Z", re.DOTALL)
_BOOTSTRAP_BEAM = "Elixir.Mast.Bootstrap.beam"


@dataclass(frozen=True, kw_only=True)
class Release:
    """A release of Mast.

    `executable` is what is started, `root` the directory that holds `bin`, `lib` and
    `releases`, `migrations` the versions of the migration files.
    """

    executable: Path
    root: Path
    version: str
    migrations: frozenset[int]
    has_bootstrap: bool


def locate(mast_bin: str | None) -> Path:
    """Return the path of `bin/mast`: `mast_bin`, else `mast` on PATH, else DEFAULT_PATH.

    Raises Failure (78) when there is none, or when it cannot be executed.
    """
    if mast_bin is None:
        found = shutil.which("mast")
        if found is None and not os.path.lexists(DEFAULT_PATH):
            raise Failure(
                causes.RELEASE_MISSING,
                f"there is no mast on PATH, none at {DEFAULT_PATH}, and MAST_BIN is not set",
            )
        mast_bin = found or str(DEFAULT_PATH)
    path = Path(mast_bin).absolute()
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise Failure(causes.RELEASE_MISSING, f"{path} does not exist") from None
    except PermissionError as error:
        raise Failure(causes.RELEASE_NOT_EXECUTABLE, f"{path}: {error.strerror}") from error
    except OSError as error:
        raise Failure(causes.RELEASE_MISSING, f"{path}: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise Failure(causes.NOT_A_RELEASE, f"{path} is not a file")
    if not os.access(path, os.X_OK):
        mounted = os.statvfs(path).f_flag & os.ST_NOEXEC
        raise Failure(
            causes.RELEASE_NOT_EXECUTABLE,
            f"{path} is not executable"
            + (": its file system is mounted noexec" if mounted else ""),
            remedy="Mount its file system without noexec" if mounted else None,
            known={"path": str(path)},
        )
    return path


def read(mast_bin: str | None) -> Release:
    """Return what is known of the release that `mast_bin` belongs to.

    Raises Failure (78): no such file, not executable, or not a Mast release.
    """
    executable = locate(mast_bin)
    root = executable.resolve().parent.parent
    version = _version(executable, root)
    application = _application(executable, root, version)
    return Release(
        executable=executable,
        root=root,
        version=version,
        migrations=_migrations(executable, application / "priv" / "repo" / "migrations"),
        has_bootstrap=any(root.glob(f"lib/*/ebin/{_BOOTSTRAP_BEAM}")),
    )


def _version(executable: Path, root: Path) -> str:
    """Return RELEASE_VSN from releases/start_erl.data, which holds "ERTS_VSN RELEASE_VSN"."""
    start_data = root / "releases" / "start_erl.data"
    try:
        words = start_data.read_text(encoding="utf-8", errors="replace").split()
    except OSError as error:
        raise Failure(
            causes.NOT_A_RELEASE,
            f"{executable} does not belong to a release: {start_data}: {error.strerror}",
        ) from error
    if len(words) != 2:  # noqa: PLR2004 - the two words of the format
        raise Failure(causes.NOT_A_RELEASE, f"{start_data} is malformed")
    return words[1]


def _application(executable: Path, root: Path, version: str) -> Path:
    """Return lib/mast-VSN: the release's own version, else the only one there is."""
    exact = root / "lib" / f"mast-{version}"
    if exact.is_dir():
        return exact
    found = [path for path in root.glob("lib/mast-[0-9]*") if path.is_dir()]
    if len(found) != 1:
        raise Failure(
            causes.NOT_A_RELEASE,
            f"{executable} belongs to a release with {len(found)} applications named mast",
        )
    return found[0]


def _migrations(executable: Path, directory: Path) -> frozenset[int]:
    """Return the versions of all migration files below `directory`, as Ecto counts them."""
    versions: list[int] = []
    for _, folders, files in os.walk(directory):
        # Ecto's Path.wildcard passes over hidden files and folders.
        folders[:] = [name for name in folders if not name.startswith(".")]
        matches = (_MIGRATION.match(name) for name in files if name.endswith(".exs"))
        versions += [int(match[1]) for match in matches if match]
    if not versions:
        raise Failure(causes.NOT_A_RELEASE, f"{executable}: no migrations below {directory}")
    return frozenset(versions)
