"""Rows 33 and 41 of the faults: several agents on one host, and fifty against one database."""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING

import pytest
from mast_agent.enroll.evaluation import EXPRESSION
from mast_agent.host import identity
from support.agent import wait_for
from support.copying import copy_database
from support.expect import assert_enrolled
from support.snippets import CONTRACT, add_row, enroll, report_node
from support.swarm import Swarm

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster
    from support.swarm import Outcome

pytestmark = pytest.mark.slow(25)

AGENTS = 50


def logged(script: str, log: Path) -> str:
    """Return `script` between a line "begin PID" and a line "end PID" in `log`."""
    return f"echo begin $$ >> {log}\n{script}\necho end $$ >> {log}\n"


def assert_one_at_a_time(log: Path, ends: Sequence[Outcome]) -> None:
    """Assert that no eval began before the one before it had ended.

    One that was cut by its agent's deadline has no "end", and if it was cut soon no "begin".
    """
    said = "\n".join(map(str, ends))
    begun, finished = said.count(f"eval {EXPRESSION} for"), said.count("the eval ended with 0")
    words = log.read_text().split()
    lines = list(zip(words[0::2], words[1::2], strict=True))
    ended = [pid for word, pid in lines if word == "end"]
    pairs = [(word, pid) for word, pid in lines if pid in ended]
    assert len(lines) - len(ended) <= begun, (lines, said)
    assert finished <= len(ended) <= begun, (lines, said)
    for (begin, first), (end, second) in zip(pairs[0::2], pairs[1::2], strict=True):
        assert (begin, end, first) == ("begin", "end", second), (pairs, said)


def test_two_agents_on_one_host(
    scripted_agent: Callable[[str], Agent], cluster: Cluster, database: str, tmp_path: Path
) -> None:
    """Two agents on one host run one eval; the other waits for it and finds its row."""
    log = tmp_path / "log"
    agent = scripted_agent(logged(f"sleep 1.5\n{enroll(cluster, database)}", log))
    swarm = Swarm(tmp_path / "swarm")
    for _ in range(2):
        swarm.add(agent, "enroll", "--timeout", "30")
    with swarm:
        ends = swarm.finish()
    server_id = cluster.sql("SELECT id FROM servers", database)
    for outcome in ends:
        assert_enrolled(agent, outcome, server_id)
    assert log.read_text().split()[0::2] == ["begin", "end"], "\n".join(map(str, ends))
    waited = [outcome for outcome in ends if "another mast-agent on this host" in outcome.stderr]
    assert len(waited) == 1, "\n".join(map(str, ends))


def test_lock_that_is_held_too_long(
    scripted_agent: Callable[[str], Agent],
    new_agent: Callable[..., Agent],
    cluster: Cluster,
    database: str,
    tmp_path: Path,
) -> None:
    """Who does not get its turn in time ends with 75, and says whom it waited for."""
    started = tmp_path / "started"
    holder = scripted_agent(f"touch {started}\nsleep 30")
    other = new_agent(cluster.url(database), holder.environment["MAST_BIN"])
    process = holder.start("enroll", "--timeout", "60")
    try:
        wait_for(started.exists)
        same_host = holder.enroll(2)
        other_host = other.enroll(2)
        # Forgetting is refused while somebody enrolls here.
        reset = holder.run("reset")
    finally:
        process.terminate()
        holder.finish(process, 20)
    assert same_host.code == 75, same_host
    assert "another mast-agent on this host" in same_host.stderr, same_host
    assert other_host.code == 75, other_host
    assert "on another host" in other_host.stderr, other_host
    assert reset.code == 75, reset


def test_fifty_agents_and_one_database(
    scripted_agent: Callable[[str], Agent],
    new_agent: Callable[..., Agent],
    cluster: Cluster,
    database: str,
    tmp_path: Path,
) -> None:
    """Fifty hosts that share a database take turns; who is not served in time says why."""
    log = tmp_path / "log"
    # Idempotent, as self_enroll! is: an eval may be cut after its row is there, and come again.
    script = f"{report_node(cluster, database)}\n{CONTRACT}"
    executable = scripted_agent(logged(script, log))
    agents = [
        new_agent(cluster.url(database), executable.environment["MAST_BIN"]) for _ in range(AGENTS)
    ]
    swarm = Swarm(tmp_path / "swarm")
    for number, agent in enumerate(agents):
        # Everybody's last try comes just before its end: the ends are apart, so that a slow machine
        # has not to do with all of them in one moment.
        timeout = 25 + number * 10 / AGENTS
        swarm.add(agent, "enroll", "--timeout", f"{timeout:.1f}", MAST_NODE=f"node-{number}")
    with swarm:
        ends = swarm.finish()
    said = "\n".join(map(str, ends))
    ids = dict(
        line.split("|")
        for line in cluster.sql("SELECT name, id FROM servers", database).splitlines()
    )
    served = [number for number, outcome in enumerate(ends) if outcome.code == 0]
    for number in served:
        assert_enrolled(agents[number], ends[number], ids[f"node-{number}"])
    unserved = [outcome for outcome in ends if outcome.code != 0]
    for outcome in unserved:
        assert outcome.code == 75, outcome
        assert re.search(r"error: .+ \[[a-z-]+, exit 75\]", outcome.stderr), outcome
    # The deadline may come while one has its turn: then its eval, or what follows it, is cut. On
    # a slow machine that happens to several, one after the other.
    cut = [outcome for outcome in unserved if f"eval {EXPRESSION} for" in outcome.stderr]
    assert len(served) <= len(ids) <= len(served) + len(cut), (ids, said)
    assert len(served) >= AGENTS / 10, said
    assert_one_at_a_time(log, ends)


def test_fifty_agents_come_back_spread_out(
    own_cluster: Cluster,
    cluster: Cluster,
    migrated_template: str,
    new_agent: Callable[[str], Agent],
    tmp_path: Path,
) -> None:
    """After an outage fifty waiting hosts do not fall upon the server in one moment.

    They come to it by an address that is not loopback, as other hosts do: a server on its own
    host has one agent, which need not be spread out.
    """
    address = min(each for each in identity.identify().addresses if ":" not in each)
    own_cluster.configure(
        log_connections="on", log_line_prefix="%n ", listen_addresses=f"127.0.0.1,{address}"
    )
    with (own_cluster.data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {address}/32 scram-sha-256\n")
    own_cluster.start()
    own_cluster.create_role("mast")
    copy_database(cluster, migrated_template, own_cluster, "mast")
    server_id = add_row(own_cluster, "mast")
    own_cluster.sql(
        "DO $$ BEGIN FOR i IN 1..50 LOOP EXECUTE format("
        "'CREATE ROLE host_%s LOGIN PASSWORD %L IN ROLE mast', i, 'host_' || i || '-canary'); "
        "END LOOP; END $$"
    )
    own_cluster.stop("fast")
    urls = (own_cluster.url("mast", f"host_{i}") for i in range(1, AGENTS + 1))
    agents = [new_agent(url.replace("127.0.0.1", address)) for url in urls]
    swarm = Swarm(tmp_path / "swarm")
    for agent in agents:
        swarm.add(agent, "enroll", "--timeout", "60")
    with swarm:
        for agent in agents:
            # Long enough for the backoff to have grown to its full width.
            agent.wait_published(lambda status: status["attempts"] >= 5, 30)
        own_cluster.start()
        ends = swarm.finish()
    for agent, outcome in zip(agents, ends, strict=True):
        assert_enrolled(agent, outcome, server_id)
    first: dict[str, float] = {}
    pattern = r"^([0-9.]+) LOG:  connection authorized: user=(host_\d+) "
    for moment, user in re.findall(pattern, own_cluster.log(), re.MULTILINE):
        first.setdefault(user, float(moment))
    assert len(first) == AGENTS, first
    begin = min(first.values())
    histogram = collections.Counter(int((moment - begin) / 0.25) for moment in first.values())
    assert max(histogram.values()) <= AGENTS * 0.4, sorted(histogram.items())
    assert max(first.values()) - begin >= 1, sorted(histogram.items())
