"""Scenarios: wait for the point at which the power is cut, and look at the machine afterwards."""

from __future__ import annotations

import time
from typing import Any

import inside


def in_eval() -> dict[str, Any]:
    """Tell when the bootstrap has started, before it has inserted anything."""
    inside.until(inside.evals, seconds=60, what="the eval")
    inside.cue("in_eval")
    return _be_cut()


def after_insert() -> dict[str, Any]:
    """Tell when the row is there, before the bootstrap has reported it."""
    inside.until(inside.evals, seconds=60, what="the eval")
    inside.until(inside.servers, seconds=60, what="a row in servers")
    inside.cue("after_insert")
    return _be_cut()


def at_record() -> dict[str, Any]:
    """Do nothing: the host watches for the record itself."""
    return _be_cut()


def afterwards() -> dict[str, Any]:
    """Look at what the next boot has made of it."""
    return {
        "agent": inside.await_state("exited"),
        "servers": inside.servers(),
        "evals": inside.evals(),
        "record": inside.record(),
        "status": inside.status(),
    }


def _be_cut() -> dict[str, Any]:
    time.sleep(60)
    return {"error": "the power was not cut"}


if __name__ == "__main__":
    inside.main(in_eval, after_insert, at_record, afterwards)
