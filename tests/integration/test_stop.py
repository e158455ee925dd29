"""Row 34 of the faults: a stop signal, in every phase and at any moment."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.agent import wait_for
from support.expect import assert_enrolled
from support.network import deaf_listener
from support.postgres import free_port
from support.snippets import CONTRACT, report_node
from support.swarm import Outcome, Swarm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.agent import Agent, Result
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(25)

IDLE_SECONDS = 0.5
KILL_AFTER_SECONDS = 3.0
KILLS = 60
GROUP = 10
PHASES = ["refused", "deaf", "grace", "crowded", "migrations", "name unknown"]


@pytest.fixture(scope="module")
def stopped(
    cluster: Cluster,
    new_agent: Callable[[str], Agent],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, tuple[Agent, Outcome]]]:
    """Stop agents that wait for different things."""
    cluster.create_role("stopped", "LOGIN CONNECTION LIMIT 0")
    cluster.sql("CREATE DATABASE unmigrated OWNER mast")
    swarm = Swarm(tmp_path_factory.mktemp("stopped"))
    with deaf_listener() as port:
        urls = {
            "refused": f"ecto://mast:mast-canary@127.0.0.1:{free_port()}/mast",
            "deaf": f"ecto://mast:mast-canary@127.0.0.1:{port}/mast",
            "grace": cluster.url("no_such_database"),
            "crowded": cluster.url("postgres", "stopped"),
            "migrations": cluster.url("unmigrated"),
            "name unknown": "ecto://mast:mast-canary@nope.invalid/mast",
        }
        agents = {name: new_agent(url) for name, url in urls.items()}
        for agent in agents.values():
            swarm.add_until_at_work(1.5, agent, "enroll", "--timeout", "60")
        with swarm:
            ends = swarm.finish()
    yield {name: (agents[name], end) for name, end in zip(agents, ends, strict=True)}
    cluster.sql("DROP DATABASE unmigrated")
    cluster.sql("DROP ROLE stopped")


@pytest.mark.parametrize("phase", PHASES)
def test_stops_at_once_while_it_waits(
    stopped: dict[str, tuple[Agent, Outcome]], phase: str
) -> None:
    """Whatever it waits for, SIGTERM ends it within half a second, by that signal."""
    agent, outcome = stopped[phase]
    assert outcome.code == -signal.SIGTERM, outcome
    assert outcome.stopped_in is not None, outcome
    assert outcome.stopped_in <= IDLE_SECONDS, outcome
    assert agent.published()["state"] == "stopped", (agent.published(), str(outcome))
    assert not (agent.state / "enrollment.json").exists(), outcome


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP])
def test_dies_by_the_signal_that_it_got(agent: Agent, signum: signal.Signals) -> None:
    """A terminal's signals end it as SIGTERM does, each as itself."""
    agent.environment["DATABASE_URL"] = f"ecto://mast:mast-canary@127.0.0.1:{free_port()}/mast"
    process = agent.start("enroll", "--timeout", "60")
    agent.wait_published(lambda status: status["state"] == "waiting")
    process.send_signal(signum)
    result = agent.finish(process)
    assert result.code == -signum, result
    assert f"stopped by {signum.name}" in result.stderr, result


def read_pid(file: Path) -> int:
    """Wait until the eval has written a pid into `file`, and return it."""
    return int(wait_for(lambda: file.read_text().strip() if file.exists() else None))


def stop_during_eval(agent: Agent, started: Path) -> tuple[Result, int]:
    """Send SIGTERM once the eval has written its pid into `started`; return that too."""
    process = agent.start("enroll", "--timeout", "60")
    try:
        pid = read_pid(started)
        process.terminate()
        return agent.finish(process), pid
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_eval_gets_the_signal_and_its_success_is_ignored(
    scripted_agent: Callable[[str], Agent], tmp_path: Path
) -> None:
    """The eval gets SIGTERM too; that it then exits 0, as a BEAM does, means nothing."""
    started, got = tmp_path / "started", tmp_path / "got"
    agent = scripted_agent(
        f"trap 'echo TERM > {got}; exit 0' TERM\necho $$ > {started}.new\n"
        f"mv {started}.new {started}\nwhile :; do sleep 0.05; done"
    )
    result, pid = stop_during_eval(agent, started)
    assert result.code == -signal.SIGTERM, result
    assert result.seconds - result.held_up <= IDLE_SECONDS + 0.5, result
    assert got.read_text() == "TERM\n"
    assert not Path(f"/proc/{pid}").exists(), result
    assert not (agent.state / "enrollment.json").exists(), result
    assert agent.published()["state"] == "stopped", result
    assert "nothing is recorded" in result.stderr, result


def test_eval_that_ignores_the_signal_is_killed(
    scripted_agent: Callable[[str], Agent], tmp_path: Path
) -> None:
    """An eval that ignores SIGTERM is killed within the stop budget, with its children."""
    started = tmp_path / "started"
    agent = scripted_agent(
        f"trap '' TERM\n(trap '' TERM; exec sleep 300) &\necho $! > {started}.new\n"
        f"mv {started}.new {started}\nwhile :; do sleep 0.2; done"
    )
    result, grandchild = stop_during_eval(agent, started)
    assert result.code == -signal.SIGTERM, result
    assert result.seconds >= KILL_AFTER_SECONDS - 0.2, result
    assert result.seconds - result.held_up <= KILL_AFTER_SECONDS + 1, result
    wait_for(lambda: not Path(f"/proc/{grandchild}").exists())
    assert not (agent.state / "enrollment.json").exists(), result


def test_stopped_while_an_eval_that_hangs_is_being_ended(
    scripted_agent: Callable[[str], Agent], tmp_path: Path
) -> None:
    """SIGTERM between the TERM and the KILL of an eval whose time is over leaves nothing behind."""
    started, ending = tmp_path / "started", tmp_path / "ending"
    agent = scripted_agent(
        f"trap 'touch {ending}' TERM\n(trap '' TERM; exec sleep 300) &\n"
        f"echo $$ $! > {started}.new\nmv {started}.new {started}\nwhile :; do sleep 0.05; done"
    )
    process = agent.start("enroll", "--timeout", "10")
    wait_for(ending.exists)
    process.terminate()
    result = agent.finish(process)
    assert result.code == -signal.SIGTERM, result
    family = [int(word) for word in started.read_text().split()]
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family))
    assert agent.published()["state"] == "stopped", result


def test_killed_agent_takes_its_eval_along(agent: Agent) -> None:
    """SIGKILL lets an agent end nothing; the BEAM of its eval does not outlive it all the same."""
    process = agent.start("enroll", "--timeout", "60", MAST_REFERENCE_EVAL_SLEEP="300")
    pid = int(
        wait_for(lambda: agent.evals.read_text() if agent.evals.exists() else None).split()[0]
    )
    assert _is_eval(pid)
    process.kill()
    try:
        result = agent.finish(process)
        assert result.code == -signal.SIGKILL, result
        wait_for(lambda: not _is_eval(pid))
    finally:
        if _is_eval(pid):
            os.kill(pid, signal.SIGKILL)
    # Whoever comes next finds nobody in the way.
    assert agent.enroll(60).code == 0


def test_second_signal_changes_nothing(
    scripted_agent: Callable[[str], Agent], tmp_path: Path
) -> None:
    """An impatient second SIGTERM does not leave the eval behind."""
    started = tmp_path / "started"
    agent = scripted_agent(f"trap '' TERM\necho $$ > {started}\nwhile :; do sleep 0.2; done")
    process = agent.start("enroll", "--timeout", "60")
    pid = read_pid(started)
    process.terminate()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    result = agent.finish(process)
    assert result.code == -signal.SIGTERM, result
    assert not Path(f"/proc/{pid}").exists(), result


def test_sixty_stops_at_random_moments(
    scripted_agent: Callable[[str], Agent],
    new_agent: Callable[..., Agent],
    cluster: Cluster,
    database: str,
    tmp_path: Path,
) -> None:
    """Stopped at any moment, an agent has recorded what the database has, or nothing."""
    # Each is a host of its own, so that each has an eval to be stopped in.
    pids = tmp_path / "pids"
    # The row of an eval that was stopped may be committed during somebody else's: it is the
    # contract's line that says whose row is whose.
    script = (
        f"echo $$ >> {pids}\nsleep 0.1\n{report_node(cluster, database)}\nsleep 0.1\n{CONTRACT}"
    )
    executable = scripted_agent(script).environment["MAST_BIN"]
    generator = random.Random(20260101)  # noqa: S311 - a test that fails has to fail again
    # How long the fastest of a group takes here and now: the moments are drawn by this machine's
    # own clock, so that they fall into every phase on a slow one, too.
    swarm = Swarm(tmp_path / "whole")
    for number in range(GROUP):
        agent = new_agent(cluster.url(database), executable)
        swarm.add(agent, "enroll", "--timeout", "60", MAST_NODE=f"whole-{number}")
    with swarm:
        whole = min(end.seconds for end in swarm.finish() if end.code == 0)
    pids.write_text("")
    stopped: list[tuple[Agent, Outcome]] = []
    for group in range(KILLS // GROUP):
        swarm = Swarm(tmp_path / f"group{group}")
        agents = []
        for number in range(GROUP):
            agents.append(new_agent(cluster.url(database), executable))
            node = f"node-{group}-{number}"
            moment = generator.uniform(0, 2 * whole)
            swarm.add_until(moment, agents[-1], "enroll", "--timeout", "60", MAST_NODE=node)
        with swarm:
            stopped += zip(agents, swarm.finish(), strict=True)
    rows = cluster.sql("SELECT id FROM servers", database).split()
    for agent, outcome in stopped:
        assert outcome.code in {0, -signal.SIGTERM}, outcome
        assert "Traceback" not in outcome.stderr, outcome
        record = agent.state / "enrollment.json"
        if record.exists():
            assert agent.record()["server"]["id"] in rows, outcome
        else:
            assert outcome.code == -signal.SIGTERM, outcome
        for directory in (agent.state, agent.runtime):
            assert not list(directory.glob(".*")), (list(directory.iterdir()), str(outcome))
    died = sum(outcome.code != 0 for _, outcome in stopped)
    assert died >= KILLS / 4, f"only {died} of {KILLS} were stopped, at up to {2 * whole:.1f} s"
    evals = [int(line) for line in pids.read_text().split()]
    assert evals, f"no eval was running at any of those moments, of up to {2 * whole:.1f} s"
    alive = [pid for pid in evals if _is_eval(pid)]
    assert not alive, f"the evals {alive} outlived their agents"
    # Whoever was stopped converges when it is started again.
    agent, _ = stopped[0]
    result = agent.enroll(60, MAST_NODE="node-0-0")
    query = "SELECT id FROM servers WHERE name = 'node-0-0'"
    assert_enrolled(agent, result, cluster.sql(query, database))


def _is_eval(pid: int) -> bool:
    try:
        return b"self_enroll" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
