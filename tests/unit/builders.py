"""Values for the unit tests: each function makes a plain one, and takes what is special of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mast_agent.access.access import Access, Login
from mast_agent.config.release import Release
from mast_agent.enroll.output import Output
from mast_agent.host.process import Line
from mast_agent.host.units import Unit
from mast_agent.postgres.parameters import ConnectionParameters
from mast_agent.postgres.snapshot import Identity, Server
from mast_agent.report.published import Error, Published
from mast_agent.report.record import Record
from mast_agent.text.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable

PID = os.getpid()
SERVER_ID = "0b0f5f0a-9d0e-4c55-9f6e-6d0a8a1c2b3d"
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def target(**special: Any) -> ConnectionParameters:
    """Make a target over TCP."""
    plain = {
        "host": "db.example",
        "socket_directory": None,
        "port": 5432,
        "database": "mast",
        "user": "mast",
        "password": "pw",
        "tls": False,
        "root_certificate": None,
        "ipv6": False,
    }
    return ConnectionParameters(**{**plain, **special})


def server(**special: Any) -> Server:
    """Make a row of servers."""
    return Server(**{"id": SERVER_ID, "name": "web1", "host": "192.0.2.7", **special})


def found_release(**special: Any) -> Release:
    """Make a release without Mast.Bootstrap."""
    plain = {
        "executable": Path("/opt/mast/bin/mast"),
        "root": Path("/opt/mast"),
        "version": "0.5.0",
        "migrations": frozenset({1}),
        "has_bootstrap": False,
    }
    return Release(**{**plain, **special})


def access(**special: Any) -> Access:
    """Make what is seen of Mast's access: it has its key."""
    plain = {
        "login": Login(host="127.0.0.1", port=22, user="mast-managed"),
        "user_exists": True,
        "key": "installed",
        "listening": True,
        "problems": (),
    }
    return Access(**{**plain, **special})


def identity(**special: Any) -> Identity:
    """Make a database's identity."""
    return Identity(**{"system_identifier": "7300000000000000001", "name": "mast", **special})


def record(**special: Any) -> Record:
    """Make a record of an enrollment."""
    plain = {
        "server_id": SERVER_ID,
        "server_name": "web1",
        "machine": "0123456789abcdef0123456789abcdef",
        "database": identity(),
        "enrolled_at": "2026-01-02T03:04:05+00:00",
    }
    return Record(**{**plain, **special})


def error(**special: Any) -> Error:
    """Make a published failure, a transient one."""
    plain = {
        "cause": "refused",
        "message": "nothing listens at db.example:5432",
        "remedy": "Start PostgreSQL",
        "code": 69,
    }
    return Error(**{**plain, **special})


def published(state: str, **special: Any) -> Published:
    """Make a published status of a process that is alive: this one."""
    plain = {
        "state": state,
        "phase": "database",
        "message": "what it said last",
        "since": "2026-01-02T03:04:05+00:00",
        "updated_at": "2026-01-02T03:04:05+00:00",
        "attempts": 3,
    }
    return Published(**{**plain, **special})


def unit(active_state: str, **special: Any) -> Unit:
    """Make what systemd says of mast-agent.service."""
    plain = {
        "name": "mast-agent.service",
        "load_state": "loaded",
        "active_state": active_state,
        "sub_state": "dead",
        "result": "success",
        "exit_status": 0,
        "has_run": True,
        "restarts": 0,
        "status_text": "",
    }
    return Unit(**{**plain, **special})


def release(root: Path) -> Path:
    """Lay out a release with two migrations below `root`, and return its bin/mast."""
    executable = root / "bin" / "mast"
    executable.parent.mkdir(parents=True)
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o755)
    (root / "releases").mkdir()
    (root / "releases" / "start_erl.data").write_text("15.2 0.5.0")
    application = root / "lib" / "mast-0.5.0"
    migrations = application / "priv" / "repo" / "migrations"
    (migrations / "later").mkdir(parents=True)
    (migrations / "20250601090000_first.exs").touch()
    (migrations / "later" / "20250601090100_second.exs").touch()
    (application / "ebin").mkdir()
    return executable


def output(
    *lines: tuple[str, bytes],
    secrets: Iterable[str] = (),
    logged: list[tuple[str, str]] | None = None,
) -> Output:
    """Collect lines, each with its stream; what is logged of them goes into `logged`."""
    kept = [] if logged is None else logged
    collected = Output(Redactor(secrets), lambda stream, text: kept.append((stream, text)))
    for stream, content in lines:
        collected.take(Line(stream=stream, content=content, cut=False))
    return collected
