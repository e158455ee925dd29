"""The table of causes: complete, unambiguous, and as documented."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest
from mast_agent.failures import causes
from mast_agent.failures.cause import FINAL_CODES, Cause, Code, Phase, RetryPolicy
from mast_agent.failures.causes import CAUSES
from mast_agent.failures.failure import Failure
from mast_agent.host.units import SETUP_FAILURES

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"
each = pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES.keys())

# What the reference calls each retry policy.
PATIENCE = {
    RetryPolicy.NONE: "stops at once",
    RetryPolicy.GRACE: "grace of 30 s",
    RetryPolicy.RETRY: "retried",
    RetryPolicy.EVALS: "five evals",
    RetryPolicy.CROWDED: "retried seldom",
}


def test_each_has_a_name() -> None:
    """Each cause of the module is in the table, once, under its own slug."""
    named = {name: value for name, value in vars(causes).items() if isinstance(value, Cause)}
    assert len(named) == len(CAUSES) > 50
    for name, cause in named.items():
        assert CAUSES[cause.slug] is cause
        assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cause.slug), name


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room(number: int) -> None:
    """That there is no room passes; whatever else keeps a file from being made does not."""
    full = causes.unless_full(causes.LOCK_DENIED, OSError(number, "x"))
    assert full is causes.DISK_FULL
    denied = causes.unless_full(causes.LOCK_DENIED, OSError(errno.EACCES, "x"))
    assert denied is causes.LOCK_DENIED


@each
def test_code(cause: Cause) -> None:
    """A cause has a failure's code, and one that is waited for is retried by systemd too."""
    assert cause.code in {1, 69, 70, 75, 77, 78}
    if cause.retry_policy in (RetryPolicy.RETRY, RetryPolicy.EVALS, RetryPolicy.CROWDED):
        assert cause.code not in FINAL_CODES
    if cause.escalates_to is not None:
        assert cause.retry_policy is RetryPolicy.GRACE
        assert cause.escalates_to == Code.CONFIG
    if cause.retry_policy is RetryPolicy.GRACE:
        assert Code.CONFIG in (cause.code, cause.escalates_to)


@each
def test_remedy(cause: Cause) -> None:
    """A remedy is one sentence that tells somebody to do something, ready for a full stop."""
    for sentence in filter(None, (cause.remedy, cause.otherwise, cause.nixos)):
        assert re.match(r"[A-Z]", sentence)
        assert not sentence.endswith((".", " ", ":"))
        assert "\n" not in sentence
        assert not re.search(r"[a-z]\. [A-Z]", sentence)
        # Without the commands, which are as long as the names in them.
        assert len(sentence) <= 110


def test_codes_do_not_clash_with_systemd() -> None:
    """No code of the agent's is one that systemd uses for what it could not set up."""
    assert not {int(code) for code in Code} & set(SETUP_FAILURES)


def test_documented() -> None:
    """The reference lists exactly these causes, with phase, code, retry policy and a meaning."""
    rows = re.findall(
        r"^\| `([a-z0-9-]+)` \| (\w+) \| (\d+) \| ([^|]+) \| ([^|]+) \|$",
        REFERENCE.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    documented = {slug: (phase, int(code), policy) for slug, phase, code, policy, _ in rows}
    assert documented == {
        cause.slug: (str(cause.phase), int(cause.code), PATIENCE[cause.retry_policy])
        for cause in CAUSES.values()
    }
    assert len(rows) == len(documented)
    settled = {slug for slug, *_, meaning in rows if "78 once the grace is over" in meaning}
    assert settled == {cause.slug for cause in CAUSES.values() if cause.escalates_to is not None}


def test_failure() -> None:
    """A failure is one line with phase, what was seen, and the remedy of its cause or its own."""
    failure = Failure(causes.REFUSED, "nothing listens")
    assert str(failure) == f"database: nothing listens. {failure.remedy}"
    assert Failure(causes.REFUSED, "x", remedy="Do this").remedy == "Do this"


def test_escalated() -> None:
    """A failure that is believed has another code where its cause says so, and else its own."""
    settling, staying = Failure(causes.NOT_POSTGRESQL, "x"), Failure(causes.WRONG_PASSWORD, "x")
    assert (settling.escalated().code, staying.escalated().code) == (78, 78)
    assert (settling.code, staying.code) == (69, 78)


def test_what_becomes_known_makes_another_failure() -> None:
    """All else of it stays, and so does the first."""
    first = Failure(
        causes.NOT_POSTGRESQL,
        "x",
        known={"place": "here"},
        progress="3 of 21",
        cut_short=True,
        phase=Phase.VERIFY,
    )
    for other in (
        first.knowing({"place": "there", "role": "mast"}),
        first.escalated(),
        first.with_remedy("Do this"),
    ):
        assert other is not first
        for name in ("cause", "message", "progress", "cut_short", "phase"):
            assert getattr(other, name) == getattr(first, name), name
    known = first.knowing({"place": "there", "role": "mast"}).escalated().with_remedy("Do this")
    assert (known.known, known.code) == ({"place": "here", "role": "mast"}, 78)
    assert known.remedy == known.own_remedy == "Do this"
    assert (first.known, first.code, first.own_remedy) == ({"place": "here"}, 69, None)
