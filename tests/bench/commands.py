"""The agent's commands, and what each of them is held against.

That is what it cannot do without: an interpreter that imports the same libraries, and connects and
asks where the command does. Runs inside a test machine too: the standard library alone.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from bench.measure import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

TYPER, BUS = "`import typer`", "`import typer, pydbus`"
DATABASE = "`import typer, psycopg`, connect, query"
BUS_AND_DATABASE = "`import typer, pydbus, psycopg`, connect, query"
VERSION, HELP = "`mast-agent --version`", "`mast-agent --help`"
NOBODY, ROOT = "`mast-agent status`, as nobody", "`mast-agent status`, as root"
ALREADY = "`mast-agent enroll`, enrolled already"
SYSTEMCTL, CLOUD_INIT = "`systemctl is-active mast-agent`", "`cloud-init status`"

#: Command, what it is held against, and the most that the ratio may be; None for no bar.
BARS: tuple[tuple[str, str, float | None], ...] = (
    (VERSION, TYPER, None),
    (HELP, TYPER, 1.15),
    (NOBODY, BUS, 1.2),
    (NOBODY, CLOUD_INIT, 0.75),
    (ROOT, BUS_AND_DATABASE, 1.2),
    (ALREADY, DATABASE, 1.2),
)

_ASK = "connection = psycopg.connect({!r}); connection.execute('SELECT 1').fetchall()"


def commands(
    agent: str,
    python: str,
    conninfo: str,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
) -> dict[str, Command]:
    """Return the commands that can be run here, by what the tables call them.

    `agent` is the agent's path, `python` the interpreter that it runs with, `conninfo` libpq's way
    to the database, `environment` what the agent needs besides, and `user` as whom it enrolls:
    root would ask systemd first who that is.
    """
    given = environment or {}
    ask = _ASK.format(conninfo)
    found = {
        "`python3 -c pass`": Command(argv=(python, "-c", "pass")),
        TYPER: Command(argv=(python, "-c", "import typer")),
        VERSION: Command(argv=(agent, "--version")),
        HELP: Command(argv=(agent, "--help")),
        BUS: Command(argv=(python, "-c", "import typer, pydbus")),
        NOBODY: Command(argv=(agent, "status"), user="nobody", codes=(0, 4)),
        BUS_AND_DATABASE: Command(argv=(python, "-c", f"import typer, pydbus, psycopg; {ask}")),
        ROOT: Command(argv=(agent, "status"), environment=given),
        DATABASE: Command(argv=(python, "-c", f"import typer, psycopg; {ask}")),
        ALREADY: Command(argv=(agent, "enroll"), environment=given, user=user),
        SYSTEMCTL: Command(argv=("systemctl", "is-active", "mast-agent"), codes=(0, 3, 4)),
        CLOUD_INIT: Command(argv=("cloud-init", "status"), codes=(0, 1, 2)),
    }
    return {name: command for name, command in found.items() if shutil.which(command.argv[0])}
