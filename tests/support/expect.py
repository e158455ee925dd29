"""What a failure has to look like, wherever it happens: asserted in one place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.canaries import CANARIES

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.agent import Agent, Result
    from support.swarm import Outcome


def assert_no_secret(text: str, *more: str) -> None:
    """Assert that none of the canaries, nor of `more`, stands in `text`."""
    for canary in (*CANARIES, *more):
        assert canary not in text, f"{canary} is shown in:\n{text}"


def assert_failed(
    agent: Agent, result: Result | Outcome, *, code: int, cause: str, phase: str, remedy: str = ""
) -> dict[str, Any]:
    """Assert that `enroll` ended so, says so without a secret, and published the same.

    `remedy` is a part of the remedy. Returns what was published.
    """
    assert result.code == code, result
    assert f"[{cause}, exit {code}]" in result.stderr, result
    assert "Traceback" not in result.stderr, result
    assert_no_secret(result.stdout + result.stderr)
    published = agent.published()
    assert published["state"] == "failed", (published, str(result))
    assert published["phase"] == phase, (published, str(result))
    error = published["error"]
    assert (error["cause"], error["code"]) == (cause, code), (error, str(result))
    assert error["message"], error
    assert remedy in error["remedy"], error
    assert error["remedy"], error
    assert_no_secret(json.dumps(published))
    return published


def assert_enrolled(agent: Agent, result: Result | Outcome, server_id: str) -> None:
    """Assert that `enroll` ended with 0, and that record and published status name that row."""
    assert result.code == 0, result
    assert "Traceback" not in result.stderr, result
    assert_no_secret(result.stdout + result.stderr)
    assert agent.record()["server"]["id"] == server_id, (agent.record(), str(result))
    assert agent.published()["server"]["id"] == server_id, (agent.published(), str(result))


def waits_for(cause: str, progress: int | None = None) -> Callable[[dict[str, Any]], bool]:
    """Return a test of the published status: it waits for `cause`, at that many migrations."""

    def is_so(status: dict[str, Any]) -> bool:
        return (
            status["state"] == "waiting"
            and status["error"]["cause"] == cause
            and (progress is None or status["migrations"]["applied"] == progress)
        )

    return is_so
