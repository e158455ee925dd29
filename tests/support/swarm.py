"""Many agents at once: forked from one interpreter that has imported everything already.

Starting Python and importing the agent takes longer than most faults last, so where a test needs
tens of agents they are processes that begin with the command line instead of the interpreter.
Each has a session, an environment and output files of its own; how it ends is the kernel's word.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Self

from support.pace import Moment

if TYPE_CHECKING:
    from types import TracebackType

    from support.agent import Agent


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one agent ended.

    `code` is negative for a signal, `seconds` counts from the fork, and for `held_up` of them
    somebody on this machine had to wait for another (`pace`). `stopped_in` are the seconds from the
    SIGTERM that the swarm sent to the end, less those; None when it had ended before.
    """

    code: int
    seconds: float
    held_up: float
    stopped_in: float | None = None
    stdout: str = ""
    stderr: str = ""

    def __str__(self) -> str:
        """Everything, for a failed assertion."""
        return f"exit {self.code} after {self.seconds:.1f} s\n{self.stdout}\n{self.stderr}"


@dataclass(frozen=True, kw_only=True)
class _Job:
    arguments: tuple[str, ...]
    environment: dict[str, str]
    output: str
    stop_after: float | None = None
    published: str | None = None


@dataclass
class _Running:
    """An agent that runs; `counts_from` is when the seconds until its SIGTERM begin to count."""

    job: _Job
    began: Moment = field(default_factory=Moment)
    counts_from: float | None = None
    stopped: Moment | None = None


class Swarm:
    """Agents that start together; `with` sees to it that none outlives the test."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._jobs: list[_Job] = []
        self._driver: subprocess.Popen[str] | None = None

    def add(self, agent: Agent, *arguments: str, **environment: str) -> None:
        """Have `agent` run the command to its end."""
        self._jobs.append(self._job(agent, arguments, environment))

    def add_until(self, seconds: float, agent: Agent, *arguments: str, **environment: str) -> None:
        """Have `agent` run the command, and get SIGTERM `seconds` after its start."""
        job = self._job(agent, arguments, environment)
        self._jobs.append(replace(job, stop_after=seconds))

    def add_until_at_work(
        self, seconds: float, agent: Agent, *arguments: str, **environment: str
    ) -> None:
        """Have `agent` run the command, and get SIGTERM `seconds` after its first publication."""
        job = self._job(agent, arguments, environment)
        published = str(agent.runtime / "status.json")
        self._jobs.append(replace(job, stop_after=seconds, published=published))

    def _job(self, agent: Agent, arguments: tuple[str, ...], environment: dict[str, str]) -> _Job:
        return _Job(
            arguments=arguments,
            environment={**agent.environment, **environment},
            output=str(self._directory / str(len(self._jobs))),
        )

    def __enter__(self) -> Self:
        """Start them."""
        plan = self._directory / "jobs.json"
        plan.write_text(json.dumps([asdict(job) for job in self._jobs]))
        self._driver = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(plan)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what still runs: the driver takes its agents with it."""
        if self._driver is not None:
            self._driver.terminate()
            self._driver.communicate()

    def finish(self, seconds: float = 300) -> list[Outcome]:
        """Wait until all have ended, and return how, in the order of `add`.

        When that takes too long, whoever still runs is named with what it has said.
        """
        if self._driver is None:
            raise RuntimeError("not started")
        try:
            stdout, _ = self._driver.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._driver.terminate()
            stdout, _ = self._driver.communicate()
            said = "\n".join(
                f"{job.arguments} {job.environment.get('MAST_NODE', '')}:\n"
                + Path(f"{job.output}.err").read_text(errors="replace")
                for job, end in zip(self._jobs, json.loads(stdout), strict=True)
                if end is None
            )
            raise AssertionError(f"still running after {seconds} s:\n{said}") from None
        ends = json.loads(stdout)
        return [
            Outcome(
                **end,
                stdout=Path(f"{job.output}.out").read_text(errors="replace"),
                stderr=Path(f"{job.output}.err").read_text(errors="replace"),
            )
            for job, end in zip(self._jobs, ends, strict=True)
        ]


def run_all(
    directory: Path, jobs: dict[str, tuple[Agent, tuple[str, ...]]], seconds: float = 300
) -> dict[str, tuple[Agent, Outcome]]:
    """Run the commands together and return each name's agent and how it ended."""
    swarm = Swarm(directory)
    for agent, arguments in jobs.values():
        swarm.add(agent, *arguments)
    with swarm:
        outcomes = swarm.finish(seconds)
    return {
        name: (agent, outcome)
        for (name, (agent, _)), outcome in zip(jobs.items(), outcomes, strict=True)
    }


# --- the driver: a process of its own ---------------------------------------------------------


def _become(job: _Job) -> NoReturn:
    """Be the agent: in the forked child."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(job.environment)
        for fd, name in ((1, "out"), (2, "err")):
            file = os.open(f"{job.output}.{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(file, fd)
            os.close(file)
        # From here on it is an agent, which a signal ends as it would end one just executed.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        from mast_agent.cli import execute  # noqa: PLC0415 - after the fork it costs nothing

        code = execute(job.arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - what an interpreter's end would print
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _drive(jobs: list[_Job]) -> list[dict[str, object] | None]:
    """Fork them all, stop those that are to be stopped, and reap them; return how they ended."""
    running: dict[int, _Running] = {}
    numbers: dict[int, int] = {}
    ends: dict[int, dict[str, object]] = {}
    try:
        for number, job in enumerate(jobs):
            # Held off until the child is an agent, and this driver knows of it.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            pid = os.fork()
            if pid == 0:
                _become(job)
            running[pid] = _Running(job)
            numbers[pid] = number
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            _stop_due(running, time.monotonic())
        while running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            now = time.monotonic()
            if pid == 0:
                _stop_due(running, now)
                time.sleep(0.005)
                continue
            run = running.pop(pid)
            ends[numbers[pid]] = {
                "code": os.waitstatus_to_exitcode(status),
                "seconds": run.began.passed(),
                "held_up": run.began.held_up(),
                "stopped_in": (
                    None if run.stopped is None else run.stopped.passed() - run.stopped.held_up()
                ),
            }
    except SystemExit:
        # Somebody has had enough: who has not ended has no end.
        pass
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
    return [ends.get(number) for number in range(len(jobs))]


def _stop_due(running: dict[int, _Running], now: float) -> None:
    for pid, run in running.items():
        after = run.job.stop_after
        if run.stopped is not None or after is None:
            continue
        if run.counts_from is None:
            if run.job.published is None:
                run.counts_from = run.began.at
            elif Path(run.job.published).exists():
                run.counts_from = now
        if run.counts_from is not None and now >= run.counts_from + after:
            run.stopped = Moment()
            os.kill(pid, signal.SIGTERM)


def _warm_up() -> None:
    """Import what an agent imports, so that each has it from its first moment."""
    import mast_agent.enroll.enrollment  # noqa: PLC0415
    import mast_agent.enroll.plan  # noqa: PLC0415
    import mast_agent.report.journal  # noqa: PLC0415
    import mast_agent.report.reporter  # noqa: F401, PLC0415
    from mast_agent.cli import execute  # noqa: PLC0415

    with contextlib.suppress(ImportError):
        from systemd import id128  # noqa: F401, PLC0415
    # typer imports the greater part of itself when it first parses an option.
    with contextlib.redirect_stderr(io.StringIO()):
        execute(["enroll", "--timeout", "never"])


def _main() -> None:
    _warm_up()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    jobs = json.loads(Path(sys.argv[1]).read_text())
    ends = _drive([_Job(**{**job, "arguments": tuple(job["arguments"])}) for job in jobs])
    sys.stdout.write(json.dumps(ends))


if __name__ == "__main__":
    _main()
