"""Fixtures of all tiers: a PostgreSQL server, the reference release, databases, an agent."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import releases
from support.agent import Agent
from support.migrating import migrating
from support.postgres import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = itertools.count(1)


def pytest_configure() -> None:
    """Let what the tests start be interrupted, also where a shell started them behind `&`.

    Such a shell has its children ignore SIGINT, and these theirs: POSIX, 2.11 of the shell.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, loudly, what needs root elsewhere; in CI a skip would hide that nothing was tested."""
    if item.get_closest_marker("root") and os.geteuid() != 0:
        reason = "needs root (sudo make test)"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}, and CI has to run it", pytrace=False)
        pytest.skip(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, where several processes share the files between them.

    What is begun last is waited for by all. A file stays as it is, and so do files that are alike.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_seconds, reverse=True)


def _seconds(item: pytest.Item) -> int:
    """Return how many seconds the file of a test takes, 0 for one that is not marked as slow."""
    slow = item.get_closest_marker("slow")
    seconds: int = slow.args[0] if slow else 0
    return seconds


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A directory that the user postgres may enter, unlike pytest's own; short, for sockets."""
    directory = Path(tempfile.mkdtemp(prefix="mast-agent-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def template(scratch: Path) -> Cluster:
    """A stopped cluster that is only copied."""
    cluster = Cluster(scratch / "template")
    cluster.initdb()
    return cluster


@pytest.fixture(scope="session")
def cluster(template: Cluster, scratch: Path) -> Iterator[Cluster]:
    """The server that most tests share; a test that changes its settings takes `own_cluster`."""
    shared = template.copy_to(scratch / "shared")
    shared.start()
    shared.create_role("mast")
    yield shared
    shared.stop()


@pytest.fixture
def own_cluster(template: Cluster, scratch: Path) -> Iterator[Cluster]:
    """A server for one test, not started; it has no role and no database yet."""
    own = template.copy_to(scratch / f"own{next(_numbers)}")
    yield own
    own.stop()
    shutil.rmtree(own.directory, ignore_errors=True)


@pytest.fixture(scope="session")
def reference() -> Path:
    """The root of the reference release."""
    return releases.build_reference()


@pytest.fixture(scope="session")
def with_bootstrap(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a release with nix/bootstrap.ex for its Mast.Bootstrap."""
    return releases.with_bootstrap(reference, tmp_path_factory.mktemp("bootstrap") / "release")


@pytest.fixture(scope="session")
def migrated_template(cluster: Cluster, reference: Path) -> str:
    """The name of a database that the reference release has migrated, for copying."""
    name = "migrated_template"
    cluster.sql(f"CREATE DATABASE {name} OWNER mast")
    with migrating(reference, cluster.url(name)) as migration:
        assert migration.wait() == 0
    return name


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[str]:
    """The name of an empty database, owned by the role mast."""
    name = f"mast_{next(_numbers)}"
    cluster.sql(f"CREATE DATABASE {name} OWNER mast")
    yield name
    cluster.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def database(cluster: Cluster, migrated_template: str) -> Iterator[str]:
    """The name of a migrated database, owned by the role mast, with no server enrolled."""
    name = f"mast_{next(_numbers)}"
    cluster.sql(f"CREATE DATABASE {name} OWNER mast TEMPLATE {migrated_template}")
    yield name
    cluster.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def agent(tmp_path: Path, cluster: Cluster, database: str, reference: Path) -> Agent:
    """The agent, with the reference release and a migrated database."""
    return Agent(tmp_path / "agent", mast_bin=reference / "bin" / "mast", url=cluster.url(database))


@pytest.fixture
def scripted_agent(
    tmp_path: Path, cluster: Cluster, database: str, reference: Path
) -> Callable[[str], Agent]:
    """Make an agent whose release is a shell script (see support.releases.scripted)."""

    def make(script: str) -> Agent:
        root = tmp_path / f"scripted{next(_numbers)}"
        executable = releases.scripted(root, script, reference)
        return Agent(tmp_path / "agent", mast_bin=executable, url=cluster.url(database))

    return make
