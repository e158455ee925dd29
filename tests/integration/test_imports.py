"""What a command imports: operators wait for `status`, and each import costs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Runs a command line in this fresh interpreter, and prints which modules it ended with.
_PROGRAM = """
import json, sys
from mast_agent.cli import execute
code = execute(sys.argv[1:])
print(file=sys.stderr)
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def _modules(tmp_path: Path, *arguments: str, **environment: str) -> tuple[int, set[str]]:
    """Return the exit code of a command and the top-level modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        env={
            "PATH": os.environ["PATH"],
            "STATE_DIRECTORY": str(tmp_path / "state"),
            "RUNTIME_DIRECTORY": str(tmp_path / "run"),
            "MAST_BIN": str(tmp_path / "no-mast"),
            "MAST_AGENT_ENV_FILE": str(tmp_path / "mast.env"),
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/no-bus",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, {name.partition(".")[0] for name in modules}


@pytest.fixture(autouse=True)
def _env_file(tmp_path: Path) -> None:
    """Stand an empty file before this machine's /etc/mast.env."""
    (tmp_path / "mast.env").touch()


def test_status(tmp_path: Path) -> None:
    """Without DATABASE_URL, `status` imports neither psycopg nor what only enrolling needs."""
    code, modules = _modules(tmp_path, "status")
    assert code == 3
    assert "mast_agent" in modules
    assert not {"tenacity", "structlog", "psycopg"} & modules


def test_status_with_a_database(tmp_path: Path) -> None:
    """With a database to ask, `status` adds psycopg and nothing else of the costly ones."""
    code, modules = _modules(
        tmp_path,
        "status",
        DATABASE_URL=f"ecto://mast@localhost/mast?socket_dir={tmp_path}",
    )
    assert code == 3
    assert "psycopg" in modules
    assert not {"tenacity", "structlog"} & modules


@pytest.mark.parametrize("arguments", [("--help",), ("enroll", "--help"), ("--version",)])
def test_help(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Help and version import nothing that only working needs."""
    code, modules = _modules(tmp_path, *arguments)
    assert code == 0
    assert not {"tenacity", "structlog", "psycopg", "gi", "pydbus", "systemd"} & modules


def test_entry_point() -> None:
    """Importing the package or its entry point imports nothing else."""
    program = "import sys; import mast_agent.__main__; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    modules = done.stdout.split()
    assert {name for name in modules if name.startswith("mast_agent")} == {
        "mast_agent",
        "mast_agent.__main__",
    }
    assert "typer" not in modules
