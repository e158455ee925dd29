"""What ends a wait early: which failures are watched, and where."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from mast_agent.enroll.doorbell import Doorbell
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host.deadline import Deadline
from unit.builders import target

if TYPE_CHECKING:
    from mast_agent.failures.cause import Cause


@pytest.mark.parametrize(
    ("host", "cause", "watched"),
    [
        ("127.0.0.1", causes.REFUSED, True),
        (None, causes.SOCKET_MISSING, True),
        ("192.0.2.1", causes.REFUSED, False),
        ("db.example.org", causes.REFUSED, False),
        ("192.0.2.1", causes.MIGRATIONS_PENDING, True),
        ("192.0.2.1", causes.MIGRATIONS_RUNNING, True),
        ("127.0.0.1", causes.STARTING, False),
        ("127.0.0.1", causes.WRONG_PASSWORD, False),
        ("127.0.0.1", causes.TOO_MANY_CONNECTIONS, False),
    ],
)
def test_what_is_watched(host: str | None, cause: Cause, *, watched: bool) -> None:
    """A server elsewhere is left to full jitter, and what has to be asked seldom to `retry`."""
    directory = None if host else "/run/postgresql"
    where = dataclasses.replace(target(), host=host, socket_directory=directory)
    assert Doorbell(where, Deadline(60), frozenset({1})).watches(Failure(cause, "")) == watched
