"""`make reliability`: writes docs/reliability.md of what the tools have kept in build/chance."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from mast_agent.failures.cause import Code

from chance import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGE = figures.ROOT / "docs" / "reliability.md"
TOOLS = ("soak", "crowd", "fuzz")

HEAD = """\
# Reliability

What no list of cases has thought of is looked for by chance: `make soak` lets hosts enroll while
things go wrong, `make crowd` lets many agents come to one database, `make fuzz` searches the
readers and the masking. These are the figures of their last runs, as `make reliability` has written
them down. A find becomes a test among the others, and is mended.
"""

PROMISES = """\
Each run draws hosts and rounds from the seed and its number. In a round agents enroll against a
real PostgreSQL and the reference release while something happens to them, to their evals or to the
server; in the end, with nothing in the way, each host has to converge. After each round, and during
it where that can be seen, this has to hold:
"""
LOOKED = {
    "one_row_each": "never two rows for one host, nor a row of nobody's",
    "recorded_row": "never a record without its row",
    "has_row": "never success without a row",
    "nothing_left": "never a process that is left over",
    "no_secret": "never a secret in output, files, command lines or the server's log",
    "ended_well": "never an exit code that is not in the table, a traceback, or an end later than "
    "the timeout and 3 s, or 7 s after SIGTERM (what the agent waits for a processor comes on top)",
    "gave_up_rightly": "never a final exit code for what passes by itself",
    "answered_well": "`status` answers meanwhile and afterwards in time, with a document of its "
    "schema and the code that it names",
}
"""What each promise says."""

AGAIN = """\
## Again

The same seed draws the same runs, and a run can be had by itself. What an agent is doing when
something happens to it depends on the machine, so that a find may need some tries.

<!-- not run: they take long; tests/integration/test_chance.py runs soak and crowd for seconds. -->

    make soak SEED={seed} RUNS={runs} WORKERS=4
    make soak SEED={seed} FIRST=17 RUNS=1
    make crowd N={agents}
    make fuzz TIME={seconds}
    make reliability
"""


def main() -> int:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Write the page of the last figures.")
    figures.add_option(parser)
    parser.add_argument("--page", type=Path, default=PAGE)
    given = parser.parse_args()
    kept = {}
    for tool in TOOLS:
        try:
            kept[tool] = json.loads((given.figures / f"{tool}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            parser.error(f"there are no figures of `make {tool}` yet")
    given.page.write_text(write(kept), encoding="utf-8")
    return 0


def write(kept: dict[str, dict[str, Any]]) -> str:
    """Return the page."""
    soak, crowd, fuzz = (kept[tool]["figures"] for tool in TOOLS)
    ran = {
        "soak": f"seed {soak['seed']}, runs {soak['first']} to {soak['first'] + soak['runs'] - 1}",
        "crowd": f"{crowd['agents']} agents",
        "fuzz": f"{fuzz['seconds']} s for each of {len(fuzz['targets'])} targets",
    }
    found = {
        "soak": soak["broken"],
        "crowd": len(crowd["finds"]),
        "fuzz": sum(each["found"] for each in fuzz["targets"].values()),
    }
    parts = [
        HEAD,
        _table(
            ("tool", "what was run", "date", "commit", "minutes", "load", "finds"),
            (
                (f"`make {tool}`", ran[tool], one["date"], one["commit"], one["minutes"],
                 one["load"], found[tool])
                for tool, one in kept.items()
            ),
        ),
        (
            "Load is the average of the last 15 minutes when it ended: other work was on the "
            "machine where it is high. The machine:\n"
        ),
        "".join(f"- {each}\n" for each in _machines(kept)),
        *_soak(soak), *_crowd(crowd), *_fuzz(fuzz),
        AGAIN.format(
            seed=soak["seed"], runs=soak["runs"], agents=crowd["agents"], seconds=fuzz["seconds"]
        ),
    ]  # fmt: skip
    return "\n".join(parts)


def _machines(kept: dict[str, dict[str, Any]]) -> list[str]:
    """Return each machine once, with what ran there."""
    ran: dict[str, list[str]] = {}
    for tool, one in kept.items():
        ran.setdefault(one["machine"], []).append(tool)
    return [f"{', '.join(tools)}: {each}" for each, tools in ran.items()]


def _soak(soak: dict[str, Any]) -> list[str]:
    return [
        f"## Soak: {soak['runs']} runs\n",
        PROMISES,
        _table(
            ("promise", "looked at, times"),
            ((said, soak["looked"].get(name, 0)) for name, said in LOOKED.items()),
        ),
        (
            f"{sum(soak['codes'].values())} enrollments and {soak['asked']} questions for the "
            f"status; runs that broke a promise: **{soak['broken']}**. How the enrollments ended:\n"
        ),
        _table(
            ("exit code", "meaning", "times"),
            (
                (code, _meaning(int(code)), number)
                for code, number in sorted(soak["codes"].items(), key=lambda item: int(item[0]))
            ),
        ),
        "What went wrong, how many times:\n",
        _table(
            ("where", "what"),
            (
                (where, ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items())))
                for where, kinds in soak["kinds"].items()
            ),
        ),
    ]


def _meaning(code: int) -> str:
    if code < 0:
        return f"ended by the {signal.Signals(-code).name} that it was sent"
    return Code(code).name


def _crowd(crowd: dict[str, Any]) -> list[str]:
    return [
        f"## Crowd: {crowd['agents']} agents\n",
        (
            "All start together against one database, and then all of them once more. The seconds "
            "are those until an agent ended enrolled, connections those of Mast's role.\n"
        ),
        _table(
            ("wave", "agents", "evals", "at a time", "exit codes", "rows", "most connections",
             "seconds: first", "median", "last"),
            (
                (wave, crowd["agents"], one["evals"], one["at_a_time"],
                 ", ".join(f"{code}: {number}" for code, number in one["codes"].items()),
                 one["rows"], one["connections"], *(f"{each:.1f}" for each in one["seconds"]))
                for wave, one in crowd["waves"].items()
            ),
        ),
    ]  # fmt: skip


def _fuzz(fuzz: dict[str, Any]) -> list[str]:
    return [
        "## Fuzz\n",
        "Coverage counts the edges of the agent's code that the cases have reached.\n",
        _table(
            ("target", "executions", "coverage", "finds"),
            (
                (name, one["executions"], one["coverage"], one["found"])
                for name, one in fuzz["targets"].items()
            ),
        ),
    ]


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
