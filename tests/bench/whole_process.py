"""What the commands cost, as whole processes: `make bench`.

Runs each command in turn, several rounds over, against a throwaway PostgreSQL and the reference
release, and prints the median, minimum and maximum of wall time, CPU time and peak memory. The
ratio to starting Python, taken round by round, holds on a noisy machine when the seconds do not.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.agent import Agent
from support.migrating import migrating
from support.postgres import Cluster
from support.releases import build_reference

ROUNDS = 7
_COMMANDS: dict[str, tuple[str, ...]] = {
    "python -c pass": (sys.executable, "-c", "pass"),
    "mast-agent --version": (sys.executable, "-m", "mast_agent", "--version"),
    "mast-agent status": (sys.executable, "-m", "mast_agent", "status"),
    "mast-agent enroll (already)": (sys.executable, "-m", "mast_agent", "enroll"),
    "bin/mast eval ':ok'": ("BIN", "eval", ":ok"),
    "mast-agent enroll --force": (sys.executable, "-m", "mast_agent", "enroll", "--force"),
}


def measure(argv: tuple[str, ...], environment: dict[str, str]) -> tuple[float, float, float]:
    """Run it once; return wall seconds, CPU seconds, and peak MiB of its largest process."""
    begin = time.monotonic()
    child = subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"{argv} ended with {child.returncode}")
    wall = time.monotonic() - begin
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Set up, measure, print a table, clean up."""
    reference = build_reference()
    with tempfile.TemporaryDirectory(prefix="mast-agent-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        cluster = Cluster(directory / "postgres")
        cluster.initdb()
        cluster.start()
        try:
            cluster.create_role("mast")
            cluster.sql("CREATE DATABASE mast OWNER mast")
            with migrating(reference, cluster.url("mast")) as migration:
                migration.wait()
            executable = reference / "bin" / "mast"
            agent = Agent(directory / "agent", mast_bin=executable, url=cluster.url("mast"))
            environment = {**agent.environment, "RELEASE_DISTRIBUTION": "none"}
            commands = {
                label: tuple(str(executable) if word == "BIN" else word for word in argv)
                for label, argv in _COMMANDS.items()
            }
            measure(commands["mast-agent enroll --force"], environment)
            rounds = [
                {label: measure(argv, environment) for label, argv in commands.items()}
                for _ in range(ROUNDS)
            ]
        finally:
            cluster.stop()
    show(rounds)


def show(rounds: list[dict[str, tuple[float, float, float]]]) -> None:
    """Print the table."""
    base = "python -c pass"
    print(f"{ROUNDS} rounds; median (minimum to maximum)")
    print(f"{'':30}{'wall s':>22}{'CPU s':>8}{'peak MiB':>10}{'CPU ratio':>11}")
    for label in rounds[0]:
        walls, cpus, peaks = zip(*(entry[label] for entry in rounds), strict=True)
        ratio = statistics.median(entry[label][1] / entry[base][1] for entry in rounds)
        wall = f"{statistics.median(walls):.2f} ({min(walls):.2f} to {max(walls):.2f})"
        print(
            f"{label:30}{wall:>22}{statistics.median(cpus):>8.2f}"
            f"{statistics.median(peaks):>10.0f}{ratio:>11.1f}"
        )


if __name__ == "__main__":
    main()
