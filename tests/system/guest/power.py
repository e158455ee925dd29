"""Scenarios, boot after boot: look at what the last power cut left, then go to the next one.

Each leaves the facts of the recovery under the name of the cut that it recovers from.
"""

from __future__ import annotations

import time
from typing import Any

import inside


def in_eval() -> dict[str, Any]:
    """First boot: be cut while the bootstrap runs, before it has inserted anything."""
    inside.until(inside.evals, seconds=60, what="the eval")
    return _be_cut("in_eval")


def after_insert() -> dict[str, Any]:
    """Second boot: be cut when the row is there, before the bootstrap has reported it."""
    _recovered("recovered_in_eval")
    _forget({"MAST_REFERENCE_AFTER_INSERT_SLEEP": "60"})
    inside.must("systemctl", "start", "--no-block", "mast-agent")
    inside.until(inside.servers, seconds=60, what="a row in servers")
    return _be_cut("after_insert")


def at_record() -> dict[str, Any]:
    """Third boot: be cut at the record itself, for which the host watches from now on."""
    _recovered("recovered_after_insert")
    _forget({})
    inside.cue("at_record")
    inside.must("systemctl", "start", "--no-block", "mast-agent")
    return _be_cut("started")


def recovered_at_record() -> dict[str, Any]:
    """Fourth boot: nothing more happens to it."""
    return _facts()


def _facts() -> dict[str, Any]:
    return {
        "agent": inside.await_state("exited"),
        "servers": inside.servers(),
        "evals": inside.evals(),
        "record": inside.record(),
        "status": inside.status(),
    }


def _recovered(name: str) -> None:
    inside.leave(name, _facts())


def _forget(environment: dict[str, str | None]) -> None:
    """Make the machine one that was never enrolled."""
    inside.must("systemctl", "stop", "mast-agent")
    inside.psql("DELETE FROM servers; DELETE FROM private_keys")
    inside.RECORD.unlink()
    inside.EVALS.unlink()
    inside.write_environment(environment)


def _be_cut(name: str) -> dict[str, Any]:
    inside.cue(name)
    time.sleep(60)
    return {"error": "the power was not cut"}


if __name__ == "__main__":
    inside.main(in_eval, after_insert, at_record, recovered_at_record)
