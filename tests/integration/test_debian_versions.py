"""The agent with the distribution's interpreter and libraries, as its Debian package has it."""

from __future__ import annotations

import json
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import mast_agent
import pytest
from support.expect import assert_no_secret

if TYPE_CHECKING:
    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(15)

PYTHON = "/usr/bin/python3"
# What Debian 12 has, and what the agent asks for at least.
BOOKWORM = {
    "psycopg": "3.1.7",
    "rich": "13.3.1",
    "structlog": "22.3.0",
    "tenacity": "8.2.1",
    "typer": "0.7.0",
}
WHERE = """
import importlib, importlib.metadata, json
names = ("psycopg", "rich", "structlog", "tenacity", "typer")
print(json.dumps({
    name: [importlib.metadata.version(name), importlib.import_module(name).__file__]
    for name in names
}))
"""


def as_debian(agent: Agent, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the distribution's Python with the agent's source and nothing else of this checkout."""
    source = Path(mast_agent.__file__).parents[1]
    return subprocess.run(
        [PYTHON, *arguments],
        env={**agent.environment, "PYTHONPATH": str(source)}, cwd="/",
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a version."""
    return tuple(int(part) for part in version.split(".")[:3])


def test_libraries_are_the_distributions(agent: Agent) -> None:
    """These tests use the distribution's libraries: on Debian 12 the oldest that are promised."""
    done = as_debian(agent, "-c", WHERE)
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    release = platform.freedesktop_os_release()
    for name, (version, file) in found.items():
        assert file.startswith("/usr/lib/python3"), (name, file)
        assert numbers(version) >= numbers(BOOKWORM[name]), (name, version)
        if (release["ID"], release.get("VERSION_ID")) == ("debian", "12"):
            assert version == BOOKWORM[name], (name, version)


def test_enrolls_end_to_end(agent: Agent, cluster: Cluster, database: str) -> None:
    """The whole way, from waiting for migrations to `status`, works with those libraries."""
    done = as_debian(agent, "-m", "mast_agent", "enroll", "--timeout", "60")
    assert done.returncode == 0, done
    assert_no_secret(done.stdout + done.stderr)
    server_id = cluster.sql("SELECT id FROM servers", database)
    assert agent.record()["server"]["id"] == server_id
    status = as_debian(agent, "-m", "mast_agent", "status", "--json")
    assert status.returncode == 0, status
    assert json.loads(status.stdout)["server"]["id"] == server_id


@pytest.mark.parametrize(
    ("url", "code", "cause"),
    [
        ("ecto://mast:wrong-canary@127.0.0.1:{port}/postgres", 78, "wrong-password"),
        ("ecto://mast:mast-canary@127.0.0.1:{port}/no_such_database", 78, "database-missing"),
        ("ecto://mast:mast-canary@127.0.0.1:1/mast", 69, "refused"),
    ],
)
def test_tells_causes_apart(
    agent: Agent, cluster: Cluster, url: str, code: int, cause: str
) -> None:
    """The SQLSTATE of a refused connection is found out with that psycopg too."""
    agent.environment["DATABASE_URL"] = url.format(port=cluster.port)
    done = as_debian(agent, "-m", "mast_agent", "enroll", "--timeout", "2")
    assert done.returncode == code, done
    assert f"[{cause}, exit {code}]" in done.stderr, done
    assert "Traceback" not in done.stderr, done


@pytest.mark.parametrize(
    "arguments",
    ["", "stauts", "status --tiemout", "status --force", "enroll --timeout soon", "--help"]
    + [f"{command} --help" for command in ("enroll", "status", "check", "reset", "access")],
)
def test_says_the_same_with_every_typer(agent: Agent, arguments: str) -> None:
    """Help, suggestions, refusals and the first step are the same with the newest typer."""
    newest = agent.run(*arguments.split())
    done = as_debian(agent, "-m", "mast_agent", *arguments.split())
    assert (done.returncode, done.stdout, done.stderr) == (
        newest.code,
        newest.stdout,
        newest.stderr,
    )


def test_wrong_usage_and_help(agent: Agent) -> None:
    """An old typer has the same usage errors, and its help fits 80 columns."""
    wrong = as_debian(agent, "-m", "mast_agent", "enroll", "--timeout", "soon")
    assert wrong.returncode == 2, wrong
    assert "'--timeout': 'soon' is no time span" in wrong.stderr, wrong
    for command in ("enroll", "status", "check", "reset"):
        done = as_debian(agent, "-m", "mast_agent", command, "--help")
        assert done.returncode == 0, done
        assert "[env: STATE_DIRECTORY]" in " ".join(done.stdout.split()), done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80, done.stdout
