"""The power is cut around the eval: the next boot ends with one row and a whole record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from system.machine import RESULTS

if TYPE_CHECKING:
    from pathlib import Path

    from system.conftest import Base

pytestmark = pytest.mark.root

_ENV_FILE, _RECORD = "etc/mast.env", "var/lib/mast-agent/enrollment.json"


def _cut_and_boot(
    base: Base, directory: Path, scenario: str, pause: str
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """Cut the power at a point; return the record that was left, and the facts of the next boot.

    `pause` is a variable of the reference release that holds it at that point.
    """
    with base.machine(directory) as machine:
        environment = (machine.root / _ENV_FILE).read_text(encoding="utf-8")
        (machine.root / _ENV_FILE).write_text(environment + pause, encoding="utf-8")
        state = (machine.root / _RECORD).parent

        def cue() -> bool:
            if scenario == "at_record":
                return state.exists() and any(state.glob("*enrollment.json*"))
            return (machine.root / RESULTS / scenario).exists()

        machine.boot_and_cut_power("power.py", scenario, cue)
        record = machine.root / _RECORD
        left = json.loads(record.read_text(encoding="utf-8")) if record.exists() else None
        (machine.root / _ENV_FILE).write_text(environment, encoding="utf-8")
        return left, machine.boot("power.py", "afterwards")


def _assert_enrolled_once(facts: dict[str, Any]) -> None:
    assert facts["agent"]["SubState"] == "exited"
    assert len(facts["servers"]) == 1
    assert [facts["record"]["server"]["id"]] == facts["servers"]
    assert facts["status"]["code"] == 0


def test_during_the_eval(debian_13: Base, tmp_path: Path) -> None:
    """Before anything was inserted: nothing is recorded, and the next boot enrolls."""
    left, facts = _cut_and_boot(debian_13, tmp_path, "in_eval", "MAST_REFERENCE_EVAL_SLEEP=60\n")
    assert left is None
    assert facts["evals"] == 2
    _assert_enrolled_once(facts)


def test_between_insert_and_record(debian_13: Base, tmp_path: Path) -> None:
    """After the commit: nothing is recorded, and the next boot finds the row without an eval."""
    left, facts = _cut_and_boot(
        debian_13, tmp_path, "after_insert", "MAST_REFERENCE_AFTER_INSERT_SLEEP=60\n"
    )
    assert left is None
    assert facts["evals"] == 1
    _assert_enrolled_once(facts)


def test_while_the_record_is_written(debian_13: Base, tmp_path: Path) -> None:
    """At the record itself: it is whole or absent, and the next boot runs no eval."""
    left, facts = _cut_and_boot(debian_13, tmp_path, "at_record", "")
    assert left is None or [left["server"]["id"]] == facts["servers"]
    assert facts["evals"] == 1
    _assert_enrolled_once(facts)
