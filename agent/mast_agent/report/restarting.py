"""The commands that have the agent look again, in an order that works. Pure: the units are given.

No command blocks: starting the agent takes as long as it waits. And none starts the agent without
Mast where Mast is down: it would wait for migrations that nothing runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.failures import causes, remedies

if TYPE_CHECKING:
    from mast_agent.host.units import Unit

_BUSY = ("activating", "reloading", "refreshing", "deactivating")


def commands(
    agent: Unit | None, mast: Unit | None, verb: str = "restart", *, anew: bool = False
) -> tuple[str, ...]:
    """Return the commands; `anew` says that Mast has to be restarted for it.

    Mast brings the agent along where the agent is enabled, and migrates.
    """
    own = f"systemctl {verb} --no-block mast-agent"
    if agent is None or agent.load_state != "loaded" or mast is None or mast.load_state != "loaded":
        return (own,)
    pauses = mast.sub_state == "auto-restart"
    down = pauses or mast.active_state in ("inactive", "failed")
    # One that pauses before its next try is not started by `start`.
    verb = "restart" if pauses or anew else verb
    first = (f"systemctl {verb} --no-block mast",) if anew or down else ()
    if mast.name in agent.wanted_by:
        return first or (own,)
    return (*first, "systemctl enable mast-agent", own)


def after(slug: str, remedy: str, agent: Unit | None, mast: Unit | None) -> str:
    """Return the remedy of a cause that the agent has given up for, with what goes on from there.

    What puts it right does not start the agent, and nobody tries again by itself.
    """
    if agent is None or agent.load_state != "loaded" or begins(remedy):
        return remedy
    cause = causes.CAUSES.get(slug)
    more = commands(agent, mast, anew=cause is not None and cause.mast)
    return remedies.followed(remedy, *more)


def would_interrupt(remedy: str) -> bool:
    """Tell whether the remedy restarts the agent, or Mast and so the agent."""
    return any(
        command.startswith("systemctl restart --no-block mast")
        for command in remedies.split(remedy)[1]
    )


def is_under_way(agent: Unit | None) -> bool:
    """Tell whether a run is at work, or about to be."""
    return agent is not None and (agent.active_state in _BUSY or agent.job)


def begins(remedy: str) -> bool:
    """Tell whether what is to be done has the agent look again already."""
    return any(
        command.startswith("systemctl ") and "mast" in command.split()[-1]
        for command in remedies.split(remedy)[1]
    )
