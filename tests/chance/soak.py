"""`make soak`: enrollments by chance, against a real PostgreSQL and the reference release.

In each run hosts enroll while something goes wrong, and then once more with nothing in the way.
After each round the promises are checked; what is broken is printed with how to have it again.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.releases import build_reference

from chance import changes, processes, promises, scenario
from chance.round import Stage, ask, converge, kill_marked
from chance.world import Host, World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chance.round import Running
    from chance.scenario import Round, Scenario

REAPED_SECONDS = 2.0
"""How long something that was killed may take to be gone."""
CONVERGE_SECONDS = 60.0
ROW_GOES = frozenset({"delete row", "delete all rows", "restore backup", "namesake"})


class Run:
    """One run, and what it has found."""

    def __init__(self, world: World, drawn: Scenario, directory: Path) -> None:
        self._world = world
        self._scenario = drawn
        self._directory = directory
        self._mark = f"{drawn.seed}-{drawn.number}-{random.randrange(1 << 32):x}"  # noqa: S311
        self._foreign: set[str] = set()
        self._gone = False
        self._outputs: list[str] = []
        self._hosts: list[Host] = []
        self.finds: list[str] = []
        self.codes: collections.Counter[int] = collections.Counter()
        self.kinds: collections.Counter[str] = collections.Counter()

    def play(self) -> None:
        """Play all rounds, and see whether it converges in the end."""
        world = self._world
        world.seen = {}
        world.new_database()
        world.seen = {}
        for number in range(self._scenario.foreign_rows):
            self._foreign.add(f"other-{number}")
            world.add_row(f"other-{number}", "192.0.2.7")
        self._hosts = [
            world.host(self._directory, number) for number in range(self._scenario.hosts)
        ]
        try:
            for number, round_ in enumerate(self._scenario.rounds):
                self._play_round(round_, f"{self._mark}-{number}")
            self._converge()
        finally:
            kill_marked(self._mark)

    def _play_round(self, round_: Round, mark: str) -> None:
        with contextlib.ExitStack() as taken_back:
            for change in round_.changes:
                changes.make(change, self._scenario, self._world, self._hosts, taken_back)
                self.kinds[change.kind] += 1
            for number in round_.hosts:
                self._hosts[number].overrides |= round_.switches
            stage = Stage(self._world, self._hosts, mark)
            ends = stage.play(round_)
            self.kinds.update(stage.happened)
            self._find("meanwhile", stage.finds)
            for number, running in zip(round_.hosts, ends, strict=True):
                self._look_at_end(running)
                rightly = promises.gave_up_rightly(running, lasting=round_.is_lasting(number))
                self._find(running.host.name, rightly, running)
            for running in stage.asked:
                self._find("asked meanwhile", promises.answered_well(running), running)
            for number in round_.hosts:
                self._hosts[number].overrides.clear()
        gone = {change.kind for change in round_.changes} | set(stage.happened)
        self._look_at_rows(rows_may_go=bool(gone & ROW_GOES))

    def _look_at_end(self, running: Running) -> None:
        self.codes[running.process.returncode] += 1
        self._outputs.append(
            f"{running.host.name}: exit {running.process.returncode} after "
            f"{(running.ended or 0) - running.began:.1f} s\n{running.output}"
        )
        self._find(running.host.name, promises.ended_well(running), running)
        end = time.monotonic() + REAPED_SECONDS
        while processes.marked(running.mark) and time.monotonic() < end:
            time.sleep(0.05)
        if left := kill_marked(running.mark):
            self._find(running.host.name, [f"orphans: {left}"], running)

    def _look_at_rows(self, *, rows_may_go: bool) -> None:
        self._world.remember()
        rows = self._world.rows()
        self._find("the table", promises.one_row_each(rows, self._hosts, self._foreign))
        self._gone = rows_may_go or self._gone
        for host in self._hosts:
            there = None if self._gone else rows
            self._find(host.name, promises.recorded_row(host, self._world.seen, there))
        self._find("a file", promises.no_secret_kept(self._directory))

    def _converge(self) -> None:
        """With nothing in the way any more, each host is enrolled, and says so."""
        for host in self._hosts:
            running = converge(host, f"{self._mark}-end", CONVERGE_SECONDS)
            self._find(f"{host.name} in the end", promises.ended_well(running), running)
            if running.process.returncode != 0:
                self._find(host.name, ["it does not converge"], running)
            host.planted = None
        self._look_at_rows(rows_may_go=False)
        rows = self._world.rows()
        for host in self._hosts:
            if not host.record.exists():
                self._find(host.name, ["enrolled, and no record"])
            if list(rows.values()).count(host.name) != 1:
                self._find(host.name, [f"it has no row: {rows}"])
            asking, document = ask(host, f"{self._mark}-ask")
            self._find(host.name, promises.answered_well(asking), asking)
            if document.get("verdict") != "enrolled":
                self._find(host.name, ["status does not say enrolled"], asking)

    def _find(self, where: str, finds: Sequence[str], running: Running | None = None) -> None:
        said = f"\n{running.output}" if running is not None else ""
        self.finds += [f"{where}: {each}{said}" for each in finds]

    def __str__(self) -> str:
        """What was drawn, what was found, and what the agents have said."""
        return "\n".join([str(self._scenario), *self.finds, *self._outputs])


def soak(seed: int, first: int, runs: int) -> int:
    """Play the runs, print what was found and the figures; return 1 where something was."""
    reference = build_reference()
    codes: collections.Counter[int] = collections.Counter()
    kinds: collections.Counter[str] = collections.Counter()
    broken = 0
    began = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="mast-agent-soak-"))
    directory.chmod(0o755)
    world = World(directory, reference)
    try:
        with world.running():
            for number in range(first, first + runs):
                place = directory / f"run{number}"
                place.mkdir()
                run = Run(world, scenario.draw(seed, number), place)
                run.play()
                codes += run.codes
                kinds += run.kinds
                if run.finds:
                    broken += 1
                    print(f"FOUND in {run}", flush=True)
                shutil.rmtree(place)
            log = promises.no_secret("the server's log", world.cluster.log().encode())
            broken += len(log)
            print("\n".join(log), end="")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(
        f"soak: seed {seed}, runs {first} to {first + runs - 1} in "
        f"{time.monotonic() - began:.0f} s, {codes.total()} enrollments, "
        f"{broken} runs with a find"
    )
    print("exit codes: " + ", ".join(f"{code}: {n}" for code, n in sorted(codes.items())))
    print("what went wrong: " + ", ".join(f"{kind} {n}" for kind, n in sorted(kinds.items())))
    if not world.has_clocks:
        print("there is no C compiler: no clock has jumped")
    return 1 if broken else 0


def main() -> int:
    """Read the command line and soak."""
    parser = argparse.ArgumentParser(description="Enroll by chance while things go wrong.")
    parser.add_argument("--seed", type=int, help="another one each time, unless it is given")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--first", type=int, default=1, help="the number of the first run")
    given = parser.parse_args()
    # So that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if os.geteuid() != 0:
        parser.error("it makes hosts out of namespaces, and small disks: run it as root")
    seed = random.randrange(1 << 31) if given.seed is None else given.seed  # noqa: S311
    print(f"soak: seed {seed}", flush=True)
    return soak(seed, given.first, given.runs)


if __name__ == "__main__":
    sys.exit(main())
