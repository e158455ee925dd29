"""The package of the agent: its dependencies, and what its installation puts where."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from nix.evaluator import ROOT, Nix

from nix import machines

pytestmark = pytest.mark.slow(20)


@pytest.fixture
def recorded(nix: Nix) -> Any:
    """Evaluate the package; dependencies become their names."""
    return nix(
        f"""
        let
          args = (harness.pkgs.callPackage {ROOT}/nix/package-agent.nix {{ }}).recorded;
          names = map (package: package.name);
        in
        removeAttrs args [ "src" ] // {{
          dependencies = names args.dependencies;
          build-system = names args.build-system;
          nativeCheckInputs = names args.nativeCheckInputs;
          nativeBuildInputs = names args.nativeBuildInputs;
        }}
        """
    )


def test_dependencies_are_those_of_pyproject(recorded: Any) -> None:
    """Every dependency of pyproject.toml is there, and the bindings that it leaves to systems."""
    import tomllib  # noqa: PLC0415 - used here alone

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {each.partition(">")[0] for each in project["dependencies"]}
    assert {each.removeprefix("python3-") for each in recorded["dependencies"]} == named | {
        "pydbus",
        "pygobject3",
        "systemd-python",
    }
    assert recorded["build-system"] == ["python3-setuptools"]


def test_the_program_finds_glib(recorded: Any) -> None:
    """PyGObject is told where GLib's typelibs are, by the path with which the package is checked.

    Without it `import pydbus` fails: nixpkgs' issue 420899.
    """
    *option, path = recorded["makeWrapperArgs"]
    assert option == ["--prefix", "GI_TYPELIB_PATH", ":"]
    assert re.fullmatch(r"/nix/store/[0-9a-z]{32}-glib/lib/girepository-1\.0", path)
    assert f"GI_TYPELIB_PATH={path} python -c 'import pydbus; " in recorded["preCheck"]


#: How a nixpkgs can be without pydbus.
WITHOUT_PYDBUS = {
    "gone": 'removeAttrs harness.pkgs.python3Packages [ "pydbus" ]',
    "an alias that throws": 'harness.pkgs.python3Packages // { pydbus = throw "removed"; }',
    "broken": """harness.pkgs.python3Packages // {
        pydbus = harness.pkgs.jq // { drvPath = throw "marked as broken"; };
    }""",
}


@pytest.mark.parametrize("packages", WITHOUT_PYDBUS.values(), ids=WITHOUT_PYDBUS)
def test_without_pydbus(nix: Nix, packages: str) -> None:
    """A nixpkgs without pydbus builds an agent that lives without D-Bus, and says so."""
    expression = f"""
        let
          args = (harness.pkgs.callPackage {ROOT}/nix/package-agent.nix {{
            python3Packages = {packages};
          }}).recorded;
        in
        {{
          dependencies = map (package: package.name) args.dependencies;
          inherit (args) makeWrapperArgs preCheck;
        }}
    """
    made = nix(expression)
    assert not {"python3-pydbus", "python3-pygobject3"} & set(made["dependencies"])
    assert "python3-psycopg" in made["dependencies"]
    assert (made["makeWrapperArgs"], made["preCheck"]) == ([], "")
    said = nix.refusal(f'builtins.deepSeq ({expression}) (throw "the end")')
    assert "this nixpkgs has no usable pydbus" in said
    shell = nix(
        f"""
        let
          shell = harness.pkgs.callPackage {ROOT}/nix/shell.nix {{
            python3.withPackages = choose:
              {{ name = "python3"; chosen = map (p: p.name) (choose ({packages})); }};
          }};
          isPython = package: package.name == "python3";
        in
        map (p: p.chosen) (builtins.filter isPython shell.recorded.packages)
        """
    )
    assert "python3-systemd-python" in shell[0]
    assert "python3-pydbus" not in shell[0]


def test_unit_tests_are_the_check_phase(recorded: Any) -> None:
    """The package is checked by the agent's unit tests, which need nothing that a builder lacks."""
    assert recorded["enabledTestPaths"] == ["tests/unit"]
    assert "python3-pytestCheckHook" in recorded["nativeCheckInputs"]
    assert recorded["meta"]["mainProgram"] == "mast-agent"


def test_the_packages_source_is_enough_for_its_tests(tmp_path: Path) -> None:
    """All unit tests are found in the files that the package takes; those that read some pass."""
    taken = Nix()(
        f"map toString (harness.pkgs.callPackage {ROOT}/nix/package-agent.nix {{ }})"
        ".recorded.src.fileset"
    )
    for each in map(Path, taken):
        target = tmp_path / each.relative_to(ROOT)
        if each.is_dir():
            shutil.copytree(each, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif each.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(each, target)
    reading = [
        str(path.relative_to(tmp_path))
        for path in (tmp_path / "tests/unit").glob("test_*.py")
        if "parents[" in path.read_text()
    ]
    assert reading
    for arguments in (["--collect-only", "tests/unit"], reading):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path, check=False, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": "agent", "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


def test_version_is_the_agents(recorded: Any) -> None:
    """The version stands in one place, in the agent."""
    assert (
        f'__version__ = "{recorded["version"]}"'
        in (ROOT / "agent/mast_agent/__init__.py").read_text()
    )


def test_installed_files(recorded: Any, tmp_path: Path) -> None:
    """The units, a drop-in, the catalog, the documents and the completions are installed."""
    out = tmp_path / "out"
    machines.install_agent(recorded["postInstall"], out)
    assert {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()} == {
        "lib/systemd/system/mast-agent.service",
        "lib/systemd/system/mast-agent-access.service",
        "lib/systemd/system/mast-agent.service.d/growing-delays.conf",
        "lib/systemd/catalog/mast-agent.catalog",
        "share/man/man1/mast-agent.1",
        "share/doc/mast-agent/status.schema.json",
        *(f"share/doc/mast-agent/{name}.md" for name in ("reference", "troubleshooting", "access")),
        *(f"share/doc/mast-agent/install/{name}.md" for name in ("lxc", "nix")),
        "completions/mast-agent.bash",
        "completions/mast-agent.zsh",
        "completions/mast-agent.fish",
    }
    assert "enroll" in (out / "share/man/man1/mast-agent.1").read_text()
    assert "enroll" in (out / "completions/mast-agent.bash").read_text()


@pytest.mark.parametrize(
    ("unit", "command"),
    [
        ("mast-agent", "enroll"),
        ("mast-agent-access", "access --unless-revoked --state-directory /var/lib/mast-agent"),
    ],
)
def test_the_units_are_those_of_debian(
    recorded: Any, tmp_path: Path, unit: str, command: str
) -> None:
    """A unit differs from the one in systemd/ in the path of the program alone."""
    out = tmp_path / "out"
    machines.install_agent(recorded["postInstall"], out)
    original = (ROOT / f"systemd/{unit}.service").read_text().splitlines()
    installed = (out / f"lib/systemd/system/{unit}.service").read_text().splitlines()
    differing = [pair for pair in zip(original, installed, strict=True) if pair[0] != pair[1]]
    assert f"ExecStart=/usr/bin/mast-agent {command}" in original
    assert differing
    for before, after in differing:
        assert re.match(r"Exec\w+=/usr/bin/mast-agent ", before)
        assert after == before.replace("/usr/bin", f"{out}/bin")


def test_socket_drop_in_agrees(configurations: Any) -> None:
    """What the module adds for a local socket is what Debian's drop-in for sockets says."""
    drop_in = {
        line
        for line in (ROOT / "systemd/socket.conf").read_text().splitlines()
        if "=" in line and not line.startswith("#")
    }
    agent = set(configurations["self-managed"]["units"]["mast-agent"].splitlines())
    external = set(configurations["self-managed-external"]["units"]["mast-agent"].splitlines())
    assert {line for line in agent - external if "DATABASE_URL" not in line} == drop_in
