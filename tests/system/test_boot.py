"""The boot is never held up, and nobody is told "enrolled" before the run of this boot.

PostgreSQL is masked, the agent waits, and nobody waits for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from system.conftest import Base

pytestmark = [pytest.mark.root, pytest.mark.slow(60)]

_MASKED = "etc/systemd/system/postgresql.service"
_WANTS = "etc/systemd/system/mast.service.wants/mast-agent.service"


@pytest.fixture(scope="module")
def without(debian_13: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of a boot with PostgreSQL masked and the agent disabled."""
    with debian_13.machine(tmp_path_factory.mktemp("without")) as machine:
        machine.link(_MASKED, "/dev/null")
        (machine.root / _WANTS).unlink()
        return machine.boot("boot.py", "without_agent")


@pytest.fixture(scope="module")
def with_agent(debian_13: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of a boot with PostgreSQL masked and the agent enabled."""
    with debian_13.machine(tmp_path_factory.mktemp("with")) as machine:
        machine.link(_MASKED, "/dev/null")
        return machine.boot("boot.py", "with_agent")


@pytest.fixture(scope="module")
def again(debian_13: Base, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The facts of a boot of a machine that was enrolled, and whose row is gone."""
    with debian_13.machine(tmp_path_factory.mktemp("again")) as machine:
        machine.boot("boot.py", "lose_the_row")
        return machine.boot("boot.py", "before_the_run")


def test_multi_user_is_reached_as_fast(without: dict[str, Any], with_agent: dict[str, Any]) -> None:
    """multi-user.target follows mast.service, with a waiting agent as without it.

    Held up by it, the boot would take as long as the agent waits: five minutes.
    """
    assert without["agent"]["ActiveState"] == "inactive"
    assert with_agent["agent_at_boot"]["ActiveState"] == "activating"
    assert with_agent["boot"]["after_mast"] < without["boot"]["after_mast"] + 60
    assert with_agent["boot"]["total"] < without["boot"]["total"] + 60


def test_starting_mast_returns(with_agent: dict[str, Any]) -> None:
    """`systemctl start mast.service` ends while the agent goes on waiting."""
    assert with_agent["start_seconds"] < 60
    assert with_agent["waiting"]["ActiveState"] == "activating"


def test_a_shell_loop_would_hold_it_up(with_agent: dict[str, Any]) -> None:
    """A target that wants a unit with a loop is not reached; one that wants Mast is."""
    assert with_agent["loop"] == {
        "with-loop.target": "inactive",
        "with-mast.target": "active",
        "mast-agent.service": "activating",
    }


def test_systemctl_shows_the_phase_while_it_waits(with_agent: dict[str, Any]) -> None:
    """`systemctl status` and `mast-agent status` tell nobody what is waited for."""
    assert 'Status: "waiting: database: ' in with_agent["unit_status"]
    assert with_agent["status_nobody"]["code"] == 3
    assert with_agent["status_nobody"]["text"].startswith("not enrolled yet: waiting")
    assert "systemctl start postgresql" in with_agent["status_nobody"]["text"]


def test_it_enrolls_by_itself_when_the_database_comes(with_agent: dict[str, Any]) -> None:
    """Once PostgreSQL is unmasked and started, Mast comes up and the host is enrolled."""
    assert with_agent["in_the_end"]["SubState"] == "exited"
    assert len(with_agent["servers"]) == 1
    assert with_agent["mast"] == "active"


def test_waiting_is_logged_once_with_its_cause(with_agent: dict[str, Any]) -> None:
    """Many attempts with one cause are one entry of a run, with phase, cause and attempt."""
    waits = [entry for entry in with_agent["journal"] if "MAST_CAUSE" in entry]
    runs = [entry["_SYSTEMD_INVOCATION_ID"] for entry in waits]
    assert len(runs) == len(set(runs)) == 2, "one at the boot, one after Mast's restart"
    assert waits[0]["MAST_CAUSE"] == "refused"
    assert waits[0]["MAST_PHASE"] == "database"
    assert waits[0]["MAST_ATTEMPT"] == "1"
    assert waits[0]["PRIORITY"] == "5"


@pytest.mark.parametrize("when", ["early", "with_mast"])
def test_nothing_is_enrolled_before_the_run_of_this_boot(again: dict[str, Any], when: str) -> None:
    """Before the agent has run, the record of an earlier boot makes nobody's script go on."""
    for said in again[when]:
        assert said["code"] == 3, said
        assert said["text"].startswith("not enrolled yet: the agent is about to be started"), said
    assert "; was enrolled on 20" in again[when][0]["text"], again[when][0]
    (root, *_) = again[when]
    missing = "the database no longer has it" if when == "with_mast" else "not confirmed since"
    assert missing in root["text"], root


def test_the_run_of_this_boot_enrolls_again(again: dict[str, Any]) -> None:
    """Once it has run, everybody is told so, with the new row."""
    (server,) = again["servers"]
    for said in again["afterwards"]:
        assert said["code"] == 0, said
        assert server in said["text"], said


def test_the_word_of_the_present_run_has_an_age(again: dict[str, Any]) -> None:
    """With PostgreSQL down, what the run of this boot said still counts, as what it was."""
    for said in again["asleep"]:
        assert said["code"] == 0, said
        first = said["text"].splitlines()[0]
        assert "confirmed by the database when it was last asked, " in first, said
        assert first.split(";")[0].endswith(" ago"), said


def test_a_restart_is_no_confirmation(again: dict[str, Any]) -> None:
    """From the restart on, what the run before it has published counts for nothing."""
    for said in again["restarted"] + again["waiting"]:
        assert said["code"] == 3, said
        assert said["text"].startswith("not enrolled yet: "), said


def test_a_hidden_process_is_known_to_systemd(again: dict[str, Any]) -> None:
    """Who sees no processes of others is told what the agent does, not that it was interrupted."""
    hidden = again["waiting"][2]
    assert hidden["text"].startswith("not enrolled yet: waiting for the database"), hidden
    assert "cannot be told" not in hidden["text"], hidden


def test_without_the_bus(again: dict[str, Any]) -> None:
    """The link that systemd keeps for journald tells whose word the published status is."""
    for said in again["in_the_end"]:
        assert said["code"] == 0, said
    assert "units       unknown: systemd does not answer" in again["in_the_end"][2]["text"]


def test_what_follows_is_said_on_the_first_line(again: dict[str, Any]) -> None:
    """A failed Mast, a failed access unit, and the name of a copy: enrolled, and what to see to."""
    root, nobody = (said["text"].splitlines()[0] for said in again["spoilt"])
    assert [said["code"] for said in again["spoilt"]] == [0, 0]
    for line in (root, nobody):
        assert "; but " in line, line
        assert "mast.service has failed (exit-code)" in line, line
        assert "mast-agent-access.service: " in line, line
    assert "it was enrolled as 'guest', and this host is called 'copy'" in root, root
