"""Rows 18 to 20 of the faults: a release that is missing, broken, or of the wrong kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import releases
from support.expect import assert_enrolled, assert_failed
from support.swarm import Outcome, run_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

CASES = {
    "missing": ("release-missing", "release", "Unpack Mast's release"),
    "not executable": ("release-not-executable", "release", "chmod a+rx"),
    "directory": ("not-a-release", "release", "unpacked Mast release"),
    "text file": ("not-a-release", "release", "unpacked Mast release"),
    "dangling link": ("release-missing", "release", "Unpack Mast's release"),
    "below a file": ("release-missing", "release", "Unpack Mast's release"),
    "no migrations": ("not-a-release", "release", "unpacked Mast release"),
    "start data malformed": ("not-a-release", "release", "unpacked Mast release"),
    "another architecture": ("eval-unstartable", "enroll", "architecture"),
    "interpreter missing": ("eval-unstartable", "enroll", "Unpack a release"),
    "command not found": ("eval-unstartable", "enroll", "coreutils"),
}


def make(name: str, directory: Path, reference: Path) -> Path:
    """Make the broken release `name`, and return the path for MAST_BIN."""
    if name in ("missing", "directory", "text file", "dangling link"):
        return _make_no_release(name, directory / "bin" / "mast")
    path = releases.scripted(directory, "nonexistent-command", reference)
    match name:
        case "not executable":
            path.chmod(0o644)
        case "below a file":
            return path / "mast"
        case "no migrations":
            (directory / "lib" / "mast-0.5.0" / "priv" / "repo" / "migrations").unlink()
        case "start data malformed":
            (directory / "releases" / "start_erl.data").write_text("13.1\n")
        case "another architecture":
            # A header that says ELF, 64 bits, RISC-V.
            path.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(11) + b"\xf3\x00" + bytes(100))
        case "interpreter missing":
            path.write_text("#!/nonexistent/sh\n")
    return path


def _make_no_release(name: str, path: Path) -> Path:
    if name == "directory":
        path.mkdir(parents=True)
        return path
    path.parent.mkdir(parents=True)
    if name == "text file":
        path.write_text("#!/bin/sh\nexit 0\n")
        path.chmod(0o755)
    elif name == "dangling link":
        path.symlink_to("/nonexistent/mast")
    return path


@pytest.fixture(scope="module")
def outcomes(
    cluster: Cluster,
    migrated_template: str,
    reference: Path,
    new_agent: Callable[..., Agent],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Agent, Path, Outcome]]:
    """All cases at once, each with a database in which nothing is enrolled."""
    directory = tmp_path_factory.mktemp("releases")
    paths = {name: make(name, directory / name.replace(" ", "-"), reference) for name in CASES}
    url = cluster.url(migrated_template)
    arguments = ("enroll", "--timeout", "20")
    ends = run_all(
        directory / "swarm",
        {name: (new_agent(url, path), arguments) for name, path in paths.items()},
    )
    return {name: (agent, paths[name], end) for name, (agent, end) in ends.items()}


@pytest.mark.parametrize("name", CASES)
def test_broken_release(outcomes: dict[str, tuple[Agent, Path, Outcome]], name: str) -> None:
    """A release that cannot be used stops it with the path and the reason."""
    agent, path, outcome = outcomes[name]
    cause, phase, remedy = CASES[name]
    published = assert_failed(agent, outcome, code=78, cause=cause, phase=phase, remedy=remedy)
    if cause == "eval-unstartable":
        assert published["attempts"] <= 5, published
    else:
        root = str(path.parents[1])
        assert root in published["error"]["message"], published


@pytest.fixture
def of_variant(
    cluster: Cluster,
    database: str,
    reference: Path,
    tmp_path: Path,
    new_agent: Callable[..., Agent],
) -> Callable[[str], tuple[Agent, Path]]:
    """Make an agent with a variant of the reference release, and return that's root too."""

    def make_agent(name: str) -> tuple[Agent, Path]:
        root = releases.variant(name, reference, tmp_path / "release")
        return new_agent(cluster.url(database), root / "bin" / "mast"), root

    return make_agent


@pytest.mark.parametrize("variant", ["no-cookie", "read-only"])
def test_release_without_cookie(
    of_variant: Callable[[str], tuple[Agent, Path]], cluster: Cluster, database: str, variant: str
) -> None:
    """A release as Nix leaves it, without COOKIE and not writable, enrolls and stays as it was."""
    agent, root = of_variant(variant)
    before = sorted(str(path) for path in root.rglob("*"))
    result = agent.enroll(40)
    assert_enrolled(agent, result, cluster.sql("SELECT id FROM servers", database))
    assert agent.eval_count() == 1, result
    assert sorted(str(path) for path in root.rglob("*")) == before, result


def test_release_without_bootstrap(
    of_variant: Callable[[str], tuple[Agent, Path]], cluster: Cluster, database: str
) -> None:
    """The Mast of today, without Mast.Bootstrap, stops it and says which Mast is needed."""
    agent, _ = of_variant("no-bootstrap")
    result = agent.enroll(40)
    assert_failed(
        agent, result, code=70, cause="bootstrap-missing", phase="enroll",
        remedy="/usr/share/mast-agent/bootstrap.ex",
    )  # fmt: skip
    assert cluster.sql("SELECT count(*) FROM servers", database) == "0"
    assert agent.status()["release"]["has_bootstrap"] is False
