"""Fixtures of the system tests: the package, the reference release, and machines with both.

Booting costs seconds, so that a scenario is run once and its facts are shared by the tests of a
module; machines with everything installed share the layer in which that was done.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.once import made_once
from system import roots
from system.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).parents[2]
#: What the package is upgraded to.
NEWER = "99.0"
#: What is upgraded to the package.
OLDER = "0.0.9"


def _missing() -> str:
    """Return why machines cannot be booted here, "" when they can."""
    if os.geteuid() != 0:
        return "booting a machine needs root"
    for program in ("systemd-nspawn", "debootstrap", "script", "dh", "lintian", "man"):
        if shutil.which(program) is None:
            return f"booting a machine needs {program}"
    return ""


@pytest.fixture(scope="session", autouse=True)
def _able_to_boot() -> None:
    """Skip where machines cannot be booted, but never in continuous integration."""
    if reason := _missing():
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session")
def release() -> Path:
    """The reference release of Mast."""
    built = REPOSITORY / "build" / "release"
    subprocess.run([REPOSITORY / "tests/release/build.sh", built], check=True)
    return built


@pytest.fixture(scope="session")
def make_deb(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Build the Debian package as `make deb` does, in a directory of its own."""

    def make(name: str) -> Path:
        directory = tmp_path_factory.mktemp(name)
        argv = ["make", "-s", "-f", "packaging/package.mk", "deb"]
        argv.append(f"DIST={directory}")
        subprocess.run(argv, cwd=REPOSITORY, check=True, stdout=subprocess.DEVNULL)
        (built,) = directory.glob("mast-agent_*_all.deb")
        return built

    return make


@pytest.fixture(scope="session")
def package(make_deb: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package."""
    directory = made_once(
        tmp_path_factory, "package", lambda into: shutil.copy(make_deb("package"), into)
    )
    (built,) = directory.glob("mast-agent_*_all.deb")
    return built


@pytest.fixture(scope="session")
def newer_package(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same package with a higher version."""
    directory = tmp_path_factory.mktemp("newer")
    tree, built = directory / "tree", directory / "newer.deb"
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    lines = control.read_text(encoding="utf-8").splitlines()
    lines = [f"Version: {NEWER}" if line.startswith("Version:") else line for line in lines]
    control.write_text("\n".join(lines) + "\n", encoding="utf-8")
    init = tree / "usr/share/mast-agent/mast_agent/__init__.py"
    init.write_text(f'"""Newer."""\n\n__version__ = "{NEWER}"\n', encoding="utf-8")
    subprocess.run(
        ["dpkg-deb", "--build", str(tree), str(built)], check=True, stdout=subprocess.DEVNULL
    )
    return built


@pytest.fixture(scope="session")
def older_package(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same package with a lower version, and the maintainer scripts from before debhelper."""
    directory = tmp_path_factory.mktemp("older")
    tree, built = directory / "tree", directory / "older.deb"
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    control = tree / "DEBIAN/control"
    text = control.read_text(encoding="utf-8")
    control.write_text(re.sub("(?m)^Version: .*", f"Version: {OLDER}", text), encoding="utf-8")
    for script in ("postinst", "prerm", "postrm", "triggers"):
        shutil.copy(REPOSITORY / "tests/system/before-debhelper" / script, tree / "DEBIAN")
        (tree / "DEBIAN" / script).chmod(0o644 if script == "triggers" else 0o755)
    shutil.rmtree(tree / "usr/share/python3")
    init = tree / "usr/share/mast-agent/mast_agent/__init__.py"
    init.write_text(f'"""Older."""\n\n__version__ = "{OLDER}"\n', encoding="utf-8")
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(built)],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return built


def with_sshd(machine: Machine, *, penalties: bool) -> None:
    """Have sshd at boot; `penalties` says that it knows them, and would hold the tests' against us.

    The many failures that the tests provoke come from the address that Mast comes from.
    """
    machine.link(
        "etc/systemd/system/multi-user.target.wants/ssh.service",
        "/usr/lib/systemd/system/ssh.service",
    )
    if penalties:
        machine.write("etc/ssh/sshd_config.d/test.conf", "PerSourcePenalties no\n")


@dataclass(frozen=True, kw_only=True)
class Base:
    """Layers in which the package is installed and Mast configured, and the facts of doing so."""

    layers: list[Path]
    binds: dict[str, Path]
    install: dict[str, Any]

    def machine(self, directory: Path) -> Machine:
        """Return a machine of its own over these layers."""
        return Machine(self.layers, directory, binds=self.binds)


@pytest.fixture(scope="session")
def make_base(
    request: pytest.FixtureRequest, release: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[roots.Recipe], Base]:
    """Install the package on a Debian, once for all processes; that machine is powered off."""
    binds = {"/opt/mast": release}

    def install(root: Path, directory: Path) -> None:
        # Packages are built by the one that installs them.
        package, newer = map(request.getfixturevalue, ("package", "newer_package"))
        with Machine([root], directory, binds=binds) as machine:
            machine.copy(package, "opt/packages/mast-agent.deb")
            machine.copy(newer, "opt/packages/newer.deb")
            facts = machine.boot("lifecycle.py", "install")
        (directory / "facts.json").write_text(json.dumps(facts), encoding="utf-8")

    def make(recipe: roots.Recipe) -> Base:
        root = roots.obtain(recipe)
        directory = made_once(
            tmp_path_factory, recipe.name, lambda directory: install(root, directory)
        )
        facts = json.loads((directory / "facts.json").read_text(encoding="utf-8"))
        return Base(layers=[directory / "written", root], binds=binds, install=facts)

    return make


@pytest.fixture(scope="session")
def debian_13(make_base: Callable[[roots.Recipe], Base]) -> Base:
    """Debian 13 with everything installed and nothing started yet."""
    return make_base(roots.DEBIAN_13)


@pytest.fixture(scope="session")
def debian_12(make_base: Callable[[roots.Recipe], Base]) -> Base:
    """Debian 12 with everything installed and nothing started yet."""
    return make_base(roots.DEBIAN_12)
