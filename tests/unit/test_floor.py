"""support.floor, by which `make coverage` fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import floor

if TYPE_CHECKING:
    from pathlib import Path


def verdict(directory: Path, lines: tuple[int, int], branches: tuple[int, int]) -> int:
    """Return the exit code where so many of so many were run, with the floor at 95 %."""
    totals = dict(
        zip(
            ("covered_lines", "num_statements", "covered_branches", "num_branches"),
            (*lines, *branches),
            strict=True,
        )
    )
    figures = directory / "figures.json"
    figures.write_text(json.dumps({"totals": totals}), encoding="utf-8")
    return floor.main(str(figures), "95")


@pytest.mark.parametrize(
    ("lines", "branches", "code"),
    [
        ((100, 100), (100, 100), 0),
        ((95, 100), (95, 100), 0),
        # Lines make up for what branches lack, but not for branches alone.
        ((1000, 1000), (94, 100), 2),
        # And the other way round: every branch, and too few lines.
        ((800, 1000), (100, 100), 2),
        ((0, 0), (0, 0), 0),
    ],
)
def test_each_share_is_held_to_the_floor(
    tmp_path: Path, lines: tuple[int, int], branches: tuple[int, int], code: int
) -> None:
    """Many lines do not hide branches that nothing runs."""
    assert verdict(tmp_path, lines, branches) == code


def test_both_figures_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where only one of them is too low, which is the one that is marked."""
    assert verdict(tmp_path, (3000, 3000), (949, 1000)) == 2
    assert capsys.readouterr().out.splitlines() == [
        "Lines and branches: 3949 of 4000, 98.72 %",
        "Branches alone: 949 of 1000, 94.90 %, less than 95 %",
    ]


@given(st.integers(1, 10**6), st.data())
def test_no_share_below_the_floor_looks_like_the_floor(there: int, data: st.DataObject) -> None:
    """A floor of 95 is not reached by 94.999, and that is not printed as 95.00."""
    share = floor.Share("Any", data.draw(st.integers(0, there)), there)
    if share.percent < 95:
        assert float(str(share).split()[-2]) < 95
