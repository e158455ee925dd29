"""A password that is a word or a number of the agent's own output: masked where it is foreign.

What is shown must be the same, character for character, as with a password that is no word: then
nothing of the agent's own was masked, and nothing that was printed by others was left.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest
from mast_agent.commands import commands
from mast_agent.config.settings import Options
from support.snippets import enroll

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(20)

INNOCENT = "Zq7-innocent-canary"
PASSWORDS = (
    "22", "null", "version", "postgres", "enrolled", "true", "mast", "e", "code", "127", "0",
    "redacted", "pässwörd",
)  # fmt: skip
# All that differs from run to run.
_VARIABLE = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:]+\+00:00|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r'|(?<="pid": )\d+|(?<="started": )\d+|\d+(?= s ago)'
)


class Shown(NamedTuple):
    """All that an `enroll` and the two forms of `status` after it have shown."""

    code: int
    stderr: str
    published: str
    text: str
    document: str


@pytest.fixture(scope="module")
def role(cluster: Cluster) -> Iterator[str]:
    """Make a role of another name than any of the passwords, with the rights of Mast's."""
    cluster.sql("CREATE ROLE keeper LOGIN IN ROLE mast")
    yield "keeper"
    cluster.sql("DROP ROLE keeper")


@pytest.fixture(autouse=True)
def _no_bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ask no system bus from within this process."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/no-bus")


def _normalized(text: str) -> str:
    return _VARIABLE.sub("0", text)


def _status(agent: Agent, capsys: pytest.CaptureFixture[str], *, as_json: bool) -> str:
    commands.status(Options(), agent.environment, as_json=as_json, wait=False)
    return _normalized(capsys.readouterr().out)


def _show(agent: Agent, capsys: pytest.CaptureFixture[str]) -> Shown:
    result = agent.enroll()
    return Shown(
        result.code,
        _normalized(result.stderr),
        _normalized((agent.runtime / "status.json").read_text()),
        _status(agent, capsys, as_json=False),
        _status(agent, capsys, as_json=True),
    )


def _printing(end: str) -> str:
    """Return a script that prints the password, $MAST_PRINTED, in many ways."""
    return (
        'printf "%s\\n" "$MAST_PRINTED" "user:$MAST_PRINTED@" "(\\"$MAST_PRINTED\\")"\n'
        'printf "%s\\n" "{\\"severity\\": \\"error\\", \\"message\\": \\"$MAST_PRINTED\\"}"\n'
        'printf "** (Error) %s\\n" "$MAST_PRINTED" >&2\n' + end
    )


@pytest.mark.parametrize("outcome", ["failed", "enrolled"])
def test_shown_as_with_any_other_password(
    outcome: str,
    scripted_agent: Callable[[str], Agent],
    cluster: Cluster,
    database: str,
    role: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Text, JSON, log and published status do not depend on what the password is."""
    end = "exit 127" if outcome == "failed" else enroll(cluster, database)
    agent = scripted_agent(_printing(end))

    def shown(password: str) -> Shown:
        cluster.sql(f"ALTER ROLE {role} PASSWORD '{password}'")
        cluster.sql("DELETE FROM servers", database)
        (agent.state / "enrollment.json").unlink(missing_ok=True)
        agent.environment["DATABASE_URL"] = cluster.url(database, role, password)
        # Its own name says nothing; the value comes to the eval as one of Mast's.
        agent.environment["MAST_PRINTED"] = password
        return _show(agent, capsys)

    innocent = shown(INNOCENT)
    assert innocent.code == (78 if outcome == "failed" else 0), innocent
    assert innocent.stderr.count("[redacted]") >= 5, innocent
    assert INNOCENT not in "".join(map(str, innocent))
    assert json.loads(innocent.document)["server" if outcome == "enrolled" else "error"]
    for password in PASSWORDS:
        assert shown(password) == innocent, password


def test_no_word_of_the_status_is_masked(
    scripted_agent: Callable[[str], Agent], capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever word of its own output the password is, `status` shows the same."""
    agent = scripted_agent("exit 127")
    agent.enroll()
    # Nothing listens there, and the remedies of the run before are shown too.
    plain = "ecto://ex:{}@127.0.0.1:1/other"

    def shown(password: str) -> list[str]:
        agent.environment["DATABASE_URL"] = plain.format(password)
        return [_status(agent, capsys, as_json=as_json) for as_json in (False, True)]

    innocent = shown(INNOCENT)
    assert "[redacted]" not in "".join(innocent)
    words = set(re.findall(r"\w+", "".join(innocent)))
    assert len(words) > 60, words
    for word in sorted(words):
        assert shown(word) == innocent, word


def test_remedy_with_a_form_of_url_stays_readable(
    scripted_agent: Callable[[str], Agent], capsys: pytest.CaptureFixture[str]
) -> None:
    """The form that DATABASE_URL has to have is no secret."""
    agent = scripted_agent("exit 127")
    agent.environment["DATABASE_URL"] = "ecto://mast:mast-canary@h"
    result = agent.enroll()
    form = "ecto://USER:PASSWORD@HOST:PORT/DATABASE"
    assert form in result.stderr, result
    assert form in agent.published()["error"]["remedy"]
    assert form in json.loads(_status(agent, capsys, as_json=True))["error"]["remedy"]
    assert "canary" not in result.stderr
