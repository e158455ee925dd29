"""What processes cost, measured in turn: wall time and processor time.

On a machine that does other things as well, seconds wander; the ratio of two commands that ran one
after the other holds. So commands take turns, round by round, and ratios are taken within a round.
Runs inside a test machine too: the standard library alone.
"""

from __future__ import annotations

import math
import os
import pwd
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command, whose environment it has, as whom it runs, and which ends of it are right."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    codes: tuple[int, ...] = (0,)


class Cost(NamedTuple):
    """Seconds of wall time and of processor time, those of children included."""

    wall: float
    cpu: float


def run(command: Command) -> Cost:
    """Run it once. Raises RuntimeError where it ends otherwise than it should."""
    account = pwd.getpwnam(command.user) if command.user else None
    begin = time.monotonic()
    child = subprocess.Popen(
        command.argv, env={**os.environ, **command.environment}, cwd="/",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        user=account and account.pw_uid, group=account and account.pw_gid,
        extra_groups=[] if account else None,
    )  # fmt: skip
    cost = reap(child, begin)
    if child.returncode not in command.codes:
        raise RuntimeError(f"{command.argv} ended with {child.returncode}")
    return cost


def reap(child: subprocess.Popen[bytes], begin: float) -> Cost:
    """Wait for a child, and return what it has cost since `begin`, on the monotonic clock."""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begin
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def in_turn(commands: Mapping[str, Command], rounds: int) -> dict[str, list[Cost]]:
    """Run all of them, `rounds` times over, after one round that warms the caches."""
    for command in commands.values():
        run(command)
    taken = [{name: run(command) for name, command in commands.items()} for _ in range(rounds)]
    return {name: [one[name] for one in taken] for name in commands}


def median(values: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def p95(values: Iterable[float]) -> float:
    """Return the value that 95 of 100 do not exceed: the nearest rank."""
    ordered = sorted(values)
    return ordered[math.ceil(0.95 * len(ordered)) - 1]


def ratio(costs: Sequence[Cost], base: Sequence[Cost]) -> float:
    """Return the median of the ratios of wall time, round by round."""
    return median(one.wall / other.wall for one, other in zip(costs, base, strict=True))


def difference(costs: Sequence[Cost], base: Sequence[Cost]) -> float:
    """Return the median of the differences of wall time, in seconds, round by round."""
    return median(one.wall - other.wall for one, other in zip(costs, base, strict=True))
