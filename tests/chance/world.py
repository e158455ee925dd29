"""What a soak plays in: a PostgreSQL server, the reference release, and hosts that differ.

A host is a name and a machine id of its own, by namespaces of the kernel (UTS and mount), with
directories of its own. Which rows there ever were the database itself remembers, by a trigger.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.agent import Agent
from support.canaries import SUPERUSER_PASSWORD
from support.migrating import migrating
from support.postgres import Cluster

from chance import clock, processes
from chance.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEMPLATE = "soak_template"
DATABASE = "soak"
_REMEMBER = """
CREATE SCHEMA soak;
CREATE TABLE soak.seen (id uuid, name text);
CREATE FUNCTION soak.remember() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO soak.seen VALUES (NEW.id, NEW.name); RETURN NEW; END $$;
CREATE TRIGGER remember AFTER INSERT ON servers FOR EACH ROW EXECUTE FUNCTION soak.remember();
"""
# As the agent's process: the shell makes the host and becomes the agent.
_BE_HOST = (
    'mount --bind "$1" /etc/machine-id && echo "$2" > /proc/sys/kernel/hostname && shift 2 '
    '&& exec "$@"'
)


@dataclass
class Host:
    """One host. `planted` is the record that the soak itself has put there last.

    `overrides` are the variables that are otherwise in this round.
    """

    name: str
    agent: Agent
    prefix: tuple[str, ...]
    clock: Clock | None
    planted: bytes | None = None
    overrides: dict[str, str] = field(default_factory=dict)

    @property
    def record(self) -> Path:
        """The path of its record."""
        return self.agent.state / "enrollment.json"

    def plant(self, content: bytes) -> None:
        """Put `content` in the record's place, as if it had been there."""
        self.agent.state.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # the disk may be full
            self.record.write_bytes(content)
            self.planted = content


class World:
    """The server with the template, and the database of the run at hand."""

    def __init__(self, directory: Path, reference: Path) -> None:
        self.directory = directory
        self.reference = reference
        self.cluster = Cluster(directory / "postgres")
        self.seen: dict[str, str] = {}
        self.has_clocks = clock.build(directory / "clock.so")

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Start the server, with a template that has Mast's tables; stop it in the end."""
        self.cluster.initdb()
        self.cluster.start()
        try:
            self.cluster.create_role("mast")
            self.cluster.sql(f"CREATE DATABASE {TEMPLATE} OWNER mast")
            with migrating(self.reference, self.cluster.url(TEMPLATE)) as migration:
                if migration.wait() != 0:
                    raise RuntimeError("the reference release does not migrate")
            self.cluster.sql(_REMEMBER, TEMPLATE)
            yield
        finally:
            self.resume()
            self.cluster.stop()

    def new_database(self) -> None:
        """Make the database anew, with no row in it; what rows there were is remembered."""
        self.remember()
        self.cluster.sql(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        self.cluster.sql(f"CREATE DATABASE {DATABASE} OWNER mast TEMPLATE {TEMPLATE}")

    def remember(self) -> None:
        """Note which rows there have been."""
        with contextlib.suppress(RuntimeError):  # before there is a database
            lines = self.cluster.sql("SELECT id, name FROM soak.seen", DATABASE).splitlines()
            self.seen |= dict(line.split("|", 1) for line in lines)

    def rows(self) -> dict[str, str]:
        """Return id and name of each server."""
        lines = self.cluster.sql("SELECT id, name FROM servers", DATABASE).splitlines()
        return dict(line.split("|", 1) for line in lines)

    def add_row(self, name: str, host: str) -> None:
        """Add a row, or give the one of that name another address."""
        statement = (
            f"INSERT INTO servers (name, host) VALUES ('{name}', '{host}') "  # noqa: S608 - ours
            "ON CONFLICT (name) DO UPDATE SET host = EXCLUDED.host"
        )
        self.cluster.sql(statement, DATABASE)

    def delete_rows(self, *names: str) -> None:
        """Delete the rows of those names; that they were there is remembered."""
        self.remember()
        for name in names:
            statement = f"DELETE FROM servers WHERE name = '{name}'"  # noqa: S608 - ours
            self.cluster.sql(statement, DATABASE)

    def in_background(self, statement: str) -> subprocess.Popen[bytes]:
        """Start psql as the superuser with `statement`, in one transaction."""
        cluster = self.cluster
        return subprocess.Popen(
            ["psql", "-Xq", "-h", cluster.directory, "-p", str(cluster.port), "-U", "postgres",
             "-d", DATABASE, "-c", statement],
            env={**os.environ, "PGPASSWORD": SUPERUSER_PASSWORD},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def pause(self, *, postmaster_alone: bool) -> None:
        """Stop the server's processes where they are (SIGSTOP), until `resume`."""
        postmaster = self.cluster.pid()
        stopped = [postmaster] if postmaster_alone else processes.tree(postmaster)
        for pid in stopped:
            _signal(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        if self.cluster.is_running():
            for pid in reversed(processes.tree(self.cluster.pid())):
                _signal(pid, signal.SIGCONT)

    def host(self, directory: Path, number: int) -> Host:
        """Make a host that has never been there."""
        name = f"node-{number}"
        agent = Agent(
            directory / name,
            mast_bin=self.reference / "bin" / "mast",
            url=self.cluster.url(DATABASE),
        )
        agent.environment["MAST_AGENT_ENV_FILE"] = ""
        machine_id = directory / f"{name}.machine-id"
        machine_id.write_text(uuid.uuid5(uuid.NAMESPACE_DNS, name).hex + "\n")
        own_clock = None
        if self.has_clocks:
            own_clock = Clock(self.directory / "clock.so", directory / f"{name}.clock")
            agent.environment |= own_clock.environment
        prefix = ("unshare", "--uts", "--mount", "--", "/bin/sh", "-c", _BE_HOST, "sh")
        return Host(
            name=name, agent=agent, prefix=(*prefix, str(machine_id), name), clock=own_clock
        )


def _signal(pid: int, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)


@contextlib.contextmanager
def small_disk(path: Path, *options: str) -> Iterator[None]:
    """Put a small file system in the place of the directory `path`."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", ",".join(("mode=0755", *options)), "tmpfs", str(path)]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        # Lazily: an eval that has outlived its agent may be in there.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
