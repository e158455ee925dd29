"""The migrations of the release against those of the database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.postgres import migrations

WANTED = frozenset({1, 2, 3, 4})


def _refusal(applied: frozenset[int] | None, *, migrating: bool = False) -> Failure:
    with pytest.raises(Failure) as caught:
        migrations.require_complete(WANTED, applied, migrating=migrating)
    return caught.value


@pytest.mark.parametrize("migrating", [False, True])
def test_complete(*, migrating: bool) -> None:
    """With exactly the wanted versions applied there is nothing to wait for."""
    migrations.require_complete(WANTED, WANTED, migrating=migrating)


@pytest.mark.parametrize(
    ("applied", "count"),
    [
        pytest.param(None, "0 of 4", id="no-table"),
        pytest.param(frozenset(), "0 of 4", id="none"),
        pytest.param(frozenset({1, 2}), "2 of 4", id="half"),
        pytest.param(frozenset({1, 2, 4}), "3 of 4", id="gap"),
    ],
)
def test_pending(applied: frozenset[int] | None, count: str) -> None:
    """With some missing, a gap included, it says n of m and waits."""
    failure = _refusal(applied)
    assert failure.cause is causes.MIGRATIONS_PENDING
    assert failure.code == Code.TEMPFAIL
    assert failure.progress == count
    assert failure.message.startswith(count)
    assert ("no table" in failure.message) is (applied is None)


def test_running() -> None:
    """While Ecto's lock is held, it says that a migration is running."""
    failure = _refusal(frozenset({1}), migrating=True)
    assert failure.cause is causes.MIGRATIONS_RUNNING
    assert failure.code == Code.TEMPFAIL
    assert failure.progress == "1 of 4"


@pytest.mark.parametrize("applied", [WANTED | {9}, frozenset({1, 9})])
@pytest.mark.parametrize("migrating", [False, True])
def test_ahead(applied: frozenset[int], *, migrating: bool) -> None:
    """A version that the release does not know ends with 78 and its name, whatever is missing."""
    failure = _refusal(applied, migrating=migrating)
    assert failure.cause is causes.SCHEMA_AHEAD
    assert failure.code == Code.CONFIG
    assert "version 9" in failure.message


def test_far_ahead() -> None:
    """Of many unknown versions the first are named, and the rest counted."""
    message = _refusal(WANTED | frozenset(range(100, 120))).message
    assert "versions 100, 101, 102, 103, 104, and 15 more" in message


@pytest.mark.parametrize("migrating", [False, True])
def test_retired(*, migrating: bool) -> None:
    """A version that is older than every file is no downgrade: it goes on, and can say so."""
    applied = frozenset({10, 20, 3, 7})
    wanted = frozenset({10, 20})
    migrations.require_complete(wanted, applied, migrating=migrating)
    assert migrations.retired(wanted, applied) == {3, 7}
    assert "versions 3, 7" in migrations.say_retired(migrations.retired(wanted, applied))
    assert migrations.retired(wanted, None) == migrations.retired(wanted, wanted) == frozenset()


@pytest.mark.parametrize("strange", [15, 30])
def test_retired_excuses_no_other(strange: int) -> None:
    """A version between the files, or after them, is one that the release does not know."""
    with pytest.raises(Failure) as caught:
        migrations.require_complete(
            frozenset({10, 20}), frozenset({3, 10, 20, strange}), migrating=False
        )
    assert caught.value.cause is causes.SCHEMA_AHEAD
    assert f"version {strange}" in caught.value.message
    assert "3" not in caught.value.message.replace("30", "")


def test_retired_counts_for_nothing() -> None:
    """Of the wanted ones all have to be applied, whatever was there before them."""
    with pytest.raises(Failure) as caught:
        migrations.require_complete(frozenset({10, 20}), frozenset({3, 10}), migrating=False)
    assert caught.value.cause is causes.MIGRATIONS_PENDING
    assert caught.value.progress == "1 of 2"


_SETS = st.frozensets(st.integers(1, 8))


@given(wanted=_SETS, applied=st.one_of(st.none(), _SETS))
def test_progress(wanted: frozenset[int], applied: frozenset[int] | None) -> None:
    """The count is of wanted versions alone, so that n never exceeds m."""
    count = migrations.progress(wanted, applied)
    assert count.total == len(wanted)
    assert count.applied == sum(version in (applied or ()) for version in wanted)
    assert str(count) == f"{count.applied} of {count.total}"


@given(wanted=_SETS.filter(bool), applied=_SETS)
def test_only_equal_sets_pass(wanted: frozenset[int], applied: frozenset[int]) -> None:
    """It passes for equal sets, older versions aside, and for no others."""
    passed = True
    try:
        migrations.require_complete(wanted, applied, migrating=False)
    except Failure:
        passed = False
    newer = {version for version in applied if version >= min(wanted)}
    assert passed is (wanted == newer)
