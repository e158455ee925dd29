"""What the unit does when it fails, when it is stopped, and when it cannot be set up."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from support import pace

if TYPE_CHECKING:
    from system.conftest import Base

pytestmark = [pytest.mark.root, pytest.mark.slow(60)]

#: KillMode=mixed and the agent's own three seconds between SIGTERM and SIGKILL, and some.
STOP_SECONDS = 8


@pytest.fixture(scope="module")
def failing(debian_13: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of all failures."""
    with debian_13.machine(tmp_path_factory.mktemp("failing")) as machine:
        return machine.boot("failures.py", "failing")


@pytest.fixture(scope="module")
def stopping(debian_13: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of all stops."""
    with debian_13.machine(tmp_path_factory.mktemp("stopping")) as machine:
        return machine.boot("failures.py", "stopping")


def test_a_configuration_error_stops_at_once(failing: dict[str, Any]) -> None:
    """Code 78 is not tried again, and nobody learns cause and remedy, but not the value."""
    facts = failing["configuration"]
    assert facts["agent"]["ActiveState"] == "failed"
    assert facts["agent"]["ExecMainStatus"] == "78"
    assert facts["agent"]["NRestarts"] == "0"
    said = facts["status_nobody"]
    assert said["code"] == 1
    assert said["text"].startswith(
        "not enrolled: failed in the phase release, and not tried again\n"
    )
    assert "  cause       MAST_VAULT_KEY" in said["text"]
    assert "remedy" in said["text"]
    assert "canary-short-key" not in str(facts)


def test_a_transient_error_is_tried_again_with_growing_pauses(failing: dict[str, Any]) -> None:
    """Code 75 is started again and again, at growing distances, and status says so."""
    facts = failing["transient"]
    assert facts["agent"]["ExecMainStatus"] == "75"
    assert facts["status_nobody"]["code"] == 3
    pauses = facts["pauses"]
    assert len(pauses) == 5
    assert all(later > earlier - 0.3 for earlier, later in pairwise(pauses)), pauses
    assert pauses[-1] > 4 * pauses[0], pauses


def test_the_next_start_is_said(failing: dict[str, Any]) -> None:
    """Between two runs everybody is told when systemd begins the next one."""
    facts = failing["transient"]["next"]
    unit = facts["said"]["units"]["mast-agent.service"]
    assert unit["sub_state"] == "auto-restart", unit
    said = datetime.fromisoformat(unit["restart_at"]).timestamp()
    # It is said in whole seconds, and the pauses are of four.
    assert said - 2 < facts["came"], facts
    assert said > facts["came"] - 60, facts


def test_a_longer_timeout_than_the_units(failing: dict[str, Any]) -> None:
    """The agent extends TimeoutStartSec=, and ends by itself with the code of the cause."""
    assert failing["extended"]["TimeoutStartUSec"] == "9s"
    assert failing["extended"]["Result"] == "exit-code"
    assert failing["extended"]["ExecMainStatus"] == "69"


def test_the_shipped_pauses_grow_from_ten_seconds_to_ten_minutes(failing: dict[str, Any]) -> None:
    """The drop-in that the package installs on this systemd is in force."""
    assert failing["transient"]["shipped"] == {
        "RestartUSec": "10s",
        "RestartSteps": "8",
        "RestartMaxDelayUSec": "10min",
    }


@pytest.mark.parametrize(
    ("kind", "code", "word"),
    [("namespace", "226", "226/NAMESPACE"), ("credentials", "243", "243/CREDENTIALS")],
)
def test_systemd_s_own_failures_are_explained(
    failing: dict[str, Any], kind: str, code: str, word: str
) -> None:
    """What systemd could not set up is final, and status explains it to nobody."""
    facts = failing[kind]
    assert facts["agent"]["ExecMainStatus"] == code
    assert facts["agent"]["NRestarts"] == "0"
    assert facts["status_nobody"]["code"] == 1
    assert word in facts["status_nobody"]["text"]
    assert "remedy" in facts["status_nobody"]["text"]


def test_a_denied_system_call_is_a_named_error(failing: dict[str, Any]) -> None:
    """The filter answers with an error: code 70 names it, and nothing is killed by SIGSYS."""
    facts = failing["sandbox"]
    assert facts["agent"]["ExecMainStatus"] == "70"
    assert facts["agent"]["NRestarts"] == "0"
    assert "Operation not permitted" in facts["status_nobody"]["text"]
    assert facts["kernel"].strip() in {"", "-- No entries --"}


def test_the_reduced_sandbox_needs_no_namespace(failing: dict[str, Any]) -> None:
    """With lxc.conf the agent shares all namespaces of PID 1, and enrolls."""
    assert all(failing["reduced"]["shared"].values()), failing["reduced"]["shared"]
    assert failing["reduced"]["agent"]["SubState"] == "exited"


def _seconds(facts: dict[str, Any]) -> float:
    """Return how long a stop took, less what somebody on the machine had to wait for another."""
    before, after = map(pace.told, facts["pressure"])
    seconds: float = facts["seconds"]
    return seconds - (after - before)


@pytest.mark.parametrize("phase", ["database", "migrations", "enroll", "verify", "stubborn"])
def test_stopping_ends_everything_and_records_nothing(stopping: dict[str, Any], phase: str) -> None:
    """`systemctl stop` ends within the budget, with no process left and no record written."""
    facts = stopping[phase]
    assert f"{facts['expected']}: " in facts["shown"], "it was stopped in another phase"
    assert facts["before"]
    assert facts["code"] == 0
    assert _seconds(facts) < STOP_SECONDS
    assert facts["left"] == []
    assert facts["record"] is None
    assert facts["agent"]["SubState"] in {"dead", "failed"}
    assert facts["agent"]["StatusText"] == "stopped by SIGTERM"


def test_stopping_while_it_waits_takes_no_time(stopping: dict[str, Any]) -> None:
    """A waiting agent ends within half a second, the time of systemctl included."""
    assert _seconds(stopping["database"]) < 1.0
    assert _seconds(stopping["migrations"]) < 1.0


def test_stopping_the_eval_leaves_no_row(stopping: dict[str, Any]) -> None:
    """An eval that was stopped before it inserted anything has inserted nothing."""
    assert any("beam.smp" in line for line in stopping["enroll"]["before"])
    assert stopping["enroll"]["rows"] == []


def test_the_next_start_enrolls(stopping: dict[str, Any]) -> None:
    """After all those stops, one start ends enrolled, with one row and its record."""
    facts = stopping["afterwards"]
    assert facts["agent"]["SubState"] == "exited"
    assert len(facts["servers"]) == 1
    assert [facts["record"]["server"]["id"]] == facts["servers"]
