"""Says whether what coverage.py has measured of the agent is enough: FIGURES FLOOR.

coverage.py itself knows a floor for lines and branches together alone, where many lines hide
branches that nothing runs. So each is held to the floor by itself: together, and branches alone.
Called by scripts/coverage, which measures and prints the report.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Share:
    """How many of the things there are the tests have run."""

    what: str
    run: int
    there: int

    @property
    def percent(self) -> float:
        """Return the share in percent; nothing was missed where nothing is there."""
        return 100 * self.run / self.there if self.there else 100.0

    def __str__(self) -> str:
        # Cut off, not rounded: what is below a floor must not look as if it reached it.
        return f"{self.what}: {self.run} of {self.there}, {int(self.percent * 100) / 100:.2f} %"


def shares(totals: Mapping[str, int]) -> tuple[Share, ...]:
    """Return the shares that are held to the floor, out of the totals of coverage's JSON."""
    branches = Share("Branches alone", totals["covered_branches"], totals["num_branches"])
    run, there = totals["covered_lines"], totals["num_statements"]
    return (
        Share("Lines and branches", run + branches.run, there + branches.there),
        branches,
    )


def main(figures: str, floor: str) -> int:
    """Print the shares, and return 2 where one of them is below the floor."""
    measured = shares(json.loads(Path(figures).read_text(encoding="utf-8"))["totals"])
    below = [share for share in measured if share.percent < float(floor)]
    for share in measured:
        print(f"{share}, less than {floor} %" if share in below else share)  # noqa: T201 - a report
    return 2 if below else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
