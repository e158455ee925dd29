"""`mast-agent status --wait`: looks again until it is decided, or the time is over.

`status` collects; here is only what counts as decided, and how long to wait for something that may
still succeed by itself.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from mast_agent.access import reach
from mast_agent.access.reach import Reach
from mast_agent.failures import causes
from mast_agent.host.deadline import Deadline
from mast_agent.status import status
from mast_agent.status.verdict import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from mast_agent.config.settings import Settings
    from mast_agent.failures.failure import Failure
    from mast_agent.status.status import Status

LOOK_SECONDS = 3.0
"""How long the database is asked."""
ACCESS_SECONDS = 10.0
"""How long `wait` gives the access unit, which follows the agent's."""
CONTACT_SECONDS = 45.0
"""How long `wait` gives a Mast that is known not to come; it checks every 30 s."""


def ignore(_found: Status) -> None:
    """Show nothing of what is seen meanwhile."""


def wait(
    config: Settings,
    settings_failure: Failure | None,
    deadline: Deadline,
    *,
    managed: bool = False,
    seen: Callable[[Status], None] = ignore,
) -> Status:
    """Return the first status that is final, or the last one when the deadline has come.

    Pending is not final; nor is, for a while, an enrollment that Mast's key has not followed yet.
    With `managed` an enrollment is final when Mast has reached this host since its key was
    installed, or when it has had the time for that, or is known to be kept out. `seen` is called
    with each status that is not the last one. Raises KeyboardInterrupt when the operator has enough
    of it.
    """
    since: float | None = None
    before: Status | None = None
    while True:
        seconds = deadline.within(LOOK_SECONDS)
        look = Deadline(seconds + 0.1)
        found = status.collect(config, settings_failure, look, managed=managed)
        final = found.verdict.state is not State.PENDING
        if _may_come_right(found, managed=managed):
            since = since or time.monotonic()
            final = time.monotonic() - since >= _patience(found, managed=managed)
        if final or deadline.remaining() <= 0:
            # The last look may have been too short for the database to answer, which says nothing.
            unseen = not found.facts.looked and (not final or _cut_short(found, seconds))
            return before if unseen and before is not None and before.facts.looked else found
        before = found
        seen(found)
        time.sleep(deadline.within(1.0))


def _cut_short(found: Status, seconds: float) -> bool:
    """Tell whether the database might have answered in more than the `seconds` that were left."""
    failure = found.facts.failure
    slow = failure is not None and failure.cause in (causes.TIMED_OUT, causes.STALLED)
    return slow and seconds < LOOK_SECONDS


def _may_come_right(found: Status, *, managed: bool) -> bool:
    """Tell whether Mast's login may be all that is missing, and still come."""
    state = found.verdict.state
    if managed and state in (State.UNREACHED, State.UNKNOWN):
        return True
    missing = found.access_wanted and found.access.failure is not None
    return state is State.ENROLLED and bool(missing)


def _patience(found: Status, *, managed: bool) -> float:
    """Return for how many seconds that is waited for.

    The key follows the enrollment within seconds. Mast comes every half minute, and what has kept
    it out may just have been put right.
    """
    unit = found.access_unit
    if unit is not None and unit.active_state == "failed":
        return 0.0
    if not managed or found.access.failure is not None or found.contact.reach is Reach.UNKNOWN:
        return ACCESS_SECONDS
    kept_out = bool(reach.problems(found.contact, found.login))
    return CONTACT_SECONDS if kept_out or found.contact.reach is Reach.LOST else math.inf
