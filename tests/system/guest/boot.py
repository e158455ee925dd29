"""Scenarios: booting while PostgreSQL is masked, with the agent and without it."""

from __future__ import annotations

from typing import Any

import inside

# MESSAGE_IDs of systemd's own entries: a target was reached, a unit could not be started.
_REACHED = "39f53479d3a045ac8e11786248231fbf"
_FAILED = "be02cf6855d2428ba40df7e9d022f03d"


def without_agent() -> dict[str, Any]:
    """Measure the boot of a machine that does not have the agent enabled."""
    return {"boot": _boot(), "agent": inside.agent()}


def with_agent() -> dict[str, Any]:
    """Measure the boot, let the agent wait, and then let PostgreSQL come."""
    facts: dict[str, Any] = {"boot": _boot(), "agent_at_boot": inside.agent()}
    facts["waiting_for"] = inside.await_text("waiting: database")
    start = inside.run("systemctl", "start", "mast.service", seconds=90)
    facts["start_seconds"] = start.seconds
    facts["waiting"] = inside.agent()
    facts["status_nobody"] = inside.status(user="nobody")
    facts["journal"] = inside.journal("-t", "mast-agent")
    facts["unit_status"] = inside.run("systemctl", "status", "--no-pager", "mast-agent").out
    inside.must("systemctl", "unmask", "postgresql.service")
    inside.must("systemctl", "start", "postgresql.service")
    facts["in_the_end"] = inside.await_state("exited", seconds=90)
    facts["servers"] = inside.servers()
    facts["mast"] = inside.show("mast.service", "ActiveState")["ActiveState"]
    return facts


def _boot() -> dict[str, float]:
    """Return when multi-user.target was reached, in seconds since systemd started.

    `after_mast` is how long it took from the end of the first try to start mast.service, which
    multi-user.target waits for with the agent and without it.
    """
    reached = _first(_REACHED, "multi-user.target")
    begun = inside.must("systemctl", "show", "--property", "UserspaceTimestampMonotonic", "--value")
    return {
        "total": reached - int(begun) / 1e6,
        "after_mast": reached - _first(_FAILED, "mast.service"),
    }


def _first(message_id: str, unit: str) -> float:
    """Return the monotonic time of the first such entry about a unit, in seconds."""
    found = inside.until(
        lambda: inside.journal(f"MESSAGE_ID={message_id}", f"UNIT={unit}"),
        seconds=90,
        what=f"{message_id} of {unit}",
    )
    return int(found[0]["__MONOTONIC_TIMESTAMP"]) / 1e6


if __name__ == "__main__":
    inside.main(without_agent, with_agent)
