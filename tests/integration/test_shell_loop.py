"""README's comparison with the usual shell loop, where a row is yes or no: both are run.

The loop waits for what `pg_isready` says and then enrolls, as a first script does. How long both
take is measured by tests/bench; what they do to a boot is seen by tests/system/test_boot.py.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from chance import processes
from support.agent import Agent, Result, wait_for
from support.migrating import migrating

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.postgres import Cluster

pytestmark = pytest.mark.slow(25)

LOOP = """
until pg_isready -q -h 127.0.0.1 -p {port}; do sleep 1; done
exec "$MAST_BIN" eval 'Mast.Bootstrap.self_enroll!'
"""


def start_loop(agent: Agent, cluster: Cluster, **environment: str) -> subprocess.Popen[str]:
    """Start the loop with what the agent has; `agent.finish` reaps it."""
    return subprocess.Popen(
        ["sh", "-c", LOOP.format(port=cluster.port)],
        env={**agent.environment, "RELEASE_DISTRIBUTION": "none", **environment}, cwd="/",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", start_new_session=True,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Both:
    """How both ended: the loop, with the database as it was, and the agent, once it had come."""

    loop: Result
    agent: Result


@pytest.fixture(scope="module")
def late(
    cluster: Cluster, migrated_template: str, reference: Path, new_agent: Callable[[str], Agent]
) -> Iterator[dict[str, Both]]:
    """Start both while the server listens and no more; then comes what is missing.

    With a wrong password, which nobody corrects, the loop alone. The agents start when the loops
    have ended, since it bears a missing database for 30 s, and a loop may take as long to fail.
    """
    created, migrated = "loop_created", "loop_migrated"
    cluster.sql(f"CREATE DATABASE {migrated} OWNER mast")
    agents = {name: new_agent(cluster.url(name)) for name in (created, migrated)}
    wrong = new_agent(cluster.url(migrated, password="wrong-canary"))
    waiting: dict[str, subprocess.Popen[str]] = {}
    loops = {name: start_loop(each, cluster) for name, each in agents.items()}
    loops["wrong"] = start_loop(wrong, cluster)
    try:
        ended = {name: wrong.finish(loop) for name, loop in loops.items()}
        for name, each in agents.items():
            waiting[name] = each.start("enroll", "--timeout", "60")
            each.wait_published(lambda status: status["state"] == "waiting")
        cluster.sql(f"CREATE DATABASE {created} OWNER mast TEMPLATE {migrated_template}")
        with migrating(reference, cluster.url(migrated)) as migration:
            assert migration.wait() == 0
        enrolled = {name: each.finish(waiting[name]) for name, each in agents.items()}
        yield {
            "wrong password": Both(loop=ended["wrong"], agent=ended["wrong"]),
            "no database yet": Both(loop=ended[created], agent=enrolled[created]),
            "migrations still running": Both(loop=ended[migrated], agent=enrolled[migrated]),
        }
    finally:
        for process in (*waiting.values(), *loops.values()):
            if process.poll() is None:
                process.kill()
                process.communicate()
        for name in agents:
            cluster.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.mark.parametrize("what", ["no database yet", "migrations still running"])
def test_too_early(late: dict[str, Both], what: str) -> None:
    """The server is ready for the loop, which fails and is over; the agent waits and enrolls."""
    assert late[what].loop.code == 1, late[what].loop
    assert late[what].agent.code == 0, late[what].agent


def test_one_code_for_everything(late: dict[str, Both]) -> None:
    """A wrong password and a missing database look alike; test_grace.py has the agent's codes."""
    wrong, missing = (late[what].loop for what in ("wrong password", "no database yet"))
    assert wrong.code == missing.code == 1, (str(wrong), str(missing))
    for ended in (wrong, missing):
        assert "connection not available and request was dropped from queue" in ended.stderr, ended
        assert "password" not in ended.stderr, ended


def test_run_twice(agent: Agent, cluster: Cluster) -> None:
    """The second time the loop starts a BEAM again, and the agent starts none."""
    for _ in range(2):
        ended = agent.finish(start_loop(agent, cluster))
        assert ended.code == 0, ended
    assert agent.eval_count() == 2
    enrolled = agent.enroll()
    assert enrolled.code == 0, enrolled
    assert agent.eval_count() == 2


def test_arguments_that_everybody_may_read(agent: Agent, cluster: Cluster, reference: Path) -> None:
    """The release's cookie stands among the loop's arguments, and not among the agent's."""
    cookie = (reference / "releases" / "COOKIE").read_text(encoding="ascii").strip()
    assert cookie

    def shown(process: subprocess.Popen[str], evals: int) -> bool:
        wait_for(lambda: agent.eval_count() == evals)
        seen = "".join(map(_arguments, processes.tree(process.pid)))
        ended = agent.finish(process)
        assert ended.code == 0, ended
        assert "beam" in seen, seen
        return cookie in seen

    slow = {"MAST_REFERENCE_EVAL_SLEEP": "2"}
    assert not shown(agent.start("enroll", "--timeout", "60", **slow), 1)
    assert shown(start_loop(agent, cluster, **slow), 2)


def test_address_that_is_refused(agent: Agent, cluster: Cluster) -> None:
    """Mast prints a DATABASE_URL that it cannot read, password and all; the agent does not."""
    agent.environment["DATABASE_URL"] = "ecto://mast:mast-canary@/mast"
    loop, enroll = agent.finish(start_loop(agent, cluster)), agent.enroll()
    assert loop.code == 1, loop
    assert "mast-canary" in loop.stdout + loop.stderr, loop
    assert enroll.code == 78, enroll
    assert "mast-canary" not in enroll.stdout + enroll.stderr, enroll


def _arguments(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    except OSError:
        return ""
