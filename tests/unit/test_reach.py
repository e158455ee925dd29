"""Whether Mast reaches this host, from the row and from what root has found."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from mast_agent.access import reach
from mast_agent.access.reach import Contact, Reach
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.report.login_report import LoginReport
from unit import builders

SILENT = Failure(causes.SSHD_SILENT, "nothing listens", remedy="Start it")
REFUSED = Failure(causes.LOGIN_REFUSED, "a login fails", remedy="Look")


def _server(seconds: float | None, *, tells: bool = True) -> Any:
    return builders.server(seen_seconds=seconds, tells_contact=tells)


def _report(seconds_ago: float, *problems: Failure, tried: bool = True) -> LoginReport:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=seconds_ago)
    return LoginReport(
        user="mast-managed", host="127.0.0.1", port=22, tried=tried, problems=problems,
        at=at.isoformat(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "key", "mast", "expected"),
    [
        (12.0, 600.0, 600.0, Reach.REACHED),
        (12.0, None, None, Reach.REACHED),
        (None, 600.0, 600.0, Reach.LOST),
        (7200.0, 600.0, 600.0, Reach.LOST),
        # It has not had the time: Mast, or the key, is new, or Mast does not run.
        (None, 600.0, 30.0, Reach.UNCHECKED),
        (None, 30.0, 600.0, Reach.UNCHECKED),
        (7200.0, 600.0, None, Reach.UNCHECKED),
        (None, None, 600.0, Reach.UNCHECKED),
    ],
)
def test_judge(seen: float | None, key: float | None, mast: float | None, expected: Reach) -> None:
    """It is the age of the last visit that tells, and the time that Mast has had for one."""
    contact = reach.judge(_server(seen), key_seconds=key, mast_seconds=mast)
    assert (contact.reach, contact.seconds) == (expected, seen)


@pytest.mark.parametrize(
    ("seen", "key", "expected"),
    [(12.0, 600.0, True), (12.0, 5.0, False), (12.0, None, None), (None, 600.0, False)],
)
def test_since_the_key(seen: float | None, key: float | None, *, expected: bool | None) -> None:
    """A visit from before the key was installed proves nothing of it."""
    contact = reach.judge(_server(seen), key_seconds=key, mast_seconds=600.0)
    assert contact.since_key is expected


def test_unknown() -> None:
    """Without an answer, or with a schema that has no such columns, nothing is claimed."""
    for server in (None, _server(None, tells=False)):
        contact = reach.judge(server, key_seconds=600.0, mast_seconds=600.0)
        assert contact.reach is Reach.UNKNOWN


def test_nothing_to_say() -> None:
    """A host that Mast reaches, or has not had the time to reach, is no concern."""
    for kind in (Reach.REACHED, Reach.UNCHECKED, Reach.UNKNOWN):
        assert reach.concern(Contact(reach=kind, seconds=10.0), None, ()) is None
        assert reach.concern(Contact(reach=kind, seconds=10.0), _report(99), ()) is None


def test_what_root_found_counts_until_mast_comes() -> None:
    """A visit that is younger than the trial outdates it; an older one does not."""
    report = _report(60, REFUSED)
    assert reach.concern(Contact(reach=Reach.REACHED, seconds=10.0), report, ()) is None
    found = reach.concern(Contact(reach=Reach.REACHED, seconds=90.0), report, ())
    assert found is not None
    assert (found.cause, found.message) == (
        causes.LOGIN_REFUSED,
        "Mast cannot log in: a login fails",
    )


def test_what_can_be_seen_counts_in_any_case() -> None:
    """A key that is gone just now keeps Mast out, whatever was before."""
    found = reach.concern(Contact(reach=Reach.REACHED, seconds=1.0), _report(9), (SILENT,))
    assert found is not None
    assert (found.cause, found.remedy) == (causes.SSHD_SILENT, "Start it")


@pytest.mark.parametrize(
    ("report", "seen", "cause", "said"),
    [
        (None, (), "mast-stays-away", "does not reach this host"),
        (_report(60), (), "mast-stays-away", "although a login with a key of its own works"),
        (_report(60, REFUSED), (), "login-refused", "does not reach this host: a login fails"),
        (_report(60, REFUSED), (SILENT,), "sshd-silent", "this host: nothing listens"),
    ],
)
def test_lost(report: LoginReport | None, seen: tuple[Failure, ...], cause: str, said: str) -> None:
    """Where Mast had the time and did not come, that is said, with why as far as it is known."""
    found = reach.concern(Contact(reach=Reach.LOST, seconds=7200.0), report, seen)
    assert found is not None
    assert found.cause.slug == cause
    assert said in found.message
    assert found.remedy
