"""The figures that soak, crowd and fuzz keep, and the page that is made of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from chance import figures, page
from chance.crowd import most_connections
from chance.soak import GROUPS, Seen

if TYPE_CHECKING:
    from pathlib import Path

SOAK: dict[str, Any] = {
    "seed": 7, "first": 1, "runs": 300, "codes": {"0": 400, "75": 90, "-9": 30}, "asked": 500,
    "broken": 2, "kinds": {"the agent": {"TERM": 31, "KILL": 29}},
}  # fmt: skip
SOAK["looked"] = {"has_row": 41, "no_secret": 4242}
CROWD = {
    "agents": 50, "finds": ["two rows"],
    "waves": {"first": {
        "evals": 50, "at_a_time": 1, "codes": {"0": 49, "75": 1}, "rows": 49, "connections": 61,
        "seconds": [1.0, 2.0, 3.04],
    }},
}  # fmt: skip
FUZZ = {
    "seconds": 60,
    "targets": {"masking": {"executions": "1234", "coverage": "77", "found": 3}},
}


def test_what_is_kept_becomes_the_page(tmp_path: Path) -> None:
    """Each figure is there, with its tool, the date and the commit, and no path of the machine."""
    start = figures.Start(commit="0123456789ab")
    each: dict[str, dict[str, Any]] = {"soak": SOAK, "crowd": CROWD, "fuzz": FUZZ}
    for tool, seen in each.items():
        start.keep(tool, seen, tmp_path)
    kept = {tool: json.loads((tmp_path / f"{tool}.json").read_text()) for tool in each}
    text = page.write(kept)
    date = f"{start.began:%Y-%m-%d}"
    assert re.search(
        rf"`make soak` \| seed 7, runs 1 to 300 \| {date} \| 0123456789ab \|.* 2 \|", text
    )
    assert re.search(r"`make crowd` \| 50 agents \|.* 1 \|", text)
    assert re.search(r"`make fuzz` \| 60 s for each of 1 targets \|.* 3 \|", text)
    assert "| 75 | TEMPFAIL | 90 |" in text
    assert "| -9 | ended by the SIGKILL that it was sent | 30 |" in text
    assert "| the agent | KILL 29, TERM 31 |" in text
    assert "| first | 50 | 50 | 1 | 0: 49, 75: 1 | 49 | 61 | 1.0 | 2.0 | 3.0 |" in text
    assert "| never success without a row | 41 |" in text
    assert "| never a record without its row | 0 |" in text
    assert "| masking | 1234 | 77 | 3 |" in text
    assert f"soak, crowd, fuzz: {figures.machine()}" in text
    assert str(figures.ROOT) not in text


def test_parts_of_a_soak_are_added() -> None:
    """What its processes have seen comes to the same as if one had seen all."""
    part = Seen(
        Counter({0: 2, -9: 1}), Counter(KILL=1), looked=Counter(has_row=3), asked=4, broken=1
    )
    seen = Seen()
    for _ in range(2):
        seen.add(Seen.read(json.loads(json.dumps(vars(part)))))
    assert (seen.codes, seen.kinds) == ({0: 4, -9: 2}, {"KILL": 2})
    assert seen.looked == {"has_row": 6}
    assert (seen.asked, seen.broken, seen.has_clocks) == (8, 2, True)


def test_no_kind_is_in_two_groups() -> None:
    """What went wrong is told once, where it did."""
    kinds = [kind for group in GROUPS.values() for kind in group]
    assert len(set(kinds)) == len(kinds)


def test_connections_are_counted_from_the_log() -> None:
    """Those of Mast's role that are there at the same time, and nobody else's."""
    come = "LOG:  connection authorized: user={} database=crowd\n"
    gone = "LOG:  disconnection: session time: 0:00:00.1 user={} database=crowd host=127.0.0.1\n"
    mast, other = ([each.format(user) for each in (come, gone)] for user in ("mast", "postgres"))
    assert most_connections("") == 0
    assert most_connections("".join([*mast, *mast, *other])) == 1
    assert most_connections("".join([other[0], mast[0], mast[0], mast[1], mast[1], mast[0]])) == 2
