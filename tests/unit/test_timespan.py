"""Time spans: the grammar of systemd.time(7), and the agent's own bounds.

That systemd reads them so is integration/test_timespans.py's.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.text import timespan

SPANS = {
    "5m": 300,
    "300s": 300,
    "1min 30s": 90,
    "1min30s": 90,
    "300": 300,
    " 5 ": 5,
    "+5": 5,
    "1 2": 3,
    "1h5": 3605,
    "1.5h": 5400,
    ".5": 0.5,
    "5 .5": 5.5,
    "5 min\t3 sec": 303,
    "5ms3us": 0.005003,
    "7\N{MICRO SIGN}s": 0.000007,
    "7\N{GREEK SMALL LETTER MU}s": 0.000007,
    "2days": 172800,
    "1w": 604800,
    "1M": 2629800,
    "3months": 7889400,
    "10y": timespan.MOST_SECONDS,
}
REFUSED = (
    *("", " ", "m", "s5", "5.", "5.s", "1.5.5", "5Min", "5S", "5mins", "1,5s", "5s,3m", "1ns"),
    *("-5", "5s -1", "1e3", "0x10", "1_000", "inf", "nan", "infinity", "\u0663", "5\x00", "5+5"),
    *("0", "0s", "0.1us", "10y 1us", "9" * 5000),
)


@pytest.mark.parametrize(("text", "seconds"), SPANS.items())
def test_spans(text: str, seconds: float) -> None:
    """Units of all kinds, sums of them, and numbers without one."""
    assert timespan.parse(text) == seconds


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    """What systemd refuses, and what is no bound for a wait."""
    with pytest.raises(ValueError, match=r"."):
        timespan.parse(text or " ")


@given(st.text(alphabet="0159.+- \tsmhdwyMuc\N{MICRO SIGN}", max_size=12) | st.text(max_size=12))
def test_any_text_is_a_bounded_time_or_refused(text: str) -> None:
    """Whatever is given becomes a time that can be waited for, or a ValueError."""
    try:
        seconds = timespan.parse(text)
    except ValueError:
        return
    assert 0 < seconds <= timespan.MOST_SECONDS
