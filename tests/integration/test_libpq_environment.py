"""What an operator's shell and home say to libpq: nothing of it reaches the agent's connection."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mast_agent.host.deadline import Deadline
from mast_agent.postgres import database, ecto_url
from mast_agent.postgres.connect import connect
from psycopg import pq

if TYPE_CHECKING:
    from support.agent import Agent
    from support.postgres import Cluster

# What would change the connection, where the variable wants a value of a certain kind.
_VALUES = {
    "PGHOST": "192.0.2.1",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGOPTIONS": "-c search_path=hostile",
    "PGTZ": "Antarctica/Troll",
    "PGDATESTYLE": "German",
    "PGGEQO": "off",
    "PGCLIENTENCODING": "LATIN1",
    "PGTARGETSESSIONATTRS": "standby",
    "PGCONNECT_TIMEOUT": "3600",
    "PGSSLMODE": "require",
    "PGREQUIRESSL": "1",
    "PGGSSENCMODE": "require",
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "none",
    "PGLOADBALANCEHOSTS": "random",
    "PGSSLMINPROTOCOLVERSION": "TLSv1.3",
    "PGSSLMAXPROTOCOLVERSION": "TLSv1.2",
    "PGSSLCOMPRESSION": "1",
    "PGSSLSNI": "0",
}


def _own_names() -> set[str]:
    """Return the variables that this libpq says it reads (PQconndefaults)."""
    options = pq.Conninfo.get_defaults()
    return {option.envvar.decode() for option in options if option.envvar}


def _names() -> list[str]:
    """Return them, and what else libpq's file has that looks like the name of one."""
    assert _own_names()  # loads it
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    found = set(_VALUES) | {"PGSERVICEFILE", "PGSYSCONFDIR", "PGLOCALEDIR", "PGUSER", "PGPASSWORD"}
    for path in set(re.findall(r"(/\S*/libpq[-.\w]*\.so[.\d]*)$", maps, re.MULTILINE)):
        strings = re.findall(rb"\0(PG[A-Z_]{2,})(?=\0)", Path(path).read_bytes())
        found |= {each.decode() for each in strings}
    return sorted(found | _own_names())


def _connection(url: str) -> tuple[dict[str, bytes | None], dict[str, str]]:
    """Connect as the agent does; return libpq's parameters and the session's settings."""

    async def ask() -> tuple[dict[str, bytes | None], dict[str, str]]:
        connection = await connect(ecto_url.parse({"DATABASE_URL": url}), Deadline(20))
        try:
            cursor: Any = await connection.execute("SELECT name, setting FROM pg_settings")
            settings = dict(await cursor.fetchall())
            parameters = {each.keyword.decode(): each.val for each in connection.pgconn.info}
        finally:
            connection.pgconn.finish()
        return parameters, settings

    return asyncio.run(ask())


@pytest.fixture(params=["tcp", "socket"])
def url(request: pytest.FixtureRequest, cluster: Cluster) -> str:
    """A URL of the server, over TCP and over its socket."""
    plain = cluster.url("postgres")
    return plain if request.param == "tcp" else f"{plain}?socket_dir={cluster.directory}"


def test_no_variable_has_an_effect(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever variable libpq knows, the connection is the same with it as without any."""
    names = _names()
    for name in names:
        monkeypatch.delenv(name, raising=False)
    plain = _connection(url)
    for name in names:
        monkeypatch.setenv(name, _VALUES.get(name, "hostile"))
        assert _connection(url) == plain, name
        monkeypatch.delenv(name, raising=False)


def test_all_that_libpq_has_is_tried() -> None:
    """The list is libpq's own, and has those that no parameter can overrule."""
    assert len(_own_names()) > 20
    assert {"PGSERVICE", "PGTZ", "PGDATESTYLE", "PGHOSTADDR", "PGOPTIONS"} <= set(_names())


def test_a_shell_made_for_another_database(agent: Agent, tmp_path: Path) -> None:
    """With all of them set, and files at home, `check` finds Mast's database ready."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".pgpass").write_text("*:*:*:*:hostile\n")
    (home / ".pgpass").chmod(0o600)
    (home / ".pg_service.conf").write_text("[hostile]\nhost=192.0.2.1\n")
    # PGUSER and PGPASSWORD are Postgrex's too, and yield to the URL; PGSSLROOTCERT is the agent's.
    hostile = {name: _VALUES.get(name, "hostile") for name in _names() if name != "PGSSLROOTCERT"}
    agent.environment |= {**hostile, "HOME": str(home)}
    result = agent.run("check")
    assert result.code == 0, result


def test_only_one_door() -> None:
    """No other module of the agent makes a connection of libpq's."""
    package = Path(database.__file__).parent
    opening = re.compile(
        r"connect_start|PGconn\.connect|PGconn\.ping|psycopg\.connect|tion\.connect\("
    )
    doors = {
        path.name
        for path in package.glob("**/*.py")
        if opening.search(re.sub(r'"""(?s:.*?)"""', "", path.read_text(encoding="utf-8")))
    }
    assert doors == {"libpq.py"}


def test_the_process_keeps_none(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was removed stays removed: whatever libpq does later finds nothing either."""
    monkeypatch.setenv("PGSERVICE", "hostile")
    _connection(cluster.url("postgres"))
    assert not [name for name in os.environ if name.startswith("PG")]
