"""What is measured, as its users have it: installed, with the distribution's Python, a database."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.agent import Agent
from support.migrating import migrating
from support.postgres import Cluster
from support.releases import ROOT, build_reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON = "/usr/bin/python3"
"""The distribution's, which the package's launcher names."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A server with a migrated database `mast`, the reference release, the installed agent.

    `agent` is the agent's path; `rounds` how often each thing is measured; `quick` says that it is
    only tried whether it can be.
    """

    directory: Path
    cluster: Cluster
    reference: Path
    agent: str
    rounds: int
    quick: bool

    def new_agent(self, database: str, mast_bin: Path | None = None) -> Agent:
        """Return what an agent for that database needs, with directories of its own."""
        directory = self.directory / f"agent{next(_numbers)}"
        executable = mast_bin or self.reference / "bin" / "mast"
        return Agent(directory, mast_bin=executable, url=self.cluster.url(database))

    def new_directory(self, name: str) -> Path:
        """Return a directory of its own that the server's user may enter."""
        directory = self.directory / f"{name}{next(_numbers)}"
        directory.mkdir()
        return directory


_numbers = itertools.count(1)


@contextlib.contextmanager
def stage(directory: Path, *, rounds: int, quick: bool) -> Iterator[Stage]:
    """Set everything up in `directory`, and stop the server at the end."""
    directory.chmod(0o755)
    reference = build_reference()
    cluster = Cluster(directory / "postgres")
    cluster.initdb()
    cluster.configure(log_line_prefix="%n ")  # seconds since the epoch, to the millisecond
    cluster.start()
    try:
        cluster.create_role("mast")
        cluster.sql("CREATE DATABASE mast OWNER mast")
        with migrating(reference, cluster.url("mast")) as migration:
            migration.wait()
        yield Stage(
            directory=directory,
            cluster=cluster,
            reference=reference,
            agent=_install(directory / "installed"),
            rounds=rounds,
            quick=quick,
        )
    finally:
        cluster.stop()


def conninfo(cluster: Cluster, database: str) -> str:
    """Return libpq's way to a database, as short as a first script has it."""
    return (
        f"host=127.0.0.1 port={cluster.port} dbname={database} user=mast password=mast-canary "
        "sslmode=disable"
    )


def _install(prefix: Path) -> str:
    """Install the agent as its package does, bytecode and all, and return its path."""
    argv = ["make", "-s", "-f", "packaging/package.mk", "install"]
    variables = [f"PREFIX={prefix}", f"PYTHON={sys.executable}"]
    subprocess.run([*argv, *variables], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    compiling = [PYTHON, "-m", "compileall", "-q", str(prefix / "share/mast-agent")]
    subprocess.run(compiling, check=True)
    return str(prefix / "bin/mast-agent")
