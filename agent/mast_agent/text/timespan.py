"""Time spans as systemd reads them: `5m`, `300s`, `1min 30s`, `1.5h`, a bare number of seconds.

The grammar and the units are those of systemd.time(7), measured against `systemd-analyze
timespan`: `m` is a minute and `M` a month, a year is 365.25 days. What is to be done about a text
that is no time span is left to the caller.
"""

from __future__ import annotations

import re

MOST_SECONDS = 10 * 31_557_600
"""Ten years. What is longer, or `infinity`, is no bound, and every wait of the agent has one."""

_MICROSECONDS = {
    **dict.fromkeys(("seconds", "second", "sec", "s", ""), 1_000_000),
    **dict.fromkeys(("minutes", "minute", "min", "m"), 60_000_000),
    **dict.fromkeys(("hours", "hour", "hr", "h"), 3_600_000_000),
    **dict.fromkeys(("days", "day", "d"), 86_400_000_000),
    **dict.fromkeys(("weeks", "week", "w"), 604_800_000_000),
    **dict.fromkeys(("months", "month", "M"), 2_629_800_000_000),
    **dict.fromkeys(("years", "year", "y"), 31_557_600_000_000),
    **dict.fromkeys(("msec", "ms"), 1_000),
    **dict.fromkeys(("usec", "us", "\N{MICRO SIGN}s", "\N{GREEK SMALL LETTER MU}s"), 1),
}
_BLANK = r"[ \t\n\r]*"
_UNIT = "|".join(sorted(filter(None, _MICROSECONDS), key=len, reverse=True))
# A number without a unit has to end with a blank, or with the text.
_TERM = re.compile(
    rf"(?P<whole>\+?[0-9]+|(?=\.))(?:\.(?P<part>[0-9]+))?{_BLANK}"
    rf"(?:(?P<unit>{_UNIT})|(?<=[ \t\n\r])|\Z){_BLANK}"
)


def parse(text: str) -> float:
    """Return the seconds that `text` means, to the microsecond.

    Raises ValueError for what systemd would refuse, and for what is not above zero, or longer than
    MOST_SECONDS.
    """
    rest = text.strip(" \t\n\r")
    microseconds = 0
    while rest:
        term = _TERM.match(rest)
        if term is None:
            raise ValueError(text)
        unit = _MICROSECONDS[term["unit"] or ""]
        part = (term["part"] or "")[:20]
        microseconds += int(term["whole"] or 0) * unit + int(part or 0) * unit // 10 ** len(part)
        rest = rest[term.end() :]
    if not 0 < microseconds <= MOST_SECONDS * 1_000_000:
        raise ValueError(text)
    return microseconds / 1_000_000
