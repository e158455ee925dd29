"""scripts/release, which the release workflow runs."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import mast_agent
import pytest
from support.releases import ROOT

if TYPE_CHECKING:
    from pathlib import Path

VERSION = mast_agent.__version__
CHANGELOG = f"""\
# Changelog

## [Unreleased]

Later.

## [{VERSION}] - 2026-01-31

### Added

- A thing,
  on two lines.

## [0.0.1] - 2025-12-24

- Sooner.

[Unreleased]: https://example.com/
"""


def release(*arguments: str, directory: Path = ROOT, code: int = 0) -> str:
    """Run scripts/release of a tree, and return what it prints."""
    done = subprocess.run(
        [directory / "scripts/release", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done
    return done.stdout + (done.stderr if code else "")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What the script reads, with a CHANGELOG.md that has a release."""
    for name in ("scripts/release", "agent/mast_agent/__init__.py"):
        copy = tmp_path / name
        copy.parent.mkdir(parents=True)
        copy.write_bytes((ROOT / name).read_bytes())
        copy.chmod(0o755)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path


def test_the_files_of_a_release(tmp_path: Path) -> None:
    """There are both packages, an sdist of the same version, and checksums that are right.

    What is not committed is in none of them.
    """
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    canary = secrets.token_hex()
    for name in ("scripts/release", "scripts/debian-package"):
        (clone / name).write_bytes((ROOT / name).read_bytes())
    for name in ("agent/mast_agent/draft.py", "docs/reference.md"):
        (clone / name).write_text(f"# {canary}\n")
    subprocess.run(
        [clone / "scripts/release", "files", tmp_path / "dist"],
        env={**os.environ, "PYTHON": sys.executable},
        check=True, capture_output=True,
    )  # fmt: skip
    made = {path.name for path in (tmp_path / "dist").iterdir()}
    # setuptools has named it with an underscore since version 69.
    (sdist,) = [name for name in made if re.fullmatch(rf"mast[-_]agent-{VERSION}\.tar\.gz", name)]
    debian = {f"mast-agent_{VERSION}{end}" for end in ("_all.deb", ".dsc", ".tar.xz")}
    assert made == {sdist, "SHA256SUMS", *debian}
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path / "dist", check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert checked.stdout.count(": OK\n") == len(made) - 1
    with tarfile.open(tmp_path / "dist" / sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"agent/mast_agent/__main__.py", "systemd/mast-agent.service", "LICENSE"} <= names
    assert not any("__pycache__" in name or "draft" in name for name in names)
    (package,) = (tmp_path / "dist").glob("*.deb")
    (source,) = (tmp_path / "dist").glob("*.dsc")
    packages = tmp_path / "packages"
    packages.mkdir()
    subprocess.run(["dpkg-deb", "--extract", package, packages / "binary"], check=True)
    subprocess.run(
        ["dpkg-source", "--extract", source, packages / "source"], check=True, capture_output=True
    )
    for unpacked in packages.rglob("*"):
        assert "draft" not in unpacked.name
        if unpacked.is_file():
            text = subprocess.run(["zcat", "-f", unpacked], check=True, capture_output=True)
            assert canary.encode() not in text.stdout, unpacked


def test_nothing_is_mixed_with_older_files(tmp_path: Path) -> None:
    """The checksums are of this release's files alone: the directory has to be empty."""
    (tmp_path / "older").touch()
    assert "is not empty" in release("files", str(tmp_path), code=1)
    assert [path.name for path in tmp_path.iterdir()] == ["older"]


def test_the_tag_is_the_version(tree: Path) -> None:
    """A tag that is the version of the tree is accepted, and the section is the text."""
    release("check", f"v{VERSION}", directory=tree)
    assert release("notes", directory=tree) == "### Added\n\n- A thing,\n  on two lines.\n"


@pytest.mark.parametrize("tag", ["v9.9.9", VERSION, f"v{VERSION}-1"])
def test_another_tag_is_refused(tree: Path, tag: str) -> None:
    """A tag that is not the version of the tree makes no release."""
    assert "the version of the tree is" in release("check", tag, directory=tree, code=1)


@pytest.mark.parametrize(
    ("found", "instead", "message"),
    [
        (f"## [{VERSION}] - 2026-01-31", "## [0.0.9] - 2026-01-31", "has no section"),
        (f"[{VERSION}] - 2026-01-31", f"[{VERSION}]", "has no section"),
        ("### Added\n\n- A thing,\n  on two lines.\n", "", "is empty"),
    ],
)
def test_a_changelog_without_it_is_refused(
    tree: Path, found: str, instead: str, message: str
) -> None:
    """A version of which CHANGELOG.md has no dated section with text makes no release."""
    assert found in CHANGELOG
    (tree / "CHANGELOG.md").write_text(CHANGELOG.replace(found, instead))
    assert message in release("check", f"v{VERSION}", directory=tree, code=1)
