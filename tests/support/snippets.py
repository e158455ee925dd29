"""Shell for scripted releases (support.releases.scripted): what a bin/mast does in a test."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from support.postgres import BINARIES

if TYPE_CHECKING:
    from support.postgres import Cluster


def psql(cluster: Cluster, database: str, statement: str) -> str:
    """Return shell that runs `statement`; a double quote in it has to be escaped."""
    return (
        f"PGPASSWORD=mast-canary {BINARIES}/psql -XqAt -v ON_ERROR_STOP=1 -h {cluster.directory} "
        f'-p {cluster.port} -U mast -d {database} -c "{statement}"'
    )


#: Shell that prints the contract's line about the row whose id `report_node` left in $id.
CONTRACT = r'echo "{\"mast_bootstrap\": 1, \"server\": {\"id\": \"$id\"}}"'


def report_node(cluster: Cluster, database: str) -> str:
    """Return shell that makes the row of the host $MAST_NODE, once, and leaves its id in $id."""
    statement = (
        "INSERT INTO servers (name, host) VALUES ('$MAST_NODE', '192.0.2.1') "
        "ON CONFLICT (name) DO UPDATE SET host = EXCLUDED.host RETURNING id"
    )
    return f"id=$({psql(cluster, database, statement)}) || exit 1"


def this_host() -> str:
    """Return the name by which the agent knows this host's row."""
    return socket.gethostname().lower().partition(".")[0]


def enroll(cluster: Cluster, database: str, name: str | None = None) -> str:
    """Return shell that inserts the row of this host, once."""
    return psql(
        cluster,
        database,
        f"{_insert(name)} ON CONFLICT DO NOTHING",
    )


def add_row(cluster: Cluster, database: str, name: str | None = None) -> str:
    """Insert the row of this host, as somebody else might have, and return its id."""
    return cluster.sql(f"{_insert(name)} RETURNING id", database)


def _insert(name: str | None) -> str:
    values = f"('{name or this_host()}', '127.0.0.1')"
    return f"INSERT INTO servers (name, host) VALUES {values}"  # noqa: S608 - names of the tests
