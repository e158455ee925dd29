"""Decides which facts still say something about now, and how old they are.

A published status belongs to one invocation of the agent. It counts no more once another
invocation is due or has begun. Otherwise a script that waits for "enrolled" would continue after a
boot, or in the middle of a restart, because of the run before. Pure functions; `status` collects
the facts.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from mast_agent.report import published as published_

if TYPE_CHECKING:
    from mast_agent.host.units import Unit
    from mast_agent.report.published import Published

UNDER_WAY = ("activating", "reloading", "refreshing", "deactivating")
"""The active states of a unit of which more is to be heard."""
UP = ("active", *UNDER_WAY)

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def alive(published: Published, seen: bool | None, unit: Unit | None) -> bool | None:  # noqa: FBT001 - a fact
    """Tell whether the run that published is still at work; None where that cannot be told.

    `seen` is what /proc says of its process. It says nothing where processes of others are hidden
    (hidepid=, ProtectProc=); then systemd knows the main process of its unit.
    """
    if published.state not in published_.AT_WORK:
        return False
    if seen is not None or unit is None or unit.load_state != "loaded":
        return seen
    if unit.main_pid == published.pid:
        return True
    return False if published.invocation == unit.invocation else None


def is_due(unit: Unit | None, mast: Unit | None) -> bool:
    """Tell whether the unit is about to be started, or should have been since the boot."""
    if unit is None or unit.load_state != "loaded" or unit.active_state in UP:
        return unit is not None and unit.job
    wanted = mast is not None and mast.name in unit.wanted_by and mast.active_state in UP
    return unit.job or (wanted and not unit.invocation)


def counts(published: Published, unit: Unit | None, mast: Unit | None, link: str | None) -> bool:
    """Tell whether what a finished run has published is the last word about this host.

    `link` is the unit's present invocation where the bus does not answer: "" for none, None where
    that cannot be told either, as without systemd.
    """
    by_hand = published.invocation is None
    if unit is None:
        return by_hand or link is None or link == published.invocation
    if unit.load_state != "loaded":
        return True
    if unit.active_state in UNDER_WAY:
        return published.invocation == unit.invocation
    if unit.job:
        return False
    if published.invocation == unit.invocation:
        return True
    if is_due(unit, mast) and not by_hand:
        return False
    # A run by hand, or one that systemd has forgotten: the later word counts.
    said_at = moment(published.updated_at)
    return said_at is not None and said_at >= int(unit.changed_at)


def moment(text: str) -> float | None:
    """Return the seconds since the epoch of an ISO 8601 time, None where it is none."""
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def ago(then: float | None, now: float) -> str:
    """Return how long ago that was, in words; "" where that cannot be told."""
    # Before now: a clock may have been set back.
    return "" if then is None or now < then else f"{span(now - then)} ago"


def span(seconds: float) -> str:
    """Return a length of time in words, in its largest unit."""
    if seconds >= 2 * _DAY:
        return f"{seconds // _DAY:.0f} days"
    if seconds >= _HOUR:
        return f"{seconds // _HOUR:.0f} h"
    return f"{seconds // _MINUTE:.0f} min" if seconds >= _MINUTE else f"{seconds:.0f} s"
