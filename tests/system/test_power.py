"""The power is cut at three points around the eval: one row, and a record whole or absent."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from system.machine import RESULTS

if TYPE_CHECKING:
    from system.conftest import Base
    from system.machine import Machine

pytestmark = [pytest.mark.root, pytest.mark.slow(40)]

_ENV_FILE, _RECORD = "etc/mast.env", "var/lib/mast-agent/enrollment.json"
#: Holds the reference release at the first point; later boots do that for themselves.
_PAUSE = "MAST_REFERENCE_EVAL_SLEEP=60\n"


@pytest.fixture(scope="module")
def cuts(
    debian_13: Base, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Any, dict[str, Any]]]:
    """The record that each cut has left, and the facts of the boot after it."""
    left = {}
    with debian_13.machine(tmp_path_factory.mktemp("power")) as machine:
        environment = machine.root / _ENV_FILE
        plain = environment.read_text(encoding="utf-8")
        environment.write_text(plain + _PAUSE, encoding="utf-8")
        for point in ("in_eval", "after_insert", "at_record"):
            machine.boot_and_cut_power("power.py", point, partial(_reached, machine, point))
            left[point] = _record(machine)
            environment.write_text(plain, encoding="utf-8")
        machine.boot("power.py", "recovered_at_record")
        return {point: (left[point], machine.facts(f"recovered_{point}")) for point in left}


def _reached(machine: Machine, point: str) -> bool:
    """Tell whether the machine is at the point; at the record, a first byte of it is enough."""
    if not (machine.root / RESULTS / point).exists():
        return False
    directory = (machine.root / _RECORD).parent
    return point != "at_record" or any(directory.glob("*enrollment.json*"))


def _record(machine: Machine) -> Any:
    """Return the record as JSON, None when there is none; half a record is an error."""
    path = machine.root / _RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _assert_enrolled_once(facts: dict[str, Any]) -> None:
    assert facts["agent"]["SubState"] == "exited"
    assert len(facts["servers"]) == 1
    assert [facts["record"]["server"]["id"]] == facts["servers"]
    assert facts["status"]["code"] == 0


def test_during_the_eval(cuts: dict[str, tuple[Any, dict[str, Any]]]) -> None:
    """Before anything was inserted: nothing is recorded, and the next boot runs the eval."""
    left, facts = cuts["in_eval"]
    assert left is None
    assert facts["evals"] == 2
    _assert_enrolled_once(facts)


def test_between_insert_and_record(cuts: dict[str, tuple[Any, dict[str, Any]]]) -> None:
    """After the commit: the next boot finds the row, and asks Mast once more for its key alone.

    Without access (MAST_AGENT_ACCESS=no) there is no second eval: tests/integration shows it.
    """
    left, facts = cuts["after_insert"]
    assert left is None
    assert facts["evals"] == 2
    assert facts["record"]["key"]["public"].startswith("ssh-ed25519 ")
    _assert_enrolled_once(facts)


def test_while_the_record_is_written(cuts: dict[str, tuple[Any, dict[str, Any]]]) -> None:
    """At the record itself: it is whole or absent, and the next boot runs no eval for a row."""
    left, facts = cuts["at_record"]
    assert left is None or [left["server"]["id"]] == facts["servers"]
    # Whole: nothing to be asked. Absent: the key may have to be, which was in it.
    assert facts["evals"] in ({1} if left is not None else {1, 2})
    _assert_enrolled_once(facts)
