"""Rows 21 to 23 and 27 of the faults: an eval that hangs, dies, lies or leaves something behind."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import releases
from support.agent import wait_for
from support.expect import assert_enrolled, assert_failed
from support.snippets import add_row, this_host
from support.swarm import Outcome, run_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(15)

EVAL_ATTEMPTS = 5
DEATHS = {
    "kill -KILL $$": ("eval-killed", "SIGKILL"),
    "kill -SEGV $$": ("eval-killed", "SIGSEGV"),
    "exit 137": ("eval-killed", "SIGKILL"),
    "echo '** (RuntimeError) no luck' >&2\nexit 1": ("eval-failed", "no luck"),
    "exit 3": ("eval-failed", "ended with 3"),
}
PHANTOM = (
    '{"mast_bootstrap": 1, "server": {"id": "00000000-0000-4000-8000-000000000000", "name": "x"}}'
)
COUNT = "echo x >> $MAST_REFERENCE_EVAL_LOG\n"


def is_alive(pid: int) -> bool:
    """Tell whether the process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_eval_that_is_ended_by_sigterm(agent: Agent, cluster: Cluster, database: str) -> None:
    """A BEAM ends with 0 on SIGTERM: that is no success, and no row of another's is taken for it.

    The other's row leads each host to itself, so that one whose eval says "enrolled" has it.
    """
    add_row(cluster, database, "another")
    process = agent.start("enroll", "--timeout", "60", MAST_REFERENCE_EVAL_SLEEP="2")
    wait_for(lambda: agent.eval_count() == 1)
    os.kill(int(agent.evals.read_text().split()[0]), signal.SIGTERM)
    result = agent.finish(process)
    query = f"SELECT id FROM servers WHERE name = '{this_host()}'"  # noqa: S608 - the test's
    assert_enrolled(agent, result, cluster.sql(query, database))
    assert "the eval was ended by SIGTERM" in result.stderr, result
    assert agent.eval_count() == 2, result


def test_hang_with_a_grandchild_that_ignores_term(
    scripted_agent: Callable[[str], Agent], tmp_path: Path
) -> None:
    """An eval that hangs and ignores TERM is killed with all it started, and nothing is left."""
    pids = tmp_path / "pids"
    agent = scripted_agent(
        f"trap '' TERM\n(trap '' TERM; exec sleep 300) &\necho $$ $! >> {pids}\nsleep 300"
    )
    result = agent.enroll(8)
    assert_failed(
        agent, result, code=75, cause="eval-hung", phase="enroll", remedy="MAST_AGENT_TIMEOUT"
    )
    assert result.seconds - result.held_up < 8 + 1 + 5, result
    family = [int(word) for word in pids.read_text().split()]
    assert family
    wait_for(lambda: not any(is_alive(pid) for pid in family))


@pytest.fixture(scope="module")
def deaths(
    cluster: Cluster,
    migrated_template: str,
    reference: Path,
    new_agent: Callable[..., Agent],
    scratch: Path,
) -> Iterator[dict[str, tuple[Agent, Outcome]]]:
    """All ways to die at once, each with a database of its own, since evals take turns."""
    jobs: dict[str, tuple[Agent, tuple[str, ...]]] = {}
    for number, script in enumerate(DEATHS):
        database = f"deaths_{number}"
        cluster.sql(f"CREATE DATABASE {database} OWNER mast TEMPLATE {migrated_template}")
        root = scratch / f"death{number}"
        executable = releases.scripted(root, COUNT + script, reference)
        agent = new_agent(cluster.url(database), executable)
        jobs[script] = (agent, ("enroll", "--timeout", "60"))
    yield run_all(scratch / "deaths", jobs)
    for number in range(len(DEATHS)):
        cluster.sql(f"DROP DATABASE deaths_{number} WITH (FORCE)")


@pytest.mark.parametrize("script", DEATHS)
def test_death_is_retried_within_bounds(
    deaths: dict[str, tuple[Agent, Outcome]], script: str
) -> None:
    """An eval that dies is tried again a few times, and its signal or its exception is named."""
    cause, words = DEATHS[script]
    agent, outcome = deaths[script]
    published = assert_failed(
        agent, outcome, code=75, cause=cause, phase="enroll", remedy="journal"
    )
    assert words in published["error"]["message"], published
    assert agent.eval_count() == EVAL_ATTEMPTS, outcome
    assert outcome.seconds - outcome.held_up < 30, outcome


def test_misses_a_variable(scripted_agent: Callable[[str], Agent]) -> None:
    """A variable that this Mast wants and nobody has set is named, and not waited for."""
    line = "** (RuntimeError) environment variable MAST_NOVELTY is missing."
    agent = scripted_agent(f"{COUNT}echo '{line}' >&2\nexit 1")
    result = agent.enroll(20)
    published = assert_failed(
        agent, result, code=78, cause="eval-misconfigured", phase="enroll", remedy="Set"
    )
    assert "MAST_NOVELTY" in published["error"]["message"], published
    assert agent.eval_count() == 1, result


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'could not be enrolled' >&2", "servers is empty"),
        (f"echo '{PHANTOM}'", "00000000-0000-4000-8000-000000000000"),
    ],
)
def test_success_without_enrollment(
    scripted_agent: Callable[[str], Agent], script: str, words: str
) -> None:
    """An eval that reports success while the database has no such row is not believed."""
    agent = scripted_agent(COUNT + script)
    result = agent.enroll(20)
    published = assert_failed(
        agent, result, code=70, cause="not-enrolled", phase="verify", remedy="Mast.Bootstrap"
    )
    assert words in published["error"]["message"], published
    assert agent.eval_count() == 1, result
    assert not (agent.state / "enrollment.json").exists(), result


def test_reference_that_enrolls_nothing(agent: Agent) -> None:
    """Exit 0 from a real release that returned an error proves nothing either."""
    result = agent.enroll(40, MAST_REFERENCE_ENROLL="nothing")
    assert_failed(agent, result, code=70, cause="not-enrolled", phase="verify")


def test_crash_leaves_no_dump(agent: Agent, cluster: Cluster, database: str) -> None:
    """A BEAM that crashes in the middle of enrolling writes no dump anywhere."""
    result = agent.enroll(12, MAST_REFERENCE_ENROLL="halt")
    # The last of its attempts may be cut short by the deadline, which has another name.
    assert result.code == 75, result
    assert agent.published()["phase"] == "enroll", result
    assert "crashed on purpose" in result.stderr, result
    release = Path(agent.environment["MAST_BIN"]).parents[1]
    for directory in (agent.state.parent, agent.runtime, release, Path.cwd()):
        assert not list(directory.glob("**/erl_crash.dump")), (directory, str(result))
    assert cluster.sql("SELECT count(*) FROM servers", database) == "0"
