"""Plays one round: starts the agents, lets happen what is to happen, and sees how they end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from chance import happenings, processes, promises
from chance.scenario import TO_THE_AGENT, TO_THE_EVAL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from chance.scenario import Happening, Round
    from chance.world import Host, World

TURN_SECONDS = 0.02
LOOK_SECONDS = 0.3
"""How often the arguments of all processes and the files of all hosts are looked at."""
PATIENCE_SECONDS = 30.0
"""An agent that takes that much longer than it may is killed, so that the soak goes on."""


class Running:
    """One command that runs; a thread waits for it, so that its end is noted when it comes."""

    def __init__(self, host: Host, mark: str, timeout: float, *arguments: str) -> None:
        """Start it; `timeout` is the seconds that it has been given."""
        self.host = host
        self.mark = mark
        self.timeout = timeout
        self.sent: list[signal.Signals] = []
        self.stopped_at: float | None = None
        self.output = ""
        self.began = time.monotonic()
        self.ended: float | None = None
        self.held_up = 0.0
        environment = {**host.overrides, processes.MARK: mark}
        self.process = host.agent.start_as(host.prefix, *arguments, **environment)
        self._waiter = threading.Thread(target=self._wait, daemon=True)
        self._waiter.start()

    def _wait(self) -> None:
        stdout, stderr = self.process.communicate()
        self.ended = time.monotonic()
        self.output = stdout + stderr

    def note(self, signum: signal.Signals) -> None:
        """Note that it is sent a signal now."""
        self.sent.append(signum)
        self.stopped_at = self.stopped_at or time.monotonic()

    def is_over(self) -> bool:
        """Tell whether it has ended; kill it where that takes much too long.

        Note how many seconds it has waited for a processor, which is the machine's doing.
        """
        self.held_up = processes.held_up(self.process.pid) or self.held_up
        if self.ended is None and time.monotonic() > self.began + self.timeout + PATIENCE_SECONDS:
            self.process.kill()
        return self.ended is not None

    def is_in_eval(self) -> bool:
        """Tell whether it says that its eval runs."""
        try:
            said = self.host.agent.published()
        except (OSError, ValueError):
            return False
        return (said["pid"], said["phase"]) == (self.process.pid, "enroll")


class _Due(NamedTuple):
    """Something that is to be done at a moment."""

    at: float
    what: Callable[[], object]


class Stage:
    """One round that is being played."""

    def __init__(self, world: World, hosts: Sequence[Host], mark: str) -> None:
        self._world = world
        self._hosts = hosts
        self._mark = mark
        self._due: list[_Due] = []
        self._looked = 0.0
        self.happened: list[str] = []
        self.finds: list[str] = []
        self.asked: list[Running] = []

    def play(self, round_: Round) -> list[Running]:
        """Play it to its end, with everything taken back; return what has ended how."""
        enrolling = {
            number: Running(
                self._hosts[number],
                f"{self._mark}-{number}",
                round_.timeout,
                *("enroll", "--timeout", f"{round_.timeout:.0f}"),
                *(["--force"] if round_.force else []),
            )
            for number in round_.hosts
        }
        begun = time.monotonic()
        waiting = list(round_.happenings)
        in_eval: dict[int, float] = {}
        try:
            while not all(running.is_over() for running in (*enrolling.values(), *self.asked)):
                for number, running in enrolling.items():
                    if number not in in_eval and running.is_in_eval():
                        in_eval[number] = time.monotonic()
                for happening in waiting[:]:
                    since = in_eval.get(happening.host) if happening.with_eval else begun
                    if since is not None and time.monotonic() >= since + happening.after:
                        waiting.remove(happening)
                        self._happen(happening, enrolling[happening.host])
                self._do_what_is_due()
                self._look()
                time.sleep(TURN_SECONDS)
        finally:
            for due in self._due:
                due.what()
        return list(enrolling.values())

    def _happen(self, happening: Happening, running: Running) -> None:
        kind = happening.kind
        if kind == "ask":
            asking = Running(running.host, f"{self._mark}-ask", 5.0, "status", "--json")
            self.asked.append(asking)
        elif kind in TO_THE_AGENT or kind in TO_THE_EVAL:
            if not happenings.to_process(kind, running):
                return
        else:
            end = happenings.to_server(happening, self._world, running.host)
            self._due.append(_Due(time.monotonic() + happening.seconds, end))
        self.happened.append(kind)

    def _do_what_is_due(self) -> None:
        for due in self._due[:]:
            if time.monotonic() >= due.at:
                self._due.remove(due)
                due.what()

    def _look(self) -> None:
        now = time.monotonic()
        if now >= self._looked + LOOK_SECONDS:
            self._looked = now
            self.finds += promises.no_secret("a command line", processes.command_lines(self._mark))
            for host in self._hosts:
                self.finds += promises.no_secret_kept(host.agent.state.parent)


def converge(host: Host, mark: str, timeout: float) -> Running:
    """Enroll once more, with nothing in the way, and wait for the end."""
    running = Running(host, mark, timeout, "enroll", "--timeout", f"{timeout:.0f}")
    while not running.is_over():
        time.sleep(TURN_SECONDS)
    return running


def ask(host: Host, mark: str) -> tuple[Running, dict[str, object]]:
    """Ask for the status; an answer that is no JSON is none."""
    running = Running(host, mark, 5.0, "status", "--json")
    while not running.is_over():
        time.sleep(TURN_SECONDS)
    document: dict[str, object] = {}
    with contextlib.suppress(ValueError):
        document = json.loads(running.output)
    return running, document


def kill_marked(mark: str) -> list[int]:
    """Kill what is left with that mark, and return which it was."""
    left = processes.marked(mark)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return left
