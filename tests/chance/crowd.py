"""`make crowd N=50`: that many agents and one database, with the reference release.

Each agent is a host by its name in Mast. They start together, take turns with their evals, and
end enrolled, or with 75 and whom they waited for; then all of them enroll again.
"""

from __future__ import annotations

import argparse
import collections
import random
import signal
import statistics
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.agent import Agent
from support.migrating import migrating
from support.postgres import Cluster
from support.releases import build_reference
from support.swarm import Outcome, Swarm

from chance import figures, processes, promises

if TYPE_CHECKING:
    from collections.abc import Sequence

DATABASE = "crowd"
LOOK_SECONDS = 0.2


@dataclass
class Watch:
    """Looks all the time how many evals run with the mark, until it is told to stop."""

    mark: str
    most: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Look until `stop`: in a thread."""
        while not self._over.wait(LOOK_SECONDS):
            self.most = max(self.most, processes.families(self.mark))

    def stop(self) -> None:
        """Look no more."""
        self._over.set()


def enroll_all(agents: Sequence[Agent], seconds: float, place: Path) -> list[Outcome]:
    """Start them together, and wait for all."""
    swarm = Swarm(place)
    for agent in agents:
        swarm.add(agent, "enroll", "--timeout", f"{seconds:.0f}")
    with swarm:
        return swarm.finish(seconds + 120)


def judge(
    agents: Sequence[Agent], ends: Sequence[Outcome], rows: dict[str, str], seconds: float
) -> list[str]:
    """Return which promises are broken."""
    finds = [f"two rows of one host: {sorted(rows.values())}"] * (
        len(set(rows.values())) != len(rows)
    )
    for agent, end in zip(agents, ends, strict=True):
        name = agent.environment["MAST_REFERENCE_HOSTNAME"]
        if end.code not in (0, 75):
            finds.append(f"{name}: {end}")
        if end.code == 75 and "exit 75]" not in end.stderr:
            finds.append(f"{name} does not say why: {end}")
        if end.seconds > seconds + promises.LATE_SECONDS:
            finds.append(f"{name} took {end.seconds:.1f} s")
        if end.code == 0 and rows.get(agent.record()["server"]["id"]) != name:
            finds.append(f"{name} has another's record, or its row is not there")
        finds += promises.no_secret(f"the output of {name}", f"{end}".encode())
        finds += promises.no_secret_kept(agent.state.parent)
    return finds


def most_connections(log: str) -> int:
    """Return how many connections of Mast's role there were at most, by the server's log."""
    there = most = 0
    for line in log.splitlines():
        if "connection authorized: user=mast " in line:
            there += 1
        elif "disconnection: " in line and " user=mast " in line:
            there -= 1
        most = max(most, there)
    return most


def crowd(count: int, seconds: float) -> dict[str, Any]:
    """Let them come, print the figures, and return them."""
    reference = build_reference()
    mark = f"crowd-{random.randrange(1 << 32):x}"  # noqa: S311
    with tempfile.TemporaryDirectory(prefix="mast-agent-crowd-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        cluster = Cluster(directory / "postgres")
        cluster.initdb()
        cluster.configure(
            max_connections=3 * count + 30, log_connections="on", log_disconnections="on"
        )
        cluster.start()
        try:
            cluster.create_role("mast")
            cluster.sql(f"CREATE DATABASE {DATABASE} OWNER mast")
            with migrating(reference, cluster.url(DATABASE)) as migration:
                migration.wait()
            agents = []
            for number in range(count):
                executable = reference / "bin" / "mast"
                place = directory / f"agent{number}"
                agent = Agent(place, mast_bin=executable, url=cluster.url(DATABASE))
                agent.environment["MAST_REFERENCE_HOSTNAME"] = f"node-{number}"
                agent.environment["MAST_AGENT_ENV_FILE"] = ""
                agent.environment[processes.MARK] = mark
                agents.append(agent)
            return _waves(cluster, agents, seconds, directory, mark)
        finally:
            cluster.stop()


def _waves(
    cluster: Cluster, agents: list[Agent], seconds: float, directory: Path, mark: str
) -> dict[str, Any]:
    watch = Watch(mark)
    looking = threading.Thread(target=watch.look)
    looking.start()
    finds: list[str] = []
    waves = {}
    try:
        for wave in ("first", "again"):
            before, logged = sum(agent.eval_count() for agent in agents), len(cluster.log())
            ends = enroll_all(agents, seconds, directory / wave)
            lines = cluster.sql("SELECT id, name FROM servers", DATABASE).splitlines()
            rows = dict(line.split("|", 1) for line in lines)
            finds += judge(agents, ends, rows, seconds)
            served = sorted(end.seconds for end in ends if end.code == 0) or [0.0]
            waves[wave] = {
                "evals": sum(agent.eval_count() for agent in agents) - before,
                "at_a_time": watch.most,
                "codes": dict(sorted(collections.Counter(end.code for end in ends).items())),
                "rows": len(rows),
                "connections": most_connections(cluster.log()[logged:]),
                "seconds": [served[0], statistics.median(served), served[-1]],
            }
            _show(wave, len(agents), waves[wave])
    finally:
        watch.stop()
        looking.join()
    if watch.most > 1:
        finds.append(f"{watch.most} evals at a time")
    if left := processes.marked(mark):
        finds.append(f"orphans: {left}")
    print("\n".join(["finds:", *finds]) if finds else "finds: none")
    return {"agents": len(agents), "waves": waves, "finds": finds}


def _show(wave: str, count: int, seen: dict[str, Any]) -> None:
    first, median, last = seen["seconds"]
    print(
        f"crowd, {wave}: {count} agents, {seen['evals']} evals, at most {seen['at_a_time']} at a "
        "time; exit codes: " + ", ".join(f"{code}: {n}" for code, n in seen["codes"].items())
        + f"; {seen['rows']} rows; at most {seen['connections']} connections; "
        f"enrolled after {first:.1f} s, {median:.1f} s (median) and {last:.1f} s",
        flush=True,
    )  # fmt: skip


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Many agents, one database.")
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=300, help="that each of them has")
    figures.add_option(parser)
    given = parser.parse_args()
    # So that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    start = figures.Start()
    seen = crowd(given.agents, given.seconds)
    start.keep("crowd", seen, given.figures)
    return 1 if seen["finds"] else 0


if __name__ == "__main__":
    sys.exit(main())
