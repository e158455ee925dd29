"""`mast-agent status` on a terminal of its own: width, symbols, colour, and what it draws there."""

from __future__ import annotations

import re
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from support.snippets import add_row
from support.terminal import Terminal, run, start

if TYPE_CHECKING:
    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(10)

_DOWN = "ecto://mast:pw@127.0.0.1:1/mast"
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize("colour", [True, False])
def test_status(
    *, agent: Agent, cluster: Cluster, database: str, columns: int, colour: bool
) -> None:
    """It is as wide as the terminal, with symbols, and with colour unless that is not wanted."""
    add_row(cluster, database)
    no_color = "" if colour else "1"
    code, shown = run(agent, "status", columns=columns, environment={"NO_COLOR": no_color})
    assert code == 0, shown
    assert ("\x1b" in shown) is colour, shown
    plain = _ESCAPE.sub("", shown)
    assert plain.splitlines()[0].startswith("✓ enrolled: server"), shown
    assert max(map(len, plain.splitlines())) <= columns, shown


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_status_without_utf8(agent: Agent, locale: str) -> None:
    """Where the locale is not one of UTF-8, all of it is ASCII."""
    code, shown = run(agent, "status", environment={"LC_ALL": locale, "MAST_BIN": "/nowhere/wéb"})
    assert code == 3, shown
    assert shown.isascii(), shown
    assert "/nowhere/w\\xe9b" in shown, shown


def test_wait_shows_life(agent: Agent) -> None:
    """What is waited for is on the terminal meanwhile, and that the time was over at the end."""
    code, shown = run(
        agent, "status", "--wait", "--timeout", "2", environment={"DATABASE_URL": _DOWN}
    )
    assert code == 3, shown
    bar = r"\r\x1b\[\?25lthe agent has never run, \d s of 2 s  \[[#-]{20}\]"
    assert re.search(bar, shown), shown
    drawn, _, rest = shown.partition("\x1b[?25h\n")
    assert "◌ not enrolled yet: the agent has never run" in rest, shown
    assert "mast-agent: not decided within 2 s; --timeout gives it longer\n" in rest, shown
    assert "not enrolled yet" not in drawn, shown


def test_wait_is_interrupted(agent: Agent) -> None:
    """Whoever has enough of waiting has the cursor back, and ends it by his signal."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        terminal = Terminal()
        process = start(
            terminal, agent, "status", "--wait", "--timeout", "60",
            stdout=subprocess.DEVNULL, environment={"DATABASE_URL": _DOWN},
        )  # fmt: skip
        terminal.await_text("never run")
        process.send_signal(signum)
        assert process.wait(60) == -signum
        assert terminal.text().endswith("\x1b[?25h\n")


def test_watch(agent: Agent, cluster: Cluster, database: str) -> None:
    """On a terminal it is redrawn until it is decided."""
    terminal = Terminal()
    process = start(terminal, agent, "status", "--watch", "--timeout", "60")
    terminal.await_text("never run")
    add_row(cluster, database)
    assert process.wait(90) == 0
    screens = terminal.text().split("\x1b[H\x1b[2J\x1b[3J")
    assert screens[0] == ""
    assert "enrolled: server" in screens[-1]


def test_in_a_pipe(agent: Agent) -> None:
    """In a pipe nothing is drawn, however long it waits."""
    waited = agent.run("status", "--wait", "--timeout", "2", DATABASE_URL=_DOWN)
    watched = agent.run("status", "--watch", "--timeout", "2", DATABASE_URL=_DOWN)
    assert (waited.code, watched.code) == (3, 3)
    assert waited.stderr == watched.stderr == ""
    assert watched.stdout == waited.stdout
    assert "\x1b" not in waited.stdout


def test_check(agent: Agent) -> None:
    """What is ready, as a list, with the answer on the first line."""
    code, shown = run(agent, "check")
    assert code == 0, shown
    lines = _ESCAPE.sub("", shown).splitlines()
    assert lines[:2] == ["✓ ready to enroll", ""], shown
    marks = [(line[2], line[4:16].rstrip()) for line in lines[2:]]
    assert [each for each in marks if each[0] != " "] == [
        ("✓", "release"),
        ("✓", "database"),
        ("✓", "migrations"),
        ("✓", "enroll"),
    ], shown


def test_check_goes_on(agent: Agent) -> None:
    """Without a release the database is looked at all the same, and so is this host's row."""
    agent.environment["MAST_BIN"] = "/nonexistent/bin/mast"
    code, shown = run(agent, "check")
    assert code == 78, shown
    plain = _ESCAPE.sub("", shown)
    assert plain.startswith("✗ not ready to enroll: see release\n"), shown
    for line in ("✓ database    ", "· migrations  not looked at", "✓ enroll      this host has no"):
        assert f"\n  {line}" in plain, shown
    assert plain.endswith("\n  [release-missing, exit 78]\n"), shown
    piped = agent.run("check")
    assert piped.code == 78
    assert piped.stdout.splitlines()[0].startswith("database: 127.0.0.1:")
    assert piped.stdout.splitlines()[1] == "enroll: this host has no row yet"
    (line,) = piped.stderr.splitlines()
    assert line.startswith("mast-agent: release: "), piped
    assert line.endswith(" [release-missing, exit 78]"), piped
