"""One run of the soak: plays its rounds, and holds what it sees against the promises."""

from __future__ import annotations

import collections
import contextlib
import random
import time
from typing import TYPE_CHECKING

from chance import changes, processes, promises
from chance.round import Stage, ask, converge, kill_marked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chance.round import Running
    from chance.scenario import Round, Scenario
    from chance.world import Host, World

REAPED_SECONDS = 2.0
"""How long something that was killed may take to be gone."""
CONVERGE_SECONDS = 60.0
ROW_GOES = frozenset({"delete row", "delete all rows", "restore backup"})
ROW_GOES_LATER = frozenset({"delete row meanwhile", "namesake"})
"""The same while agents are at work, or after it."""


class Run:
    """One run, and what it has found."""

    def __init__(self, world: World, drawn: Scenario, directory: Path) -> None:
        self._world = world
        self._scenario = drawn
        self._directory = directory
        self._mark = f"{drawn.seed}-{drawn.number}-{random.randrange(1 << 32):x}"  # noqa: S311
        self._foreign: set[str] = set()
        # Hosts whose row may have gone since they were enrolled.
        self._gone: set[str] = set()
        self._outputs: list[str] = []
        self._hosts: list[Host] = []
        self.finds: list[str] = []
        self.codes: collections.Counter[int] = collections.Counter()
        self.kinds: collections.Counter[str] = collections.Counter()
        self.asked = 0

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
            self.kinds.update(f"{name}={value}" for name, value in round_.switches.items())
            stage = Stage(self._world, self._hosts, mark)
            ends = stage.play(round_)
            self.kinds.update(stage.happened)
            self._find("meanwhile", stage.finds)
            for number, running in zip(round_.hosts, ends, strict=True):
                self._look_at_end(running)
                rightly = promises.gave_up_rightly(running, lasting=round_.is_lasting(number))
                self._find(running.host.name, rightly, running)
            for running in stage.asked:
                self.asked += 1
                self._find("asked meanwhile", promises.answered_well(running), running)
            for number in round_.hosts:
                self._hosts[number].overrides.clear()
        went_before = ROW_GOES & {change.kind for change in round_.changes}
        went_later = ROW_GOES_LATER & {
            *(change.kind for change in round_.changes), *stage.happened
        }  # fmt: skip
        if went_before or went_later:
            self._gone = {host.name for host in self._hosts}
        enrolled = {running.host.name for running in ends if running.process.returncode == 0}
        if not went_later:
            self._gone -= enrolled
        self._look_at_rows(set() if went_later else enrolled)

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
        left = promises.nothing_left(kill_marked(running.mark))
        self._find(running.host.name, left, running)

    def _look_at_rows(self, enrolled: set[str]) -> None:
        """Look at rows, records and files; `enrolled` have ended with 0, so there are theirs."""
        self._world.remember()
        rows = self._world.rows()
        self._find("the table", promises.one_row_each(rows, self._hosts, self._foreign))
        for host in self._hosts:
            if host.name in enrolled:
                self._find(host.name, promises.has_row(host, rows))
            there = None if host.name in self._gone else rows
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
        self._gone.clear()
        self._look_at_rows({host.name for host in self._hosts})
        for host in self._hosts:
            if not host.record.exists():
                self._find(host.name, ["enrolled, and no record"])
            asking, document = ask(host, f"{self._mark}-ask")
            self.asked += 1
            self._find(host.name, promises.answered_well(asking), asking)
            if document.get("verdict") != "enrolled":
                self._find(host.name, ["status does not say enrolled"], asking)

    def _find(self, where: str, finds: Sequence[str], running: Running | None = None) -> None:
        said = f"\n{running.output}" if running is not None else ""
        self.finds += [f"{where}: {each}{said}" for each in finds]

    def __str__(self) -> str:
        """What was drawn, what was found, and what the agents have said."""
        return "\n".join([str(self._scenario), *self.finds, *self._outputs])
