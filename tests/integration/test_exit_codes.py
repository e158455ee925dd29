"""Every exit code of `enroll` and of `status`, through the real command line."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mast_agent
import pytest
from support.expect import assert_failed, assert_no_secret
from support.postgres import free_port
from support.snippets import add_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.agent import Agent, Result
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(15)

# A bug that nobody has thought of, in the middle of the agent, with a secret in its text.
BUG = """
import os
from mast_agent.host import identity

def identify():
    raise LookupError("unheard-of: " + os.environ["DATABASE_URL"])

identity.identify = identify
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What one exit code of `enroll` comes with; `status` is the code of `status` afterwards."""

    cause: str
    phase: str
    remedy: str
    status: int


CASES = {
    1: Case(cause="bug", phase="release", remedy="Report it", status=3),
    69: Case(cause="refused", phase="database", remedy="Start PostgreSQL", status=3),
    70: Case(cause="not-enrolled", phase="verify", remedy="Mast.Bootstrap", status=1),
    75: Case(cause="migrations-pending", phase="migrations", remedy="Run them", status=3),
    77: Case(cause="select-denied", phase="migrations", remedy="own Mast's tables", status=1),
    78: Case(cause="release-missing", phase="release", remedy="MAST_BIN", status=1),
}


@pytest.fixture
def provoke(
    agent: Agent,
    scripted_agent: Callable[[str], Agent],
    cluster: Cluster,
    database: str,
    tmp_path: Path,
) -> Callable[[int], tuple[Agent, Result]]:
    """Make `enroll` end with a code, and return the agent and the result."""

    def end_with(code: int) -> tuple[Agent, Result]:
        match code:
            case 1:
                (tmp_path / "sitecustomize.py").write_text(BUG)
                return agent, agent.enroll(2, PYTHONPATH=str(tmp_path))
            case 69:
                agent.environment["DATABASE_URL"] = (
                    f"ecto://mast:mast-canary@127.0.0.1:{free_port()}/mast"
                )
                return agent, agent.enroll(2)
            case 70:
                scripted = scripted_agent("echo 'nothing was created' >&2")
                return scripted, scripted.enroll(10)
            case 75:
                cluster.sql("DELETE FROM schema_migrations", database)
                return agent, agent.enroll(2)
            case 77:
                cluster.sql("REVOKE SELECT ON schema_migrations FROM mast", database)
                return agent, agent.enroll(2)
            case _:
                agent.environment["MAST_BIN"] = "/nonexistent/bin/mast"
                return agent, agent.enroll(2)

    return end_with


@pytest.mark.parametrize("code", CASES)
def test_failure(provoke: Callable[[int], tuple[Agent, Result]], code: int) -> None:
    """Each failing code of `enroll` comes with its phase, cause and remedy in `status --json`."""
    case = CASES[code]
    agent, result = provoke(code)
    assert_failed(agent, result, code=code, cause=case.cause, phase=case.phase, remedy=case.remedy)
    status = agent.status()
    assert status["code"] == case.status, status
    assert status["verdict"] == {1: "failed", 3: "pending"}[case.status], status
    assert status["phase"] == case.phase, status
    error = status["error"]
    assert (error["cause"], error["code"]) == (case.cause, code), status
    assert case.remedy in error["remedy"], status
    assert_no_secret(str(status))


def test_bug_names_its_place(provoke: Callable[[int], tuple[Agent, Result]]) -> None:
    """A bug is one line with the kind of exception and the functions, not a traceback."""
    _, result = provoke(1)
    (line,) = [line for line in result.stderr.splitlines() if "[bug, exit 1]" in line]
    assert "LookupError: unheard-of" in line, result
    assert "identify:" in line, result


@pytest.mark.parametrize(
    "arguments",
    [
        ("enroll", "--no-such-option"),
        ("enroll", "--timeout", "soon"),
        ("enroll", "unexpected"),
        ("status", "--no-such-option"),
        ("status", "--timeout", "0"),
        ("no-such-command",),
    ],
)
def test_wrong_usage(agent: Agent, arguments: tuple[str, ...]) -> None:
    """Wrong usage is 2, says so on stderr, and publishes nothing."""
    result = agent.run(*arguments)
    assert result.code == 2, result
    assert "rror" in result.stderr, result
    assert "Traceback" not in result.stderr, result
    assert not agent.runtime.exists(), result


def test_enrolled_and_stale(agent: Agent, cluster: Cluster, database: str) -> None:
    """`enroll` 0 makes `status` 0; without the row it is 5; the same for text, JSON and --wait."""
    server_id = add_row(cluster, database)
    result = agent.enroll()
    assert result.code == 0, result
    assert server_id in result.stdout, result
    for code, verdict in ((0, "enrolled"), (5, "stale")):
        words = {"enrolled": "enrolled", "stale": "no longer enrolled"}[verdict]
        assert agent.status()["verdict"] == verdict
        text = agent.run("status")
        assert text.code == code, text
        assert text.stdout.startswith(f"{words}: "), text
        waited = agent.run("status", "--wait", "--timeout", "5")
        assert waited.code == code, waited
        cluster.sql("DELETE FROM servers", database)


def test_never_run(agent: Agent) -> None:
    """Before the first run `status` is 3 and says how to start it, also after waiting in vain."""
    status = agent.status()
    assert (status["verdict"], status["code"]) == ("pending", 3), status
    assert "systemctl start --no-block mast-agent" in status["remedy"], status
    waited = agent.run("status", "--wait", "--timeout", "1")
    assert waited.code == 3, waited


@pytest.mark.root
def test_unknown_to_a_stranger(agent: Agent, scratch: Path) -> None:
    """A user who may read neither record nor published status is told that, with 4."""
    package = scratch / "package"
    shutil.copytree(Path(mast_agent.__file__).parent, package / "mast_agent")
    private = scratch / "private"
    private.mkdir(mode=0o700)
    environment = {
        **{
            name: value
            for name, value in agent.environment.items()
            if name != "MAST_BIN" and "DATABASE" not in name
        },
        "STATE_DIRECTORY": str(private / "state"),
        "RUNTIME_DIRECTORY": str(private / "run"),
        "PYTHONPATH": str(package),
    }
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "mast_agent", "status"],
        env=environment, user="nobody", group="nogroup", extra_groups=[], cwd="/",
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert os.geteuid() == 0
    assert done.returncode == 4, done
    assert done.stdout.startswith("unknown whether enrolled: "), done
    assert "sudo mast-agent status" in done.stdout, done
