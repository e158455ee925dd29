"""Shows times in the reader's zone. JSON and files have them in UTC, ISO 8601."""

from __future__ import annotations

import datetime as dt
import re

_ISO = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)")


def local(text: str) -> str:
    """Return `text` with each UTC time in it as one of the reader's zone (TZ, localtime(5))."""
    return _ISO.sub(_local, text)


def _local(found: re.Match[str]) -> str:
    try:
        return f"{dt.datetime.fromisoformat(found[0]).astimezone():%Y-%m-%d %H:%M:%S %Z}"
    except (ValueError, OverflowError, OSError):
        return found[0]
