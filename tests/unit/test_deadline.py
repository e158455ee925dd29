"""The deadline: monotonic, and never below zero."""

from __future__ import annotations

import time

import pytest
from mast_agent.host.deadline import Deadline


def test_counts_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left shrinks with monotonic time, down to zero and no further."""
    now = [1000.0]
    monkeypatch.setattr("mast_agent.host.deadline.time.monotonic", lambda: now[0])
    deadline = Deadline(10)
    assert deadline.remaining() == 10
    now[0] += 4
    assert deadline.remaining() == 6
    assert deadline.within(5) == 5
    assert deadline.within(7) == 6
    now[0] += 100
    assert deadline.remaining() == 0
    assert deadline.within(5) == 0


@pytest.mark.parametrize("jump", [-366 * 86400, 366 * 86400])
def test_wall_clock_jumps(monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    """A wall clock that jumps by a year, either way, changes nothing."""
    deadline = Deadline(10)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    monkeypatch.setattr(time, "time_ns", lambda: int((real() + jump) * 1e9))
    assert 9 < deadline.remaining() <= 10
