"""The grace: what looks permanent is borne for 30 s, with few attempts, and then believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.expect import assert_failed
from support.network import http_responder
from support.swarm import Outcome, run_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(10)

GRACE_SECONDS = 30
ATTEMPTS = 6
CAUSES = {
    "wrong password": "wrong-password",
    "database missing": "database-missing",
    "web server": "not-postgresql",
}


@pytest.fixture(scope="module")
def outcomes(
    cluster: Cluster, new_agent: Callable[[str], Agent], scratch: Path
) -> Iterator[dict[str, tuple[Agent, Outcome]]]:
    """Run the three causes at once, each until it is believed."""
    cluster.create_role("graced")
    with http_responder() as port:
        urls = {
            "wrong password": cluster.url("postgres", "graced", "wrong-canary"),
            "database missing": cluster.url("no_such_database"),
            "web server": f"ecto://mast:mast-canary@127.0.0.1:{port}/mast",
        }
        arguments = ("enroll", "--timeout", "80")
        yield run_all(
            scratch / "grace", {name: (new_agent(url), arguments) for name, url in urls.items()}
        )
    cluster.sql("DROP ROLE graced")


@pytest.mark.parametrize("name", CAUSES)
def test_is_believed_after_the_grace(outcomes: dict[str, tuple[Agent, Outcome]], name: str) -> None:
    """It ends with 78 when the grace is over and not when the time is up, after few attempts."""
    agent, outcome = outcomes[name]
    published = assert_failed(agent, outcome, code=78, cause=CAUSES[name], phase="database")
    assert outcome.seconds >= GRACE_SECONDS - 0.5, outcome
    assert outcome.seconds - outcome.held_up <= GRACE_SECONDS + 4, outcome
    assert 3 <= published["attempts"] <= ATTEMPTS, (published, str(outcome))


def test_wrong_password_leaves_a_handful_of_lines_in_the_servers_log(
    outcomes: dict[str, tuple[Agent, Outcome]], cluster: Cluster
) -> None:
    """The server logs one refusal for each attempt of the grace, and no more than a handful."""
    agent, outcome = outcomes["wrong password"]
    lines = [line for line in cluster.log().splitlines() if "FATAL" in line and "graced" in line]
    assert len(lines) == agent.published()["attempts"], (lines, str(outcome))
    assert len(lines) <= ATTEMPTS, lines
