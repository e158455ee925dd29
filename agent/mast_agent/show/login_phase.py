"""What is known of the last phase: whether Mast can log in, and whether it does. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.access.reach import Contact, Reach
from mast_agent.failures import remedies
from mast_agent.show.layout import Mark
from mast_agent.status import evidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mast_agent.status.status import Status

_SSHD = {
    True: "something listens there",
    False: "nothing listens there",
    None: "cannot tell whether sshd listens",
}


def fact(status: Status, said: Sequence[str], *, enrolled: bool) -> tuple[Mark, str]:
    """Return the mark and what is to be said; `said` is what is shown elsewhere already."""
    seen, who = status.access, status.access.login
    if status.access_wanted is False:
        off = (
            remedies.addressed(f"off: {seen.revoked}", root=status.root) if seen.revoked else "off"
        )
        if seen.key == "absent":
            return Mark.OFF, off
        return Mark.WARNING, f"{off}; but the key is {seen.key}"
    failure = seen.failure
    if failure is not None:
        if not enrolled:
            return Mark.NOT_REACHED, "not reached"
        if not status.access_wanted:
            return Mark.UNKNOWN, f"unknown whether wanted: {failure.message}"
        if not any(failure.message in each for each in said):
            return Mark.FAILED, failure.message
    parts = [f"{who.user}@{who.host}:{who.port}", f"key {seen.key}", _SSHD[seen.listening]]
    mark = Mark.DONE if failure is None else Mark.FAILED
    if status.facts.looked and (failure is None or status.contact.reach is not Reach.UNKNOWN):
        parts.append(_contact(status.contact))
        if status.contact.reach is Reach.LOST and failure is None:
            mark = Mark.WARNING
    return mark, ", ".join(part for part in parts if part)


def _contact(contact: Contact) -> str:
    seconds = contact.seconds
    match contact.reach:
        case Reach.REACHED:
            return f"Mast reached it {evidence.span(seconds or 0.0)} ago"
        case Reach.LOST:
            if seconds is None:
                return "Mast has never reached it"
            return f"Mast has not reached it for {evidence.span(seconds)}"
        case Reach.UNCHECKED:
            return "not checked by Mast yet"
        case Reach.UNKNOWN:
            return "unknown whether Mast reaches it"
