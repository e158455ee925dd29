"""What has the agent look again: in the order that works, and nothing that blocks."""

from __future__ import annotations

from typing import Any

import pytest
from mast_agent.report import restarting
from unit.builders import unit

AGENT, MAST = "systemctl {} --no-block mast-agent", "systemctl {} --no-block mast"
_ENABLED = {"wanted_by": ("mast.service",)}


def _mast(state: str, **special: Any) -> Any:
    return unit(state, name="mast.service", **special)


@pytest.mark.parametrize(
    ("agent", "mast", "anew", "expected"),
    [
        (None, None, False, [AGENT]),
        (unit("failed", load_state="not-found"), _mast("active"), False, [AGENT]),
        (unit("failed"), _mast("inactive", load_state="not-found"), True, [AGENT]),
        (unit("failed", **_ENABLED), _mast("active"), False, [AGENT]),
        (unit("failed", **_ENABLED), _mast("activating", sub_state="start-pre"), False, [AGENT]),
        # It brings the agent along.
        (unit("failed", **_ENABLED), _mast("failed"), False, [MAST]),
        (unit("failed", **_ENABLED), _mast("inactive"), False, [MAST]),
        (unit("failed"), _mast("active"), False, ["systemctl enable mast-agent", AGENT]),
        (unit("failed"), _mast("failed"), False, [MAST, "systemctl enable mast-agent", AGENT]),
    ],
)
@pytest.mark.parametrize("verb", ["start", "restart"])
def test_commands(agent: Any, mast: Any, verb: str, anew: bool, expected: list[str]) -> None:  # noqa: FBT001
    """By what systemd says of the two units."""
    wanted = tuple(each.format(verb) for each in expected)
    assert restarting.commands(agent, mast, verb, anew=anew) == wanted


def test_mast_anew() -> None:
    """What Mast reads too takes a restart of Mast, also where a start is meant."""
    agent = unit("failed", **_ENABLED)
    again = ("systemctl restart --no-block mast",)
    assert restarting.commands(agent, _mast("active"), "start", anew=True) == again
    pausing = _mast("activating", sub_state="auto-restart")
    assert restarting.commands(agent, pausing, "start") == again


@pytest.mark.parametrize(
    ("slug", "remedy", "expected"),
    [
        ("role-nologin", "Let it", "Let it; then: systemctl restart --no-block mast-agent"),
        ("variable-missing", "Set it", "Set it; then: systemctl restart --no-block mast"),
        ("lock-denied", f"Let the unit: {AGENT.format('restart')}", None),
        ("of another version", "Do it", "Do it; then: systemctl restart --no-block mast-agent"),
    ],
)
def test_after_a_final_failure(slug: str, remedy: str, expected: str | None) -> None:
    """Nobody tries again by itself: it says how to go on, unless it does so already."""
    found = restarting.after(slug, remedy, unit("failed", **_ENABLED), _mast("active"))
    assert found == (expected or remedy)


def test_interrupting() -> None:
    """What would end a run is known for it."""
    assert restarting.would_interrupt("Do: systemctl restart --no-block mast")
    assert not restarting.would_interrupt("Do: systemctl start ssh")
    assert restarting.is_under_way(unit("activating"))
    assert restarting.is_under_way(unit("inactive", job=True))
    assert not restarting.is_under_way(unit("active"))
    assert not restarting.is_under_way(None)
