"""`mast-agent status`: how long it waits for Mast's key, and what a failed access unit adds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from mast_agent.access import access
from mast_agent.access.access import Access, Login
from mast_agent.access.reach import UNKNOWN, Contact, Reach
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host.deadline import Deadline
from mast_agent.report.login_report import LoginReport
from mast_agent.report.record import Key
from mast_agent.status import status, waiting
from mast_agent.status.facts import Facts
from mast_agent.status.verdict import State
from unit import builders
from unit.builders import unit

if TYPE_CHECKING:
    from collections.abc import Callable

_ABSENT = Failure(causes.ACCESS_KEY_ABSENT, "no key of Mast's is installed")
_NOTHING: Any = None


def _seen(*problems: Failure) -> Access:
    return Access(
        login=Login(host="127.0.0.1", port=22, user="mast-managed"),
        user_exists=True,
        key="absent" if problems else "installed",
        listening=True,
        problems=problems,
    )


def _facts(**special: Any) -> Facts:
    plain = {
        "published": None, "published_readable": True, "record": None, "record_readable": True,
        "agent_unit": None, "looked": False, "server": None, "failure": None, "now": 0.0,
    }  # fmt: skip
    return Facts(**{**plain, **special})


def _status(
    *problems: Failure,
    state: State = State.ENROLLED,
    wanted: bool = True,
    active: str = "inactive",
    looked: bool = True,
    contact: Contact = UNKNOWN,
    login: LoginReport | None = None,
) -> Any:
    """Make what `wait` looks at of a status."""
    return SimpleNamespace(
        facts=SimpleNamespace(looked=looked),
        contact=contact,
        login=login,
        verdict=SimpleNamespace(state=state),
        access=_seen(*problems),
        access_wanted=wanted,
        access_unit=unit(active, name="mast-agent-access.service"),
    )


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, float]]:
    """Let `wait` see these statuses, the last one for ever; return its result and seconds."""

    def run(*statuses: Any, timeout: float = 60, managed: bool = False) -> tuple[Any, float]:
        now, left = [1000.0], list(statuses)
        monkeypatch.setattr("mast_agent.host.deadline.time.monotonic", lambda: now[0])
        monkeypatch.setattr(
            "mast_agent.status.waiting.time.sleep",
            lambda seconds: now.__setitem__(0, now[0] + seconds),
        )
        monkeypatch.setattr(
            status, "collect", lambda *_, **__: left.pop(0) if len(left) > 1 else left[0]
        )
        found = waiting.wait(_NOTHING, None, Deadline(timeout), managed=managed)
        return found, now[0] - 1000

    return run


def test_waits_for_the_key_that_follows(wait: Callable[..., tuple[Any, float]]) -> None:
    """An enrollment is not the end where the key comes a moment later."""
    done = _status()
    assert wait(_status(state=State.PENDING), _status(_ABSENT), done) == (done, 2)


def test_does_not_wait_for_the_key_for_ever(wait: Callable[..., tuple[Any, float]]) -> None:
    """A key that does not come is waited for as long as promised, and no longer."""
    missing = _status(_ABSENT)
    assert wait(missing) == (missing, waiting.ACCESS_SECONDS)
    assert wait(missing, timeout=3) == (missing, 3)


def test_last_look_tells_no_less(wait: Callable[..., tuple[Any, float]]) -> None:
    """What the last look had no time for is taken from the one before it."""
    pending, short = _status(state=State.PENDING), _status(state=State.PENDING, looked=False)
    assert wait(pending, short, timeout=1) == (pending, 1)
    assert wait(short, pending, timeout=1) == (pending, 1)
    assert wait(short, short, timeout=1) == (short, 1)


@pytest.mark.parametrize(
    "final",
    [
        _status(_ABSENT, wanted=False),
        _status(_ABSENT, active="failed"),
        _status(),
        _status(_ABSENT, state=State.FAILED),
    ],
    ids=["not wanted", "unit has failed", "nothing missing", "not enrolled"],
)
def test_does_not_wait_in_vain(wait: Callable[..., tuple[Any, float]], final: Any) -> None:
    """Where nothing more is to come, the first look is the last."""
    assert wait(final) == (final, 0)


_KEPT_OUT = LoginReport(
    user="mast-managed", host="127.0.0.1", port=22, tried=True,
    problems=(Failure(causes.LOGIN_REFUSED, "no"),),
)  # fmt: skip


def test_waits_until_mast_has_come(wait: Callable[..., tuple[Any, float]]) -> None:
    """Whoever asks for more waits until Mast has reached the host, however long that takes."""
    unchecked = _status(state=State.UNREACHED, contact=Contact(reach=Reach.UNCHECKED))
    done = _status()
    assert wait(*[unchecked] * 30, done, managed=True) == (done, 30)
    assert wait(unchecked, timeout=45, managed=True) == (unchecked, 45)


@pytest.mark.parametrize(
    ("final", "seconds"),
    [
        (_status(state=State.UNREACHED, contact=Contact(reach=Reach.LOST)), 45),
        (
            _status(state=State.UNREACHED, login=_KEPT_OUT, contact=Contact(reach=Reach.UNCHECKED)),
            45,
        ),
        (_status(_ABSENT, state=State.UNREACHED), 10),
        (_status(state=State.UNKNOWN), 10),
        (_status(state=State.UNREACHED, active="failed"), 0),
        (_status(state=State.STALE), 0),
    ],
    ids=["lost", "kept out", "no key", "unknown", "unit has failed", "stale"],
)
def test_does_not_wait_for_mast_in_vain(
    wait: Callable[..., tuple[Any, float]], final: Any, seconds: float
) -> None:
    """Where Mast is known not to come it is given one more check, and no more."""
    assert wait(final, managed=True) == (final, seconds)


@pytest.mark.parametrize(
    ("special", "words"),
    [
        ({"exit_status": 226}, "226/NAMESPACE"),
        ({"exit_status": 78, "status_text": "failed: access: two keys"}, "two keys"),
    ],
)
def test_failed_unit_says_why(
    monkeypatch: pytest.MonkeyPatch, special: dict[str, Any], words: str
) -> None:
    """What keeps Mast out is first of all why the unit failed that should let it in."""
    monkeypatch.setattr(access, "look", lambda *_: _seen(_ABSENT))
    found = status._access(_NOTHING, _facts(), unit("failed", **special), {})  # noqa: SLF001
    assert found.failure is not None
    assert found.failure.cause is causes.ACCESS_UNIT_FAILED
    assert words in found.failure.message
    assert found.problems[1:] == (_ABSENT,)


@pytest.mark.parametrize(
    ("problems", "found"),
    [
        ((), unit("failed", exit_status=226)),
        ((_ABSENT,), unit("inactive")),
        ((_ABSENT,), None),
    ],
    ids=["Mast can log in", "not failed", "no systemd"],
)
def test_unit_that_says_nothing_new(
    monkeypatch: pytest.MonkeyPatch, problems: tuple[Failure, ...], found: Any
) -> None:
    """Otherwise what was seen stands."""
    monkeypatch.setattr(access, "look", lambda *_: _seen(*problems))
    assert status._access(_NOTHING, _facts(), found, {}).problems == problems  # noqa: SLF001


@pytest.mark.parametrize(
    ("key_id", "record_", "replaced"),
    [
        ("k1", {}, False),
        ("k2", {}, True),
        ("k2", {"key": None}, False),
        ("k2", {"server_id": "another"}, False),
        ("k2", {"foreign": True}, False),
    ],
)
def test_other_key(
    monkeypatch: pytest.MonkeyPatch, *, key_id: str, record_: dict[str, Any], replaced: bool
) -> None:
    """A row that has been given another key than the recorded one keeps Mast out."""
    monkeypatch.setattr(access, "look", lambda *_: _seen())
    special = {"key": Key(id="k1", public=builders.PUBLIC_KEY), **record_}
    foreign = special.pop("foreign", False)
    facts = _facts(
        looked=True, server=builders.server(key_id=key_id), foreign=foreign,
        record=builders.record(**special),
    )  # fmt: skip
    problems = status._access(_NOTHING, facts, unit("inactive"), {}).problems  # noqa: SLF001
    assert [each.cause for each in problems] == [causes.ACCESS_KEY_REPLACED] * replaced
