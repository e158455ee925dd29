"""`make soak`: enrollments by chance, against a real PostgreSQL and the reference release.

In each run hosts enroll while something goes wrong, and then once more with nothing in the way.
After each round the promises are checked; what is broken is printed with how to have it again.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.releases import build_reference

from chance import figures, promises, scenario
from chance.run import Run
from chance.world import World

SAY_EACH = 25
"""After so many runs a line says how far it is."""


@dataclass
class Seen:
    """What some runs have come to.

    `kinds` is what went wrong, `looked` which promises were looked at, `broken` the runs with a
    find.
    """

    codes: collections.Counter[int] = field(default_factory=collections.Counter)
    kinds: collections.Counter[str] = field(default_factory=collections.Counter)
    looked: collections.Counter[str] = field(default_factory=collections.Counter)
    asked: int = 0
    broken: int = 0
    has_clocks: bool = True

    def add(self, other: Seen) -> None:
        """Add what other runs have come to."""
        self.codes += other.codes
        self.kinds += other.kinds
        self.looked += other.looked
        self.asked += other.asked
        self.broken += other.broken
        self.has_clocks &= other.has_clocks

    @classmethod
    def read(cls, document: dict[str, object]) -> Seen:
        """Read it again from what JSON has made of its variables."""
        found = cls(**document)  # type: ignore[arg-type]
        found.codes = collections.Counter({int(code): n for code, n in found.codes.items()})
        found.kinds = collections.Counter(found.kinds)
        found.looked = collections.Counter(found.looked)
        return found


def soak(seed: int, first: int, runs: int) -> Seen:
    """Play the runs one after the other, and print what was found."""
    reference = build_reference()
    seen = Seen()
    directory = Path(tempfile.mkdtemp(prefix="mast-agent-soak-"))
    directory.chmod(0o755)
    world = World(directory, reference)
    seen.has_clocks = world.has_clocks
    promises.LOOKED.clear()
    try:
        with world.running():
            for number in range(first, first + runs):
                place = directory / f"run{number}"
                place.mkdir()
                run = Run(world, scenario.draw(seed, number), place)
                run.play()
                seen.add(Seen(run.codes, run.kinds, asked=run.asked, broken=bool(run.finds)))
                if run.finds:
                    print(f"FOUND in {run}", flush=True)
                shutil.rmtree(place)
                if (number + 1 - first) % SAY_EACH == 0:
                    print(f"soak: runs {first} to {number} are over", flush=True)
            log = promises.no_secret("the server's log", world.cluster.log().encode())
            seen.broken += len(log)
            seen.looked += promises.LOOKED
            print("".join(f"FOUND: {each}\n" for each in log), end="")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return seen


def beside_each_other(seed: int, first: int, runs: int, workers: int) -> Seen:
    """Share the runs among processes, each with a server of its own: most of it is waiting."""
    bounds = [first + runs * number // workers for number in range(workers + 1)]
    seen = Seen()
    with tempfile.TemporaryDirectory(prefix="mast-agent-soaks-") as name:
        parts = [Path(name, str(number)) for number in range(workers)]
        shares = zip(bounds, bounds[1:], parts, strict=False)
        children = [
            subprocess.Popen(
                [sys.executable, "-m", "chance.soak", f"--seed={seed}", f"--first={begin}",
                 f"--runs={end - begin}", f"--part={part}"],
                cwd=figures.ROOT / "tests",
            )
            for begin, end, part in shares if end > begin
        ]  # fmt: skip
        try:
            for child in children:
                child.wait()
        finally:
            for child in children:
                child.terminate()
        for child, part in zip(children, parts, strict=False):
            if part.exists():
                seen.add(Seen.read(json.loads(part.read_text(encoding="utf-8"))))
            else:
                print(f"FOUND: a part of the soak came to no end: {child.args!r}")
                seen.broken += 1
    return seen


GROUPS = {
    "before a round": scenario.CHANGES,
    "the agent": scenario.TO_THE_AGENT,
    "the eval": scenario.TO_THE_EVAL,
    "the server, the clock": scenario.TO_THE_SERVER,
    "the release": tuple({f"{k}={v}" for each in scenario.SWITCHES for k, v in each.items()}),
}
"""What goes wrong, by where."""


def show(given: argparse.Namespace, seen: Seen, seconds: float) -> dict[str, object]:
    """Print the figures, and return them."""
    print(
        f"soak: seed {given.seed}, runs {given.first} to {given.first + given.runs - 1} in "
        f"{seconds:.0f} s, {seen.codes.total()} enrollments, {seen.asked} questions, "
        f"{seen.broken} runs with a find"
    )
    print("exit codes: " + ", ".join(f"{code}: {n}" for code, n in sorted(seen.codes.items())))
    kinds = {
        where: {kind: seen.kinds[kind] for kind in group if seen.kinds[kind]}
        for where, group in GROUPS.items()
    }
    for where, found in kinds.items():
        if found:
            print(f"{where}: " + ", ".join(f"{kind} {n}" for kind, n in sorted(found.items())))
    if not seen.has_clocks:
        print("there is no C compiler: no clock has jumped")
    return {
        "seed": given.seed,
        "first": given.first,
        "runs": given.runs,
        "codes": dict(seen.codes),
        "asked": seen.asked,
        "broken": seen.broken,
        "looked": dict(seen.looked),
        "kinds": kinds,
    }


def main() -> int:
    """Read the command line and soak; return 1 where something was found."""
    parser = argparse.ArgumentParser(description="Enroll by chance while things go wrong.")
    parser.add_argument("--seed", type=int, help="another one each time, unless it is given")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--first", type=int, default=1, help="the number of the first run")
    parser.add_argument("--workers", type=int, default=1, help="that many runs at a time")
    figures.add_option(parser)
    parser.add_argument("--part", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    # So that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if os.geteuid() != 0:
        parser.error("it makes hosts out of namespaces, and small disks: run it as root")
    if given.seed is None:
        given.seed = random.randrange(1 << 31)  # noqa: S311
    if given.part is not None:
        seen = soak(given.seed, given.first, given.runs)
        given.part.write_text(json.dumps(vars(seen)), encoding="utf-8")
        return 0
    print(f"soak: seed {given.seed}", flush=True)
    start, began = figures.Start(), time.monotonic()
    if given.workers > 1:
        build_reference()
        seen = beside_each_other(given.seed, given.first, given.runs, given.workers)
    else:
        seen = soak(given.seed, given.first, given.runs)
    start.keep("soak", show(given, seen, time.monotonic() - began), given.figures)
    return 1 if seen.broken else 0


if __name__ == "__main__":
    sys.exit(main())
