"""`make fuzz`: atheris searches each target for a minute, led by what it has not reached yet.

Each target has a process of its own, since libFuzzer ends the one that it runs in. What it finds
is kept in build/fuzz/TARGET, and can be tried again without atheris: --input.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[1]))

from chance import figures

ROOT = figures.ROOT
KEPT = ROOT / "build" / "fuzz"
SLOWEST_SECONDS = 10
"""A case that takes longer is a find."""
LONGEST_BYTES = 600


def main() -> int:
    """Fuzz one target or all of them; return 1 where something was found."""
    parser = argparse.ArgumentParser(description="Fuzz the agent's readers.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", default="", help="only this one")
    parser.add_argument("--input", type=Path, help="try one case again")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    figures.add_option(parser)
    given = parser.parse_args()
    if given.here:
        _search(given.target, given.seconds)
    from chance.targets import TARGETS  # noqa: PLC0415 - a search instruments it first

    if given.target and given.target not in TARGETS:
        parser.error(f"no such target; there are {', '.join(TARGETS)}")
    if given.input is not None:
        if not given.target:
            parser.error("--input needs a --target")
        TARGETS[given.target].check(given.input.read_bytes())
        print("nothing is wrong with it")
        return 0
    start = figures.Start()
    names = [given.target] if given.target else list(TARGETS)
    seen = {name: _watch(name, given.seconds) for name in names}
    if not given.target:
        start.keep("fuzz", {"seconds": given.seconds, "targets": seen}, given.figures)
    return 1 if any(each["found"] for each in seen.values()) else 0


def _watch(name: str, seconds: int) -> dict[str, int | str]:
    """Run one search, print a line about it, and return its figures."""
    kept = KEPT / name
    kept.mkdir(parents=True, exist_ok=True)
    before = set(kept.iterdir())
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "chance.fuzz", "--here", f"--target={name}", f"--seconds={seconds}"],
        cwd=ROOT / "tests", check=False, capture_output=True, text=True, errors="replace",
    )  # fmt: skip
    took = time.monotonic() - began
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    coverage = re.findall(r"cov: (\d+)", done.stderr)
    found = sorted(set(kept.iterdir()) - before)
    # It may also end without a case that could be kept.
    seen: dict[str, int | str] = {
        "executions": runs[1] if runs else "?",
        "coverage": coverage[-1] if coverage else "?",
        "found": len(found) or int(done.returncode != 0),
    }
    print(
        f"fuzz {name}: {seen['executions']} cases in {took:.0f} s, coverage {seen['coverage']}, "
        f"{seen['found']} found",
        flush=True,
    )
    if seen["found"]:
        print(done.stderr[-6000:])
        for path in found:
            print(f"again: make fuzz TARGET={name} INPUT={path}")
    return seen


def _search(name: str, seconds: int) -> NoReturn:
    """Be the fuzzer. It ends this process."""
    try:
        import atheris  # noqa: PLC0415 - only `make fuzz` installs it
    except ImportError:
        sys.exit("atheris is not installed here: make fuzz installs it where it can")

    with atheris.instrument_imports(include=["mast_agent"]):
        from chance.targets import TARGETS  # noqa: PLC0415 - instrumented as it is imported

    target = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="mast-agent-fuzz-") as directory:
        corpus = Path(directory) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(target.seeds):
            (corpus / str(number)).write_bytes(seed)
        words = Path(directory) / "words"
        words.write_text("".join(f'"{_in_hex(word)}"\n' for word in target.words))
        atheris.Setup(
            [
                "fuzz", str(corpus), f"-dict={words}", f"-max_total_time={seconds}",
                f"-max_len={LONGEST_BYTES}", f"-timeout={SLOWEST_SECONDS}", "-print_final_stats=1",
                f"-artifact_prefix={KEPT / name}/",
            ],
            target.check,
        )  # fmt: skip
        atheris.Fuzz()
    raise SystemExit(0)


def _in_hex(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main())
