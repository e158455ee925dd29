"""What is said besides the verdict, and what gives reason to say it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from mast_agent.access.reach import Contact, Reach
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host.identity import Host
from mast_agent.status import remarks
from mast_agent.status.facts import Facts
from mast_agent.status.verdict import State, Verdict
from unit.builders import published, record, server, unit

if TYPE_CHECKING:
    from mast_agent.failures.cause import Cause

_HOST = Host(
    names=frozenset({"web1", "web1.example"}), addresses=frozenset({"192.0.2.7"}), machine="m"
)
_ENROLLED = Verdict(state=State.ENROLLED, summary="server 'web1'")
_PENDING = Verdict(state=State.PENDING, summary="never run", remedy="Start it")
_SILENT = Failure(causes.SSHD_SILENT, "Mast cannot log in: nothing listens at 127.0.0.1:22")
_ABSENT = Failure(causes.ACCESS_KEY_ABSENT, "no key")
_ACCESS = Failure(causes.ACCESS_UNIT_FAILED, "mast-agent-access.service: two keys")
_MAST = Failure(causes.MAST_FAILED, "mast.service has failed (exit-code, 1)")


def _facts(**special: Any) -> Facts:
    plain = {
        "published": None, "published_readable": True, "record": None, "record_readable": True,
        "agent_unit": None, "looked": False, "server": None, "failure": None, "now": 0.0,
    }  # fmt: skip
    return Facts(**{**plain, **special})


@pytest.mark.parametrize(
    ("special", "cause", "words"),
    [
        pytest.param(
            {"record": record(), "foreign": True}, causes.RECORD_FOREIGN,
            "another machine's (of 2026-01-02T03:04:05+00:00, server 'web1')", id="foreign",
        ),
        pytest.param(
            {"record": record(hostname="db1")}, causes.HOST_RENAMED,
            "enrolled as 'db1', and this host is called 'web1'", id="renamed",
        ),
        pytest.param(
            {"record": record(hostname="db1"), "server": server(name="other"), "looked": True},
            causes.HOST_RENAMED, "enrolled as 'db1'", id="renamed-and-the-row-as-well",
        ),
        pytest.param(
            {"mast_unit": unit("failed", name="mast.service", result="exit-code", exit_status=1)},
            causes.MAST_FAILED, "mast.service has failed (exit-code, 1)", id="mast",
        ),
        pytest.param(
            {"mast_unit": unit("failed", name="mast.service", exit_status=226)},
            causes.MAST_FAILED, "(226/NAMESPACE)", id="mast-without-a-sandbox",
        ),
        pytest.param(
            {"published": published("enrolled", problem="no space is left")},
            causes.RECORD_UNWRITABLE, "no space is left", id="unrecorded",
        ),
    ],
)  # fmt: skip
def test_found(special: dict[str, Any], cause: Cause, words: str) -> None:
    """Each reason is one concern, with a cause of its own and what to do."""
    (concern,) = remarks.find(_facts(**special), _HOST)
    assert concern.cause is cause
    assert words in concern.message
    assert concern.remedy


@pytest.mark.parametrize(
    "special",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"record": record(server_name="mast")}, id="of-an-older-agent"),
        pytest.param({"record": record(hostname="WEB1", server_name="mast")}, id="named-by-mast"),
        pytest.param(
            {"record": record(hostname="db1"), "server": server(), "looked": True},
            id="renamed-in-mast-too",
        ),
        pytest.param({"mast_unit": unit("active", name="mast.service")}, id="mast-runs"),
        pytest.param({"published": published("enrolled")}, id="recorded"),
    ],
)
def test_nothing_found(special: dict[str, Any]) -> None:
    """What is as it should be gives no reason to say anything."""
    assert remarks.find(_facts(**special), _HOST) == []


_UNCHECKED = Contact(reach=Reach.UNCHECKED)
_REACHED = Contact(reach=Reach.REACHED, seconds=5.0, since_key=True)


@pytest.mark.parametrize(
    ("concern", "unit_failure", "contact", "said"),
    [
        (None, None, _UNCHECKED, []),
        (_ABSENT, None, _UNCHECKED, ["no key"]),
        (_ABSENT, _ACCESS, _UNCHECKED, ["no key"]),
        (None, _ACCESS, _UNCHECKED, ["mast-agent-access.service: two keys"]),
        (None, _ACCESS, _REACHED, []),
    ],
)
def test_what_keeps_mast_out(
    concern: Any, unit_failure: Any, contact: Contact, said: list[str]
) -> None:
    """Why Mast cannot log in is said; else that the unit failed, unless Mast comes all the same."""
    found = remarks.keeps_out(concern, unit_failure, contact)
    assert [each.message for each in found] == said


@pytest.mark.parametrize(
    ("concern", "contact", "expected"),
    [
        (None, _REACHED, State.ENROLLED),
        # By a key that is not ours.
        (None, Contact(reach=Reach.REACHED, seconds=5.0), State.ENROLLED),
        (None, Contact(reach=Reach.REACHED, seconds=5.0, since_key=False), State.UNREACHED),
        (None, _UNCHECKED, State.UNREACHED),
        (None, Contact(reach=Reach.UNKNOWN), State.UNKNOWN),
        (_ABSENT, Contact(reach=Reach.UNKNOWN), State.UNREACHED),
        (_ABSENT, _REACHED, State.UNREACHED),
    ],
)
def test_managed(concern: Any, contact: Contact, expected: State) -> None:
    """Managed is what Mast has reached since its key was installed, and may reach on."""
    found = remarks.managed(_ENROLLED, concern, contact)
    assert found.state is expected
    told = "not reached this host since its key" in found.summary
    assert told is (expected is State.UNREACHED and concern is None)


def test_managed_is_asked_of_what_is_enrolled() -> None:
    """Another verdict stays as it is."""
    pending = replace(_ENROLLED, state=State.PENDING)
    assert remarks.managed(pending, _ABSENT, _UNCHECKED) is pending


def test_concerns_are_said_and_change_no_code() -> None:
    """All that goes with an enrollment stands in the first line, whose code stays 0."""
    said = remarks.relevant([_MAST, _SILENT], State.ENROLLED)
    changed = remarks.with_concerns(_ENROLLED, said)
    assert changed.state is State.ENROLLED
    assert changed.summary == f"server 'web1'; but {_MAST.message}; {_SILENT.message}"
    assert changed.remedy == Failure(causes.MAST_FAILED, "").remedy
    assert remarks.with_concerns(_ENROLLED, ()) == _ENROLLED


def test_concerns_leave_the_verdict_s_remedy() -> None:
    """A host that is not enrolled keeps its own remedy, and is not told of logging in."""
    said = remarks.relevant([_MAST, _SILENT], State.PENDING)
    changed = remarks.with_concerns(_PENDING, said)
    assert changed.state is State.PENDING
    assert changed.summary == f"never run; and {_MAST.message}"
    assert changed.remedy == "Start it"
    assert remarks.with_concerns(_PENDING, remarks.relevant([_SILENT], State.PENDING)) == _PENDING


@pytest.mark.parametrize(("state", "waits"), [("inactive", False), ("activating", True)])
def test_no_remedy_kills_a_run_that_is_at_work(state: str, *, waits: bool) -> None:
    """While one is, what would restart it says to wait; what lets it be stays."""
    kills = Failure(causes.REFUSED, "x", remedy="Then: systemctl restart --no-block mast-agent")
    spares = Failure(causes.REFUSED, "x", remedy="Then: systemctl start postgresql")
    first, second = remarks.patient([kills, spares], _facts(agent_unit=unit(state)))
    assert (first.remedy == "Wait for the run that is at work") is waits
    assert second.remedy == "Then: systemctl start postgresql"
