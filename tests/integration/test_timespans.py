"""Time spans mean what the systemd at hand takes them for."""

from __future__ import annotations

import random
import re
import subprocess

import pytest
from mast_agent.text import timespan
from unit.test_timespan import REFUSED, SPANS

_PIECES = (
    *("5", "1", "30", "0", "1.5", ".5", "5.", "+", "-", "infinity", "e", ",", " ", "  ", "\t"),
    *("s", "m", "min", "h", "M", "ms", "us", "d", "w", "y", "month", "months", "hr", "sec"),
    *("\N{MICRO SIGN}s", "\N{GREEK SMALL LETTER MU}s", "seconds", "days", "msec", "usec"),
)


def _systemds(text: str) -> int | None:
    """Return the microseconds that systemd reads, None where it refuses."""
    done = subprocess.run(
        ["systemd-analyze", "timespan", "--", text],
        capture_output=True, text=True, check=False, env={"LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    return int(re.findall(r"s: *(\d+)", done.stdout)[0]) if done.returncode == 0 else None


def _agents(text: str) -> int | None:
    try:
        return round(timespan.parse(text) * 1_000_000)
    except ValueError:
        return None


def _random_spans() -> list[str]:
    chance = random.Random(20)  # noqa: S311 - the same texts each time
    return ["".join(chance.choices(_PIECES, k=chance.randint(1, 6))) for _ in range(100)]


@pytest.mark.parametrize("texts", [list(SPANS), [*REFUSED[:-1]], _random_spans()])
def test_as_systemd(texts: list[str]) -> None:
    """The agent reads a text as systemd does; beyond that it refuses zero and what is too long."""
    for text in (each for each in texts if "\0" not in each):
        expected = _systemds(text)
        if expected is not None and not 0 < expected <= timespan.MOST_SECONDS * 1_000_000:
            expected = None
        assert _agents(text) == expected, text
