"""How long after the database is ready the eval starts: the agent's, and a loop's in a shell.

Ready is when the server's log says that it accepts connections, or when the commit of the last
migration has returned. A release that is a script notes when its eval has been started.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from bench import measure, page
from bench.page import Bar, Chapter
from bench.stage import conninfo
from support.agent import wait_for
from support.releases import scripted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.stage import Stage
    from support.postgres import Cluster

MOST_MEDIAN, MOST_P95 = 0.25, 0.6
_WAITED = (1.0, 6.0)
"""Seconds that both have waited before the database gets ready."""

_DATABASE = "not_enrolled"
_MARK = '[ "$1" != eval ] || date +%s.%N >{mark}'
_READY = re.compile(r"^(\d+\.\d+) LOG: +database system is ready to accept", re.MULTILINE)
_COUNT = "SELECT count(*) FROM schema_migrations"
TAKE = "DELETE FROM schema_migrations WHERE version = (SELECT max(version) FROM schema_migrations)"
NEVER = 0
"""A number of migrations that no migrated database has."""
UNTIL_ACCEPTING = "pg_isready -q -h 127.0.0.1 -p {port}"
UNTIL_MIGRATED = "[ \"$(psql -XAtqc '" + _COUNT + '\' "$CONNINFO")" = {total} ]'


@dataclass(frozen=True, kw_only=True)
class Wait:
    """What is waited for: where, by which test of the loop's, and what makes it ready.

    `make_ready` returns when that was, in seconds of the wall clock.
    """

    words: str
    cluster: Cluster
    until: str
    make_ready: Callable[[], float]
    make_unready: Callable[[], None]


def chapter(stage: Stage) -> Chapter:
    """Measure both kinds of ready."""
    rows, bars = [], []
    # A database that does not have this host, whatever has been measured before.
    stage.cluster.sql(f"CREATE DATABASE {_DATABASE} OWNER mast TEMPLATE mast")
    stage.cluster.sql("DELETE FROM servers", _DATABASE)
    accepting = _accepting(stage)
    with contextlib.closing(_Migrations(stage.cluster)) as migrations:
        for wait in (accepting, migrations.wait()):
            taken = [_round(stage, wait) for _ in range(stage.rounds)]
            agents, loops = ([pair[which] for pair in taken] for which in (0, 1))
            wait.make_unready()
            for who, found in ((f"agent, {wait.words}", agents), (f"loop, {wait.words}", loops)):
                rows.append([who, *(f"{f(found):.2f}" for f in (measure.median, measure.p95, max))])
            median, p95 = measure.median(agents), measure.p95(agents)
            bars.append(
                Bar(
                    what=f"from “{wait.words}” to the eval",
                    bar=f"median ≤ {MOST_MEDIAN} s, p95 ≤ {MOST_P95} s",
                    measured=f"median {median:.2f} s, p95 {p95:.2f} s",
                    held=median <= MOST_MEDIAN and p95 <= MOST_P95,
                )
            )
    return Chapter(
        title="From ready to the eval",
        text="Agent and loop wait side by side for 1 to 6 s before the database gets ready. The "
        "loop asks once a second: `until pg_isready; do sleep 1; done`, and for the migrations "
        "`psql` in its place, which compares their number.",
        table=page.table(["what", "median s", "p95 s", "most s"], rows),
        bars=bars,
    )


def _accepting(stage: Stage) -> Wait:
    stage.cluster.stop("fast")
    cluster = stage.cluster.copy_to(stage.directory / "late")
    stage.cluster.start()

    def start() -> float:
        cluster.log_file.unlink(missing_ok=True)
        cluster.start_without_waiting()
        return float(wait_for(lambda: _READY.search(cluster.log()))[1])

    return Wait(
        words="the server accepts connections",
        cluster=cluster,
        until=UNTIL_ACCEPTING.format(port=cluster.port),
        make_ready=start,
        make_unready=lambda: cluster.stop("fast"),
    )


class _Migrations:
    """Takes the last migration of the database away, and commits it again."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._connection = psycopg.connect(conninfo(cluster, _DATABASE), autocommit=True)
        self._version = self._one("SELECT max(version) FROM schema_migrations")
        self._total = self._one(_COUNT)

    def _one(self, query: str) -> int:
        row = self._connection.execute(query.encode()).fetchone()
        return int(row[0]) if row else 0

    def wait(self) -> Wait:
        """Return the wait for it."""

        def commit() -> float:
            self._connection.execute(
                "INSERT INTO schema_migrations VALUES (%s, now())", [self._version]
            )
            return time.time()

        def take() -> None:
            self._connection.execute(TAKE)

        return Wait(
            words="the last migration is committed",
            cluster=self._cluster,
            until=UNTIL_MIGRATED.format(total=self._total),
            make_ready=commit,
            make_unready=take,
        )

    def close(self) -> None:
        """Drop the database."""
        self._connection.close()
        self._cluster.sql(f"DROP DATABASE {_DATABASE} WITH (FORCE)")


def _round(stage: Stage, wait: Wait) -> tuple[float, float]:
    """Let both wait, make the database ready, return how long each eval took to begin."""
    wait.make_unready()
    directory = stage.new_directory("round")
    marks = [directory / "agent.mark", directory / "loop.mark"]
    releases = [
        scripted(directory / mark.stem, _MARK.format(mark=mark), stage.reference) for mark in marks
    ]
    agent = stage.new_agent(_DATABASE, releases[0])
    given = {**agent.environment, "DATABASE_URL": wait.cluster.url(_DATABASE)}
    loop = f"until {wait.until}; do sleep 1; done; {releases[1]} eval"
    started = [
        _start((stage.agent, "enroll", "--timeout", "60"), given),
        _start(("sh", "-c", loop), {"CONNINFO": conninfo(wait.cluster, _DATABASE)}),
    ]
    try:
        time.sleep(random.uniform(*_WAITED) / (6 if stage.quick else 1))  # noqa: S311 - no secret
        ready = wait.make_ready()
        first, second = (wait_for(functools.partial(_read, mark), 30) - ready for mark in marks)
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return first, second


def _start(argv: tuple[str, ...], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        argv, env={**os.environ, **environment}, cwd="/", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _read(mark: Path) -> float | None:
    text = mark.read_text(encoding="ascii") if mark.exists() else ""
    return float(text) if text.endswith("\n") else None
