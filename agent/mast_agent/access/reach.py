"""Judges whether Mast reaches this host. Pure: the row and the ages of things are given.

Mast writes into the row of a host that it has reached, and when (`last_seen_at`). The row of a
host that refuses it keeps its old values, also the status "up". So the age decides, not the
status.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mast_agent.postgres.snapshot import Server
    from mast_agent.report.login_report import LoginReport

PATIENCE_SECONDS = 120.0
"""Mast checks every 30 s: after four times that without success it does not reach the host."""
_RESOLUTION = 1.5
"""By how many seconds a visit has to be later than a trial to be told from one before it."""


class Reach(enum.Enum):
    """Whether Mast reaches this host."""

    REACHED = "reached"
    LOST = "lost"
    """It has had the time for it, and did not: never, or not for a while."""
    UNCHECKED = "unchecked"
    """It has not had the time for it."""
    UNKNOWN = "unknown"
    """The database was not asked, or does not tell."""


@dataclass(frozen=True, kw_only=True)
class Contact:
    """What is known of Mast's visits.

    `seconds` is how long ago the last one was, by the database's clock, None for never. `since_key`
    says that it came after the present key had been installed; None where there is no key of ours.
    """

    reach: Reach
    seconds: float | None = None
    since_key: bool | None = None


UNKNOWN = Contact(reach=Reach.UNKNOWN)


def judge(
    server: Server | None, *, key_seconds: float | None, mast_seconds: float | None
) -> Contact:
    """Return what the row of this host says; None where the database was not asked.

    `key_seconds` is how long the key has been installed, None where there is none. `mast_seconds`
    is for how long mast.service has been running, None where it is not or systemd does not tell.
    """
    if server is None or not server.tells_contact:
        return UNKNOWN
    seconds = server.seen_seconds
    since_key = None if key_seconds is None else seconds is not None and seconds < key_seconds
    if seconds is not None and seconds < PATIENCE_SECONDS:
        reach = Reach.REACHED
    elif min(key_seconds or 0.0, mast_seconds or 0.0) < PATIENCE_SECONDS:
        reach = Reach.UNCHECKED
    else:
        reach = Reach.LOST
    return Contact(reach=reach, seconds=seconds, since_key=since_key)


def problems(contact: Contact, report: LoginReport | None) -> tuple[Failure, ...]:
    """Return what root found to keep Mast out, unless Mast has been here since then."""
    if report is None:
        return ()
    # Mast notes whole seconds.
    later = contact.seconds is not None and contact.seconds + _RESOLUTION < report.seconds
    return () if later else report.problems


def concern(
    contact: Contact, report: LoginReport | None, seen: Sequence[Failure]
) -> Failure | None:
    """Return what an operator has to know of Mast's login, None where nothing is wrong with it.

    `seen` is what everybody can see to keep Mast out just now, the first thing first.
    """
    first = next(iter((*seen, *problems(contact, report))), None)
    if contact.reach is not Reach.LOST:
        if first is None:
            return None
        return Failure(first.cause, f"Mast cannot log in: {first.message}", remedy=first.remedy)
    if first is not None:
        return Failure(
            first.cause, f"Mast does not reach this host: {first.message}", remedy=first.remedy
        )
    if report is not None and report.works:
        return Failure(
            causes.MAST_STAYS_AWAY,
            "Mast does not reach this host, although a login with a key of its own works",
        )
    return Failure(
        causes.MAST_STAYS_AWAY,
        "Mast does not reach this host",
        remedy="Try the login, as root: systemctl start mast-agent-access; then: mast-agent status",
    )
