"""`make bench`: measure everything, and write the page.

--quick only tries whether everything can be measured; its figures mean nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from bench import booted, enrolling, growth, mistaken, page, reaction, readme, waiting
from bench.stage import PYTHON, stage
from support.postgres import BINARIES

if TYPE_CHECKING:
    from bench.page import Chapter
    from bench.stage import Stage

PAGE, README = ROOT / "docs/benchmarks.md", ROOT / "README.md"
ROUNDS = 21
_CHAPTERS = {
    "enrolling": enrolling.chapter,
    "reaction": reaction.chapter,
    "waiting": waiting.chapter,
    "growth": growth.chapter,
    "mistaken": mistaken.chapter,
}


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure the agent.")
    parser.add_argument("--quick", action="store_true", help="only try whether it works")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often, at least once")
    parser.add_argument("--only", choices=[*_CHAPTERS, "booted"], action="append", default=[])
    parser.add_argument("--output", type=Path, default=PAGE)
    arguments = parser.parse_args()
    wanted = arguments.only or ([*_CHAPTERS] if arguments.quick else ["booted", *_CHAPTERS])
    rounds = 2 if arguments.quick else max(1, arguments.rounds)
    begin = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="mast-agent-bench-") as name,
        stage(Path(name), rounds=rounds, quick=arguments.quick) as set_up,
    ):
        chapters = [chapter for each in wanted for chapter in _measure(each, set_up)]
    minutes = (time.monotonic() - begin) / 60
    text = page.render(chapters, _about(minutes, quick=arguments.quick))
    arguments.output.write_text(text, encoding="utf-8")
    if arguments.output == PAGE:
        README.write_text(readme.with_figures(README.read_text("utf-8"), text), encoding="utf-8")
    print(f"{arguments.output}: {minutes:.1f} min")


def _measure(name: str, set_up: Stage) -> list[Chapter]:
    print(f"bench: {name} …", file=sys.stderr)
    if name != "booted":
        return [_CHAPTERS[name](set_up)]
    if os.geteuid() != 0 or not booted.able():
        print("bench: machines cannot be booted here: without them", file=sys.stderr)
        return []
    return list(booted.chapters(set_up))


def _about(minutes: float, *, quick: bool) -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    server = BINARIES.parent.name if BINARIES else "?"
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    kernel = re.split("[^0-9.]", platform.release())[0]
    what = "A trial whose figures mean nothing" if quick else "Written by `make bench`"
    return (
        f"{what}, in {minutes:.0f} min: {os.cpu_count()} x {model}, Linux {kernel}, "
        f"PostgreSQL {server}, {PYTHON} of {system} where "
        "nothing else is said. Each thing is measured 21 times in turn with what it is compared "
        "to, and ratios are taken round by round: they hold where seconds do not."
    )


if __name__ == "__main__":
    main()
