"""What a command imports: operators wait for `status`, and each import costs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mast_agent
import pytest

Modules = Callable[..., tuple[int, set[str]]]

#: What enrolling alone needs; what costs more than a millisecond, and is seldom needed; what asks a
#: database.
_ENROLLING = {
    "tenacity",
    "structlog",
    "mast_agent.enroll.enrollment",
    "mast_agent.enroll.evaluation",
}
_COSTLY = {"asyncio", "ssl", "secrets", "hmac", "rich", "pydantic"}
_DATABASE = {
    "psycopg",
    "mast_agent.postgres.ecto_url",
    "mast_agent.status.asking",
    "mast_agent.config.service_user",
}
#: All of the agent that help and version need.
_SHELL = (
    "cli",
    "commands",
    "commands.options",
    "commands.running",
    "commands.usage",
    "host",
    "host.ending",
    "host.lean",
)

_SOURCE = str(Path(mast_agent.__file__).parents[1])

# Runs a command line in this fresh interpreter, and prints which modules it ended with.
_PROGRAM = """
import json, sys
from mast_agent.cli import execute
code = execute(sys.argv[1:])
print(file=sys.stderr)
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


@pytest.fixture(params=[sys.executable, "/usr/bin/python3"], ids=["newest", "distribution"])
def modules(request: pytest.FixtureRequest, tmp_path: Path) -> Modules:
    """Run a command with both sets of libraries; return its exit code and what it imported."""

    def run(*arguments: str, **environment: str) -> tuple[int, set[str]]:
        path = (environment.pop("PYTHONPATH", None), _SOURCE, os.environ.get("PYTHONPATH"))
        done = subprocess.run(
            [request.param, "-c", _PROGRAM, *arguments],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": ":".join(filter(None, path)),
                "PYTHONDONTWRITEBYTECODE": "1",
                "STATE_DIRECTORY": str(tmp_path / "state"),
                "RUNTIME_DIRECTORY": str(tmp_path / "run"),
                "MAST_BIN": str(tmp_path / "no-mast"),
                "MAST_AGENT_ENV_FILE": str(tmp_path / "mast.env"),
                "MAST_AGENT_ACCESS_DIRECTORY": str(tmp_path / "access"),
                "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/no-bus",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        code, found = json.loads(done.stderr.splitlines()[-1])
        return code, set(found)

    return run


@pytest.fixture(autouse=True)
def _env_file(tmp_path: Path) -> None:
    """Stand an empty file before this machine's /etc/mast.env."""
    (tmp_path / "mast.env").touch()


@pytest.fixture
def no_bindings(tmp_path: Path) -> str:
    """A PYTHONPATH on which PyGObject fails: newer ones import asyncio themselves."""
    folder = tmp_path / "no-bindings"
    folder.mkdir()
    (folder / "gi.py").write_text("raise ImportError('no gi here')\n")
    return str(folder)


def test_status_without_the_right_to_read(
    modules: Modules, tmp_path: Path, no_bindings: str
) -> None:
    """Where the settings cannot be read, `status` imports nothing that asks a database."""
    (tmp_path / "mast.env").write_text("no assignment\n")
    code, found = modules("status", PYTHONPATH=no_bindings)
    assert code == 3
    assert "mast_agent.status.status" in found
    assert (_ENROLLING | _COSTLY | _DATABASE) & found == set()
    assert "mast_agent.postgres.snapshot" not in found


def test_status(modules: Modules) -> None:
    """Without DATABASE_URL, `status` imports neither psycopg nor what only enrolling needs."""
    code, found = modules("status")
    assert code == 3
    assert (_ENROLLING | {"psycopg", "rich"}) & found == set()


def test_status_for_a_program(modules: Modules) -> None:
    """As JSON `status` imports nothing that lays text out, nor does a text what makes JSON."""
    _, found = modules("status", "--json")
    screen = {
        "mast_agent.show.screen",
        "mast_agent.show.phases",
        "mast_agent.show.layout",
        "mast_agent.text.clock",
    }
    assert screen & found == set()
    assert "mast_agent.show.render" in found
    _, found = modules("status")
    assert screen <= found
    assert "mast_agent.show.render" not in found


def test_status_with_a_database(modules: Modules, tmp_path: Path) -> None:
    """With a database to ask, `status` adds psycopg and nothing else of the costly ones."""
    code, found = modules(
        "status",
        DATABASE_URL=f"ecto://mast@localhost/mast?socket_dir={tmp_path}",
    )
    assert code == 3
    assert "psycopg" in found
    assert (_ENROLLING | {"rich"}) & found == set()


def test_enroll_in_a_pipe(modules: Modules) -> None:
    """Where nothing is drawn, rich is not imported."""
    code, found = modules("enroll")
    assert code == 78
    assert "mast_agent.enroll.enrollment" in found
    assert {"rich", "mast_agent.show.live"} & found == set()


def test_reset(modules: Modules) -> None:
    """`reset` imports nothing but what is needed to remove files."""
    code, found = modules("reset")
    assert code == 0
    assert "mast_agent.commands.forget" in found
    assert (_ENROLLING | _COSTLY | _DATABASE | {"gi", "pydbus"}) & found == set()


def test_check(modules: Modules) -> None:
    """`check` imports neither tenacity nor structlog: it logs nothing and waits for nothing."""
    code, found = modules("check")
    assert code == 78
    assert "mast_agent.status.preflight" in found
    assert {"tenacity", "structlog", "rich", "mast_agent.enroll.enrollment"} & found == set()


def test_access(modules: Modules) -> None:
    """`access` logs, and imports nothing that asks a database or waits."""
    code, found = modules("access", "--revoke")
    assert code == 0
    assert "structlog" in found
    assert (
        {"tenacity", "rich", "gi", "pydbus", "mast_agent.enroll.evaluation"} | _DATABASE
    ) & found == set()


@pytest.mark.parametrize("arguments", [("--help",), ("enroll", "--help"), ("--version",)])
def test_help(modules: Modules, arguments: tuple[str, ...]) -> None:
    """Help and version import what typer does, less rich, and hardly anything of the agent's."""
    code, found = modules(*arguments)
    assert code == 0
    own = {name for name in found if name.startswith("mast_agent.")}
    assert own == {f"mast_agent.{name}" for name in _SHELL}
    assert {"rich", "asyncio", "gi", "pydbus", "systemd", "psycopg", "structlog"} & found == set()


def test_leaves_rich_to_others(tmp_path: Path) -> None:
    """What is kept from typer is there for whoever imports it afterwards."""
    (tmp_path / "rich.py").write_text("")
    program = "import mast_agent.cli, mast_agent.report.journal, rich, typer; print(rich.__file__)"
    path = ":".join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout.strip() == str(tmp_path / "rich.py")


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
