"""Finding Mast's release and reading its layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mast_agent.config import release
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from unit import builders

if TYPE_CHECKING:
    from pathlib import Path

    from mast_agent.failures.cause import Cause


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make a release with two migrations, and return its root."""
    root = tmp_path / "mast"
    builders.release(root)
    return root


def _mast(root: Path) -> str:
    return str(root / "bin" / "mast")


def _refusal(mast_bin: str | None, cause: Cause) -> Failure:
    with pytest.raises(Failure) as caught:
        release.read(mast_bin)
    assert caught.value.cause is cause
    assert caught.value.code == Code.CONFIG
    return caught.value


def test_read(root: Path) -> None:
    """Version, root and migrations are read from the layout, those in folders included."""
    found = release.read(_mast(root))
    assert found.executable == root / "bin" / "mast"
    assert found.root == root
    assert found.version == "0.5.0"
    assert found.migrations == {20250601090000, 20250601090100}
    assert not found.has_bootstrap


def test_bootstrap(root: Path) -> None:
    """A release with the compiled module Mast.Bootstrap has it, whichever application it is in."""
    (root / "lib" / "other-1.0" / "ebin").mkdir(parents=True)
    (root / "lib" / "other-1.0" / "ebin" / "Elixir.Mast.Bootstrap.beam").touch()
    assert release.read(_mast(root)).has_bootstrap


def test_through_a_link(root: Path, tmp_path: Path) -> None:
    """A link to bin/mast is started by its own name, and the release is where it leads."""
    (tmp_path / "link").symlink_to(root / "bin" / "mast")
    found = release.read(str(tmp_path / "link"))
    assert found.executable == tmp_path / "link"
    assert found.root == root


def test_on_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MAST_BIN it is the mast on PATH."""
    monkeypatch.setenv("PATH", str(root / "bin"))
    assert release.locate(None) == root / "bin" / "mast"


def test_default_place(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one on PATH it is the place where Debian's lies, if there is one."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(release, "DEFAULT_PATH", root / "bin" / "mast")
    assert release.locate(None) == root / "bin" / "mast"
    monkeypatch.setattr(release, "DEFAULT_PATH", tmp_path / "nowhere")
    assert "MAST_BIN" in _refusal(None, causes.RELEASE_MISSING).remedy


def test_relative_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative MAST_BIN is made absolute, since the eval runs elsewhere."""
    monkeypatch.chdir(root)
    assert release.locate("bin/mast") == root / "bin" / "mast"


def test_odd_files_are_no_migrations(root: Path) -> None:
    """Only files that Ecto would run count: VERSION_name.exs, neither hidden nor compiled."""
    migrations = root / "lib" / "mast-0.5.0" / "priv" / "repo" / "migrations"
    for name in (".20250101000000_hidden.exs", "20250101000000.exs", "helper.exs", "1_x.ex"):
        (migrations / name).touch()
    (migrations / ".formatter").mkdir()
    (migrations / ".formatter" / "20250101000000_x.exs").touch()
    (migrations / "00042_zeros.exs").touch()
    assert release.read(_mast(root)).migrations == {20250601090000, 20250601090100, 42}


def test_of_several_applications(root: Path) -> None:
    """Beside the leavings of another version, the release's own version is read."""
    other = root / "lib" / "mast-0.4.0" / "priv" / "repo" / "migrations"
    other.mkdir(parents=True)
    (other / "1_old.exs").touch()
    assert 1 not in release.read(_mast(root)).migrations


def test_release_version_of_its_own(root: Path) -> None:
    """Where the release's version is not the application's, the only application counts."""
    (root / "releases" / "start_erl.data").write_text("15.2 2026.1\n")
    found = release.read(_mast(root))
    assert found.version == "2026.1"
    assert len(found.migrations) == 2


def test_missing(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    failure = _refusal(str(tmp_path / "gone" / "mast"), causes.RELEASE_MISSING)
    assert str(tmp_path / "gone" / "mast") in failure.message


@pytest.mark.parametrize("name", ["x" * 5000, "nul\0byte"])
def test_impossible_path(name: str) -> None:
    """A path that cannot even exist does not."""
    _refusal(f"/{name}", causes.RELEASE_MISSING)


def test_not_executable(root: Path) -> None:
    """A file without the right to execute it ends with the command that gives it."""
    (root / "bin" / "mast").chmod(0o644)
    failure = _refusal(_mast(root), causes.RELEASE_NOT_EXECUTABLE)
    assert f"chmod a+rx {root}/bin/mast" in failure.remedy


def test_directory(root: Path) -> None:
    """The release's directory is not its bin/mast."""
    _refusal(str(root), causes.NOT_A_RELEASE)


def test_program_of_another_kind(tmp_path: Path) -> None:
    """An executable outside a release is refused, with the file that is missed."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mast").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "mast").chmod(0o755)
    failure = _refusal(str(tmp_path / "bin" / "mast"), causes.NOT_A_RELEASE)
    assert "start_erl.data" in failure.message


@pytest.mark.parametrize("content", ["", "15.2", "15.2 0.5.0 more"])
def test_malformed_start_data(root: Path, content: str) -> None:
    """A start_erl.data that is not two words is no release's."""
    (root / "releases" / "start_erl.data").write_text(content)
    _refusal(_mast(root), causes.NOT_A_RELEASE)


def test_release_of_something_else(root: Path) -> None:
    """A release without an application mast is another program's."""
    (root / "lib" / "mast-0.5.0").rename(root / "lib" / "mastodon-0.5.0")
    assert "0 applications" in _refusal(_mast(root), causes.NOT_A_RELEASE).message


def test_without_migrations(root: Path) -> None:
    """A release without any migration is no Mast: comparing would find it always complete."""
    for file in root.rglob("*.exs"):
        file.unlink()
    assert "no migrations" in _refusal(_mast(root), causes.NOT_A_RELEASE).message
