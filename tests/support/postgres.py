"""A throwaway PostgreSQL server: its own directory, socket and port; never the system's cluster."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from support.canaries import SUPERUSER_PASSWORD

BINARIES = max(
    Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None
)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Cluster:
    """One PostgreSQL server with scram-sha-256 over TCP and peer, else scram, over its socket."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.log_file = directory / "log"
        self.port = free_port()
        # Servers run as root's neighbour: PostgreSQL refuses to be root.
        self._user = "postgres" if os.geteuid() == 0 else None
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
        if self._user:
            shutil.chown(directory, self._user)

    def initdb(self) -> None:
        """Make the data directory."""
        password = self.directory / "password"
        password.write_text(SUPERUSER_PASSWORD)
        self._call(
            "initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", "--no-sync",
            "--no-instructions", f"--pwfile={password}",
        )  # fmt: skip
        self.configure(
            unix_socket_directories=str(self.directory),
            fsync="off",
            listen_addresses="127.0.0.1",
            max_connections=80,
        )

    def copy_to(self, directory: Path) -> Cluster:
        """Return a second cluster with the same content and system identifier. Stop this first."""
        other = Cluster(directory)
        self._run(["cp", "-a", str(self.data), str(other.data)])
        other.configure(unix_socket_directories=str(other.directory))
        return other

    def configure(self, **settings: object) -> None:
        """Append settings to postgresql.conf; they count from the next start or reload."""
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            for name, value in settings.items():
                file.write(f"{name} = '{value}'\n")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._call(
            "pg_ctl", "-w", "-s", "-D", self.data, "-l", self.log_file,
            "-o", f"-p {self.port}", "start",
        )  # fmt: skip

    def start_without_waiting(self) -> None:
        """Start it, and return while it may still refuse connections."""
        self._call(
            "pg_ctl", "-W", "-s", "-D", self.data, "-l", self.log_file,
            "-o", f"-p {self.port}", "start",
        )  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        """Stop it if it runs."""
        if self.is_running():
            self._call("pg_ctl", "-w", "-s", "-D", self.data, "-m", mode, "stop")

    def restart(self) -> None:
        """Restart it, cutting all connections (57P01)."""
        self.stop("fast")
        self.start()

    def reload(self) -> None:
        """Have it read its configuration again, and wait until it has."""
        self._call("pg_ctl", "-s", "-D", self.data, "reload")
        time.sleep(0.3)

    def is_running(self) -> bool:
        """Tell whether its postmaster has a pid file."""
        return (self.data / "postmaster.pid").exists()

    def pid(self) -> int:
        """Return the postmaster's pid."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    def sql(self, statement: str, database: str = "postgres", user: str = "postgres") -> str:
        """Run `statement` in psql and return what it prints, unaligned, without headers."""
        password = SUPERUSER_PASSWORD if user == "postgres" else f"{user}-canary"
        done = subprocess.run(
            ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-p", str(self.port),
             "-U", user, "-d", database, "-c", statement],
            env={**os.environ, "PGPASSWORD": password, "LC_ALL": "C.UTF-8"},
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def log(self) -> str:
        """Return the server's log."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def url(self, database: str, user: str = "mast", password: str | None = None) -> str:
        """Return Ecto's URL over TCP; the password defaults to the one of `create_role`."""
        password = f"{user}-canary" if password is None else password
        return f"ecto://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def create_role(self, name: str, options: str = "LOGIN") -> None:
        """Create a role whose password is its name and "-canary"."""
        self.sql(f"CREATE ROLE {name} {options} PASSWORD '{name}-canary'")

    def _call(self, program: str, *arguments: object) -> None:
        if BINARIES is None:
            raise RuntimeError("PostgreSQL's server is not installed")
        self._run([str(BINARIES / program), *map(str, arguments)])

    def _run(self, argv: list[str]) -> None:
        done = subprocess.run(
            argv, user=self._user, cwd="/", check=False, text=True, stdin=subprocess.DEVNULL,
            # A file and no pipe: the server inherits it and would hold a pipe open.
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {self.log()[-2000:]}")
