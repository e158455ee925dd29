"""What a child hands back of its look at the database. Children are an integration test's."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.postgres.snapshot import Server, Snapshot
from mast_agent.status import asking
from unit import builders


def test_round_trip() -> None:
    """A snapshot comes back as it was, in all that it consists of."""
    full = Snapshot(
        identity=builders.identity(),
        applied=frozenset({3, 1, 20250601090000}),
        migrating=True,
        servers=(builders.server(key_id="k"), builders.server(name="é\u202e\0", host=None)),
        servers_locked=True,
    )
    empty = Snapshot(
        identity=builders.identity(system_identifier=None),
        applied=None,
        migrating=False,
        servers=None,
    )
    for snapshot in (full, empty):
        content = json.dumps({"snapshot": asking._document(snapshot)}).encode()  # noqa: SLF001 - the pair
        assert asking._decode(content) == snapshot  # noqa: SLF001 - as above
    assert {field.name for field in fields(Server)} <= set(vars(full.servers[0]))  # type: ignore[index]


def test_failures_come_back() -> None:
    """A failure is raised as it was: cause, words, code, and what else is known of it."""
    told = {
        "cause": "not-postgresql",
        "message": "m",
        "remedy": "r",
        "code": 78,
        "progress": "3 of 21",
        "cut_short": True,
    }
    with pytest.raises(Failure) as caught:
        asking._decode(json.dumps({"failure": told}).encode())  # noqa: SLF001 - as above
    failure = caught.value
    assert failure.cause is causes.NOT_POSTGRESQL
    assert (failure.message, failure.remedy, failure.code) == ("m", "r", Code.CONFIG)
    assert (failure.progress, failure.cut_short) == ("3 of 21", True)


def test_a_bug_is_a_bug() -> None:
    """What was no failure in the child is none in the parent."""
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        asking._decode(b'{"bug": "ZeroDivisionError: x"}')  # noqa: SLF001 - as above
