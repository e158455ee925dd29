"""Row 37 of the faults: no journal, and standard streams that are closed, full or abandoned."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest
from support.expect import assert_enrolled
from support.snippets import add_row, enroll

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(35)


@pytest.mark.parametrize(
    "redirection", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full 2>/dev/full"]
)
def test_closed_streams(
    scripted_agent: Callable[[str], Agent], cluster: Cluster, database: str, redirection: str
) -> None:
    """Enrolling succeeds with closed or full streams, and nothing is written where they were."""
    agent = scripted_agent(f"echo noise; echo noise >&2\n{enroll(cluster, database)}")
    process = agent.start_as(
        ("/bin/sh", "-c", f'exec "$@" {redirection}', "sh"), "enroll", "--timeout", "20"
    )
    result = agent.finish(process)
    assert_enrolled(agent, result, cluster.sql("SELECT id FROM servers", database))
    if redirection in ("2>&-", ">/dev/full 2>/dev/full"):
        assert result.stderr == "", result
    record = (agent.state / "enrollment.json").read_text()
    assert "mast-agent:" not in record, record


def test_reader_that_went_away(agent: Agent, cluster: Cluster, database: str) -> None:
    """A pipe that nobody reads any more does not keep the agent from enrolling."""
    server_id = add_row(cluster, database)
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [sys.executable, "-m", "mast_agent", "enroll", "--timeout", "20"],
        env=agent.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=writer, text=True,
    )  # fmt: skip
    os.close(writer)
    result = agent.finish(process)
    assert result.code == 0, (process.returncode, result.stdout)
    assert agent.record()["server"]["id"] == server_id


@pytest.mark.parametrize(
    "arguments",
    ["status", "status --json", "check", "reset", "--help", "status --help", "--version", ""],
)
def test_nobody_reads(agent: Agent, cluster: Cluster, database: str, arguments: str) -> None:
    """Whoever has read enough is no failure: the end is SIGPIPE, as `yes | true` has it."""
    add_row(cluster, database)
    agent.enroll(10)
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen(
        [sys.executable, "-m", "mast_agent", *arguments.split()],
        env=agent.environment,
        stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    os.close(writer)
    _, said = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGPIPE, said
    assert said == ""
    assert arguments != "reset" or not (agent.state / "enrollment.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("status", 0),
        ("status --json", 0),
        ("check", 0),
        ("reset", 0),
        ("--help", 1),
        ("status --help", 1),
        ("--version", 1),
        ("", 1),
    ],
)
def test_nowhere_to_write(
    *, agent: Agent, cluster: Cluster, database: str, arguments: str, code: int
) -> None:
    """Output that cannot be written is one line on stderr; the verdict is the code all the same."""
    add_row(cluster, database)
    agent.enroll(10)
    process = agent.start_as(("/bin/sh", "-c", 'exec "$@" >/dev/full', "sh"), *arguments.split())
    result = agent.finish(process)
    assert result.code == code, result
    assert set(result.stderr.splitlines()) == {
        "mast-agent: the output cannot be written: No space left on device"
    }, result


@pytest.mark.parametrize("redirection", [">/dev/full", ">/dev/full 2>/dev/full", "2>&-"])
@pytest.mark.parametrize("arguments", ["stauts", "status --force", "enroll --timeout soon"])
def test_wrong_usage_without_a_reader(agent: Agent, arguments: str, redirection: str) -> None:
    """Wrong usage stays wrong usage, also where that cannot be said."""
    shell = ("/bin/sh", "-c", f'exec "$@" {redirection}', "sh")
    result = agent.finish(agent.start_as(shell, *arguments.split()))
    assert (result.code, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("colour", [{}, {"CLICOLOR_FORCE": "1", "FORCE_COLOR": "1"}], ids=str)
@pytest.mark.parametrize("arguments", ["", "--help", "status --help"])
def test_help_on_a_terminal(
    agent: Agent, arguments: str, columns: int, colour: dict[str, str]
) -> None:
    """On a terminal help is what it is in a pipe: 80 columns at most, and plain."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "mast_agent", *arguments.split()],
        env={**agent.environment, "TERM": "xterm-256color", **colour},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        shown = b""
        with contextlib.suppress(OSError):  # EIO: the last one has closed the terminal
            while block := terminal.read(4096):
                shown += block
    code = process.wait(60)
    piped = agent.run(*arguments.split())
    assert (code, shown.decode().replace("\r\n", "\n")) == (piped.code, piped.stdout)
    assert max(map(len, piped.stdout.splitlines())) <= 80


@pytest.mark.parametrize("stream", [None, "1:2", "not a stream"])
def test_without_a_journal_it_is_text_on_stderr(
    agent: Agent, cluster: Cluster, database: str, stream: str | None
) -> None:
    """Where stderr is not the journal, every event is one readable line on it."""
    server_id = add_row(cluster, database)
    environment = {} if stream is None else {"JOURNAL_STREAM": stream}
    result = agent.enroll(10, **environment)
    assert_enrolled(agent, result, server_id)
    lines = result.stderr.splitlines()
    assert lines, result
    assert all(line.startswith("mast-agent: ") for line in lines), result
    assert any("already enrolled" in line for line in lines), result
