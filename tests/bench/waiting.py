"""A minute of waiting: what agents cost, and the usual loops of a shell, at the same time.

Several of each wait side by side for the same: a server that nobody starts, one that is recovering
and says so, and a migration that is missing.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import measure, page, reaction
from bench.page import Bar, Chapter
from bench.stage import conninfo
from support.postgres import Cluster

if TYPE_CHECKING:
    from bench.measure import Cost
    from bench.stage import Stage

MOST_CPU, MOST_CONNECTIONS, MOST_PEAK = 0.5, 45, 45
_STATES = ("nothing listens", "the server is recovering", "a migration is missing")
_AGENTS, _LOOPS = "agent, ", "loop, "


def chapter(stage: Stage) -> Chapter:
    """Let them wait."""
    seconds, each = (2, 1) if stage.quick else (60, 7)
    silent = _cluster(stage, "silent")
    # One for each: a server that lets nobody in does not tell whom it has refused.
    recovering = {kind: _recovering(stage, f"recovering-{kind[:-2]}") for kind in (_AGENTS, _LOOPS)}
    pending = {kind: _pending(stage, f"pending_{kind[:-2]}") for kind in (_AGENTS, _LOOPS)}
    stage.cluster.configure(log_connections="on")
    stage.cluster.reload()
    try:
        started = {
            _AGENTS + _STATES[0]: _agents(stage, silent, "mast", seconds, each),
            _AGENTS + _STATES[1]: _agents(stage, recovering[_AGENTS], "mast", seconds, each),
            _AGENTS + _STATES[2]: _agents(stage, stage.cluster, pending[_AGENTS], seconds, each),
            _LOOPS + _STATES[0]: _loops(silent, "mast", reaction.UNTIL_ACCEPTING, each),
            _LOOPS + _STATES[1]: _loops(recovering[_LOOPS], "mast", reaction.UNTIL_ACCEPTING, each),
            _LOOPS + _STATES[2]: _loops(
                stage.cluster, pending[_LOOPS], reaction.UNTIL_MIGRATED, each
            ),
        }
        time.sleep(0.8 * seconds)
        peaks = {
            name: [_peak(child.pid) for child, _ in children] for name, children in started.items()
        }
        time.sleep(0.2 * seconds)
        for name, children in started.items():
            for child, _ in children if name.startswith(_LOOPS) else ():
                os.killpg(child.pid, signal.SIGTERM)
        taken = {name: _reap(children) for name, children in started.items()}
        log = stage.cluster.log()
        connected = {
            kind + state: found / each
            for kind in (_AGENTS, _LOOPS)
            for state, found in (
                (_STATES[1], recovering[kind].log().count("connection received")),
                (_STATES[2], len(re.findall(rf"authorized: .*database={pending[kind]}\b", log))),
            )
        }
    finally:
        for cluster in recovering.values():
            cluster.stop()
        stage.cluster.configure(log_connections="off")
        stage.cluster.reload()
        for name in pending.values():
            stage.cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")
    return _result(taken, peaks, connected, seconds, each)


def _recovering(stage: Stage, name: str) -> Cluster:
    cluster = _cluster(stage, name)
    cluster.configure(log_connections="on", hot_standby="off", max_connections=80)
    (cluster.data / "standby.signal").touch()
    cluster.start_without_waiting()
    return cluster


def _pending(stage: Stage, name: str) -> str:
    stage.cluster.sql(f"CREATE DATABASE {name} OWNER mast TEMPLATE mast")
    stage.cluster.sql(reaction.TAKE, name)
    return name


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


def _loops(cluster: Cluster, database: str, until: str, each: int) -> list[Started]:
    """Start loops, which wait until they are ended."""
    test = until.format(port=cluster.port, total=reaction.NEVER)
    given = {"CONNINFO": conninfo(cluster, database)}
    return [_start(("sh", "-c", f"until {test}; do sleep 1; done"), given) for _ in range(each)]


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
    agents = [_AGENTS + state for state in _STATES]
    cpu, peak = (max(measure.median(kind[name]) for name in agents) for kind in (used, peaks))
    most = max(connected.get(name, 0) for name in agents)
    return Chapter(
        title="A minute of waiting",
        text=f"{each} of each, side by side, for {seconds} s. Processor time has the start of the "
        "program in it, and a loop's that of what it runs; its peak is the shell's alone. The loop "
        "is `until pg_isready; do sleep 1; done`, and for the migration the same with `psql`, "
        "which counts them. Where nothing listens, there is no connection.",
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
