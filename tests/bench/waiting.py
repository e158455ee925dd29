"""A minute of waiting: what agents cost, and the usual loop of a shell, at the same time.

Several of each wait side by side for the same servers: one that nobody starts, one that is
recovering and says so, and one where a migration is missing.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import measure, page
from bench.page import Bar, Chapter
from support.postgres import Cluster

if TYPE_CHECKING:
    from bench.measure import Cost
    from bench.stage import Stage

MOST_CPU, MOST_CONNECTIONS, MOST_PEAK = 0.5, 45, 45
_LOOP = "until pg_isready -q -h 127.0.0.1 -p {port}; do sleep 1; done"
_STATES = (
    "agent, nothing listens",
    "agent, the server is recovering",
    "agent, a migration is missing",
)
_LOOPS = "loop, nothing listens"
_TAKE = "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)"


def chapter(stage: Stage) -> Chapter:
    """Let them wait."""
    seconds, each = (2, 1) if stage.quick else (60, 7)
    silent, recovering = _cluster(stage, "silent"), _cluster(stage, "recovering")
    recovering.configure(log_connections="on", hot_standby="off", max_connections=80)
    (recovering.data / "standby.signal").touch()
    recovering.start_without_waiting()
    stage.cluster.configure(log_connections="on")
    stage.cluster.reload()
    stage.cluster.sql("CREATE DATABASE pending OWNER mast TEMPLATE mast")
    stage.cluster.sql(_TAKE, "pending")
    pending = stage.cluster
    before = _connections(pending)
    try:
        started = {
            _STATES[0]: _agents(stage, silent, "mast", seconds, each),
            _STATES[1]: _agents(stage, recovering, "mast", seconds, each),
            _STATES[2]: _agents(stage, pending, "pending", seconds, each),
        }
        loop = ("sh", "-c", _LOOP.format(port=silent.port))
        loops = [_start(loop, {}) for _ in range(each)]
        time.sleep(0.8 * seconds)
        peaks = {
            name: [_peak(child.pid) for child, _ in children]
            for name, children in [*started.items(), (_LOOPS, loops)]
        }
        time.sleep(0.2 * seconds)
        for child, _ in loops:
            os.killpg(child.pid, signal.SIGTERM)
        taken = {name: _reap(children) for name, children in [*started.items(), (_LOOPS, loops)]}
        connected = {
            _STATES[1]: _connections(recovering) / each,
            _STATES[2]: (_connections(pending) - before) / each,
        }
    finally:
        recovering.stop()
        pending.configure(log_connections="off")
        pending.reload()
        pending.sql("DROP DATABASE pending WITH (FORCE)")
    return _result(taken, peaks, connected, seconds, each)


def _cluster(stage: Stage, name: str) -> Cluster:
    cluster = Cluster(stage.directory / name)
    cluster.initdb()
    return cluster


Started = tuple["subprocess.Popen[bytes]", float]


def _agents(
    stage: Stage, cluster: Cluster, database: str, seconds: int, each: int
) -> list[Started]:
    """Start agents that wait until they give up."""
    argv = (stage.agent, "enroll", "--timeout", str(seconds))
    return [
        _start(argv, {**agent.environment, "DATABASE_URL": cluster.url(database)})
        for agent in (stage.new_agent(database) for _ in range(each))
    ]


def _start(argv: tuple[str, ...], environment: dict[str, str]) -> Started:
    child = subprocess.Popen(
        argv, env={**os.environ, **environment}, cwd="/", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return child, time.monotonic()


def _reap(started: list[Started]) -> list[Cost]:
    return [measure.reap(child, begin) for child, begin in started]


def _peak(pid: int) -> float:
    """Return the most MiB that a process has had at once: VmHWM, proc(5).

    What wait4(2) tells has the parent's in it, which the child was forked from.
    """
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def _connections(cluster: Cluster) -> int:
    return cluster.log().count("connection received")


def _result(
    taken: dict[str, list[Cost]],
    peaks: dict[str, list[float]],
    connected: dict[str, float],
    seconds: int,
    each: int,
) -> Chapter:
    used = {name: [cost.cpu for cost in found] for name, found in taken.items()}

    rows = [
        [
            name,
            f"{measure.median(found):.2f}",
            f"{measure.p95(found):.2f}",
            f"{connected.get(name, 0):.0f}",
            f"{measure.median(peaks[name]):.0f}",
        ]
        for name, found in used.items()
    ]
    cpu, peak = (max(measure.median(kind[name]) for name in _STATES) for kind in (used, peaks))
    most = max(connected.values())
    return Chapter(
        title="A minute of waiting",
        text=f"{each} of each, side by side, for {seconds} s; processor time has the start of the "
        f"program in it. The loop is `{_LOOP.format(port='PORT')}`: where a server is there, it "
        "makes a connection a second.",
        table=page.table(["what waits", "CPU s", "p95 s", "connections", "peak MiB"], rows),
        bars=[
            Bar(
                what="a minute of waiting",
                bar=f"≤ {MOST_CPU} s CPU, ≤ {MOST_CONNECTIONS} connections, ≤ {MOST_PEAK} MiB",
                measured=f"{cpu:.2f} s, {most:.0f}, {peak:.0f} MiB",
                held=cpu <= MOST_CPU and most <= MOST_CONNECTIONS and peak <= MOST_PEAK,
            )
        ],
    )
