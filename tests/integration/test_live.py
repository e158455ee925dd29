"""`mast-agent enroll` on a terminal: what is drawn while it works, and everywhere else nothing."""

from __future__ import annotations

import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pyte
import pytest
from support import terminal
from support.expect import assert_no_secret
from support.snippets import this_host
from support.terminal import ROWS, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(20)

_DOWN = "ecto://mast:mast-canary@127.0.0.1:1/mast"
_CURSOR = "\x1b[?25l", "\x1b[?25h"


def _screen(shown: str, columns: int = 80) -> list[str]:
    """Return the lines that are left on the terminal at the end."""
    screen = pyte.Screen(columns, ROWS)
    pyte.Stream(screen).feed(shown.replace("\n", "\r\n"))
    return [line.rstrip() for line in screen.display]


@pytest.mark.parametrize("columns", [50, 80, 120])
def test_enrolls(agent: Agent, cluster: Cluster, database: str, columns: int) -> None:
    """The phases, each with its mark; the result on the last line, and the cursor below it."""
    code, shown = terminal.run(agent, "enroll", "--timeout", "60", columns=columns)
    assert code == 0, shown
    lines = [line for line in _screen(shown, columns) if line]
    row = cluster.sql("SELECT id FROM servers", database)
    phases = [re.sub(r"(?<=done), \d+ s$", "", line) for line in lines[:5]]
    assert phases == [
        "  ✓ release     done",
        "  ✓ database    done",
        "  ✓ migrations  22 of 22 applied",
        "  ✓ enroll      done",
        "  ✓ verify      confirmed by the database",
    ]
    assert "".join(lines[5:]).startswith(f"enrolled: server {this_host()!r} ({row})"[:columns]), (
        lines
    )
    assert shown.count(_CURSOR[0]) == shown.count(_CURSOR[1]) == 1, shown


def test_result_alone_on_stdout(agent: Agent) -> None:
    """Whoever takes stdout gets the result, and sees the drawing all the same."""
    term = Terminal()
    process = terminal.start(term, agent, "enroll", "--timeout", "60", stdout=subprocess.PIPE)
    said, _ = process.communicate(timeout=90)
    assert re.fullmatch(r"enrolled: server '\S+' \(\S{36}\)\n", said), said
    assert "confirmed by the database" in term.text()


def test_waits_and_fails(agent: Agent) -> None:
    """While it waits the cause is there, the next try, and the end; then code and slug."""
    code, shown = terminal.run(
        agent, "enroll", "--timeout", "4", environment={"DATABASE_URL": _DOWN}
    )
    assert code == 69, shown
    assert re.search(r"\w+ in \d s\. Ctrl\+C ends it\.", shown), shown
    assert re.search(r"waiting for \d s, attempt \d, next try (in \d s|now)", shown), shown
    lines = _screen(shown)
    assert re.match(r"  ✗ database    failed after \d attempts, \d s$", lines[1]), lines
    assert "    cause       nothing listens at 127.0.0.1:1 (connection refused)" in lines
    assert lines[6:]
    assert "  [refused, exit 69]" in lines
    assert not any("Ctrl+C" in line for line in lines)
    assert_no_secret(shown)


@pytest.fixture
def unfinished(cluster: Cluster, database: str) -> Callable[[], None]:
    """A database that lacks its last two migrations, and what applies them."""
    cluster.sql(
        "CREATE TABLE held AS SELECT * FROM schema_migrations ORDER BY version DESC LIMIT 2",
        database,
    )
    cluster.sql(
        "DELETE FROM schema_migrations WHERE version IN (SELECT version FROM held)", database
    )

    def finish() -> None:
        cluster.sql("INSERT INTO schema_migrations SELECT * FROM held", database)

    return finish


def test_migrations_are_counted(agent: Agent, unfinished: Callable[[], None]) -> None:
    """How many are applied, until the rest of them are."""
    term = Terminal()
    process = terminal.start(term, agent, "enroll", "--timeout", "60")
    term.await_text("20 of 22 applied, waiting")
    unfinished()
    assert process.wait(90) == 0
    assert any("22 of 22 applied" in line for line in _screen(term.text()))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_is_stopped(agent: Agent, signum: signal.Signals) -> None:
    """It ends by the signal, says so, and the terminal has its cursor again."""
    term = Terminal()
    process = terminal.start(
        term, agent, "enroll", "--timeout", "60", environment={"DATABASE_URL": _DOWN}
    )
    term.await_text("Ctrl+C ends it")
    process.send_signal(signum)
    assert process.wait(60) == -signum
    shown = term.text()
    assert shown.rstrip("\n").endswith(_CURSOR[1]), shown
    assert f"  ! database    stopped by {signum.name}" in _screen(shown)


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        pytest.param(("--plain",), {}, id="plain"),
        pytest.param((), {"TERM": "dumb"}, id="dumb"),
    ],
)
def test_lines_instead(
    agent: Agent, arguments: tuple[str, ...], environment: Mapping[str, str]
) -> None:
    """Where nothing may be drawn there are the lines of a pipe."""
    code, shown = terminal.run(
        agent,
        "enroll",
        "--timeout",
        "2",
        *arguments,
        environment={"DATABASE_URL": _DOWN, **environment},
    )
    assert code == 69, shown
    assert "\x1b" not in shown, shown
    assert re.search(
        r"^mast-agent: error: database: .* \[refused, exit 69\]$", shown, re.MULTILINE
    ), shown


def test_nothing_in_a_pipe(agent: Agent) -> None:
    """A pipe gets lines."""
    result = agent.enroll(2, DATABASE_URL=_DOWN)
    assert result.code == 69
    assert "\x1b" not in result.stderr + result.stdout
    assert "mast-agent: error: database: " in result.stderr


@pytest.mark.parametrize(("name", "value", "colour"), [("NO_COLOR", "1", False), ("X", "1", True)])
def test_colour(agent: Agent, name: str, value: str, *, colour: bool) -> None:
    """Colour, unless that is not wanted."""
    code, shown = terminal.run(
        agent, "enroll", "--timeout", "2", environment={"DATABASE_URL": _DOWN, name: value}
    )
    assert code == 69, shown
    assert bool(re.search(r"\x1b\[\d*m", shown)) is colour, shown


def test_without_utf8(agent: Agent) -> None:
    """Where the locale is not one of UTF-8, all of it is ASCII."""
    code, shown = terminal.run(
        agent, "enroll", "--timeout", "3", environment={"DATABASE_URL": _DOWN, "LC_ALL": "C"}
    )
    assert code == 69, shown
    assert shown.isascii(), shown
    assert "  x database    failed" in "\n".join(_screen(shown)), shown


def test_a_warning_stays_above(agent: Agent, cluster: Cluster, database: str) -> None:
    """What the drawing has no row for is a line above it, and is not drawn over."""
    cluster.sql("INSERT INTO schema_migrations VALUES (19991231000000, now())", database)
    code, shown = terminal.run(agent, "enroll", "--timeout", "60", columns=120)
    assert code == 0, shown
    lines = [line for line in _screen(shown, 120) if line]
    first = next(number for number, line in enumerate(lines) if "✓ release" in line)
    assert first > 0, lines
    assert lines[0].startswith("mast-agent: migrations: "), lines


def test_terminal_is_gone(
    agent: Agent, cluster: Cluster, database: str, unfinished: Callable[[], None]
) -> None:
    """A terminal that was closed ends no enrollment of which it is not the controlling one."""
    term = Terminal()
    process = terminal.start(term, agent, "enroll", "--timeout", "60", stdout=subprocess.DEVNULL)
    term.await_text("waiting")
    term.hang_up()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    unfinished()
    assert process.wait(90) == 0
    assert agent.record()["server"]["id"] == cluster.sql("SELECT id FROM servers", database)
