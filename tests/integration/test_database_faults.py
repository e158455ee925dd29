"""Rows 2 to 7 and 12 of the faults: a server that answers, and says no or not yet."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from support.copying import copy_database
from support.expect import assert_enrolled, assert_failed
from support.snippets import add_row
from support.swarm import Outcome, run_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(15)

TIMEOUT = "2"
# Name: code, cause, and a part of the remedy. All are of the phase database.
CASES = {
    "role's connection limit": (75, "too-many-connections", "CONNECTION LIMIT"),
    "wrong password": (78, "wrong-password", "the role on the server"),
    "password expired": (78, "wrong-password", "the role on the server"),
    "role missing": (78, "wrong-password", "Correct user and password"),
    "no password": (78, "password-needed", "Put the password into DATABASE_URL"),
    "database missing": (78, "database-missing", "CREATE DATABASE"),
    "nologin": (77, "role-nologin", "ALTER ROLE"),
    "no connect": (77, "connect-denied", "GRANT CONNECT"),
    "read-only by default": (75, "read-only", "primary"),
}
# What only the English sentence of the server tells apart comes out more general elsewhere.
IN_GERMAN = {**CASES, "nologin": (78, "role-refused", "let it log in")}
# By hot_standby: whether a server in recovery lets anybody in.
STANDBY = {
    "off": (69, "starting", "started or recovered"),
    "on": (75, "read-only", "primary"),
}


def prepare(server: Cluster) -> dict[str, str]:
    """Make the roles and databases of the cases, and return the URL of each case."""
    roles = {
        "crowded": "LOGIN CONNECTION LIMIT 0",
        "expired": "LOGIN VALID UNTIL '2001-01-01'",
        "locked_out": "NOLOGIN",
        "stranger": "LOGIN",
    }
    for role, options in roles.items():
        server.create_role(role, options)
    server.sql("CREATE DATABASE closed OWNER mast")
    server.sql("REVOKE CONNECT ON DATABASE closed FROM PUBLIC")
    server.sql("CREATE DATABASE frozen OWNER mast")
    server.sql("ALTER DATABASE frozen SET default_transaction_read_only = on")
    place = f"127.0.0.1:{server.port}"
    return {
        "role's connection limit": server.url("postgres", "crowded"),
        "wrong password": server.url("postgres", password="wrong-canary"),
        "password expired": server.url("postgres", "expired"),
        "role missing": server.url("postgres", "nobody_of_that_name"),
        "no password": f"ecto://mast@{place}/postgres",
        "database missing": server.url("no_such_database"),
        "nologin": server.url("postgres", "locked_out"),
        "no connect": server.url("closed", "stranger"),
        "read-only by default": server.url("frozen"),
    }


def clean(server: Cluster) -> None:
    """Take back what `prepare` made."""
    server.sql("DROP DATABASE closed")
    server.sql("DROP DATABASE frozen")
    server.sql("DROP ROLE crowded, expired, locked_out, stranger")


@pytest.fixture(scope="module")
def outcomes(
    cluster: Cluster, new_agent: Callable[[str], Agent], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Agent, Outcome]]]:
    """All cases at once, against the shared server."""
    urls = prepare(cluster)
    yield _run(urls, new_agent, tmp_path_factory.mktemp("refusals"))
    clean(cluster)


def _run(
    urls: dict[str, str], new_agent: Callable[[str], Agent], directory: Path
) -> dict[str, tuple[Agent, Outcome]]:
    arguments = ("enroll", "--timeout", TIMEOUT)
    return run_all(directory, {name: (new_agent(url), arguments) for name, url in urls.items()})


@pytest.mark.parametrize("name", CASES)
def test_refusal_is_told_apart(outcomes: dict[str, tuple[Agent, Outcome]], name: str) -> None:
    """What the server refuses for is named, with its own code and remedy, and no secret."""
    agent, outcome = outcomes[name]
    code, cause, remedy = CASES[name]
    assert_failed(agent, outcome, code=code, cause=cause, phase="database", remedy=remedy)
    assert "wrong-canary" not in outcome.stderr, outcome


@pytest.mark.parametrize("name", ["no password", "nologin", "no connect"])
def test_hopeless_is_not_waited_for(outcomes: dict[str, tuple[Agent, Outcome]], name: str) -> None:
    """A refusal that no waiting changes ends the run at its first attempt."""
    agent, outcome = outcomes[name]
    assert agent.published()["attempts"] == 1, outcome
    assert "waiting:" not in outcome.stderr, outcome


def test_causes_do_not_depend_on_the_servers_language(
    template: Cluster,
    scratch: Path,
    new_agent: Callable[[str], Agent],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that speaks German has the same causes, read from SQLSTATE and C functions."""
    locales = scratch / "locales"
    locales.mkdir()
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", locales / "de_DE.UTF-8"], check=False
    )
    assert made.returncode == 0, "the locale cannot be made: apt-get install locales"
    monkeypatch.setenv("LOCPATH", str(locales))
    german = template.copy_to(scratch / "german")
    try:
        german.configure(lc_messages="de_DE.UTF-8")
        german.start()
        german.create_role("mast")
        outcomes = _run(prepare(german), new_agent, tmp_path)
        log = german.log()
    finally:
        german.stop()
        shutil.rmtree(german.directory, ignore_errors=True)
    assert "Passwort-Authentifizierung" in log, "the server did not speak German"
    for name, (code, cause, remedy) in IN_GERMAN.items():
        agent, outcome = outcomes[name]
        assert_failed(agent, outcome, code=code, cause=cause, phase="database", remedy=remedy)


@pytest.mark.parametrize("hot_standby", STANDBY)
def test_standby(
    own_cluster: Cluster,
    new_agent: Callable[[str], Agent],
    hot_standby: str,
) -> None:
    """A server in recovery is starting while it refuses, and read-only once it lets one in."""
    own_cluster.start()
    own_cluster.create_role("mast")
    own_cluster.stop("fast")
    own_cluster.configure(hot_standby=hot_standby)
    signal_file = own_cluster.data / "standby.signal"
    signal_file.touch()
    shutil.chown(signal_file, own_cluster.data.owner(), own_cluster.data.group())
    if hot_standby == "on":
        own_cluster.start()
    else:
        own_cluster.start_without_waiting()
    agent = new_agent(own_cluster.url("postgres"))
    code, cause, remedy = STANDBY[hot_standby]
    # The first moments of a start are the socket's absence: they pass while it waits.
    result = agent.enroll(4)
    assert_failed(agent, result, code=code, cause=cause, phase="database", remedy=remedy)


def test_restart_and_lost_connections_are_survived(
    own_cluster: Cluster,
    cluster: Cluster,
    migrated_template: str,
    new_agent: Callable[[str], Agent],
) -> None:
    """A server that restarts while the agent waits, and connections that it cuts, cost nothing."""
    own_cluster.start()
    own_cluster.create_role("mast")
    copy_database(cluster, migrated_template, own_cluster, "mast")
    server_id = add_row(own_cluster, "mast")
    version = own_cluster.sql(
        "DELETE FROM schema_migrations WHERE version = (SELECT max(version) "
        "FROM schema_migrations) RETURNING version",
        "mast",
    )
    agent = new_agent(own_cluster.url("mast"))
    process = agent.start("enroll", "--timeout", "60")
    try:
        agent.wait_published(lambda status: status["state"] == "waiting")
        own_cluster.restart()
        seen = agent.published()["attempts"]
        agent.wait_published(lambda status: status["attempts"] > seen + 1)
        # Until one is caught in the act.
        own_cluster.sql(
            "DO $$ DECLARE cut integer := 0; BEGIN FOR i IN 1..600 LOOP "
            "PERFORM pg_stat_clear_snapshot(); "
            "PERFORM pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'mast-agent'; "
            "IF FOUND THEN cut := cut + 1; EXIT; END IF; PERFORM pg_sleep(0.001); "
            "END LOOP; END $$"
        )
        insert = f"INSERT INTO schema_migrations VALUES ({version}, now())"  # noqa: S608 - a number
        own_cluster.sql(insert, "mast")
        result = agent.finish(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert_enrolled(agent, result, server_id)


def test_database_that_is_created_during_the_grace(
    cluster: Cluster, migrated_template: str, new_agent: Callable[[str], Agent]
) -> None:
    """A database that appears within the grace is as good as one that was there."""
    agent = new_agent(cluster.url("latecomer"))
    process = agent.start("enroll", "--timeout", "30")
    try:
        waiting = agent.wait_published(lambda status: status["state"] == "waiting")
        cluster.sql(f"CREATE DATABASE latecomer OWNER mast TEMPLATE {migrated_template}")
        server_id = add_row(cluster, "latecomer")
        result = agent.finish(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        cluster.sql("DROP DATABASE IF EXISTS latecomer WITH (FORCE)")
    assert waiting["error"]["cause"] == "database-missing", waiting
    assert_enrolled(agent, result, server_id)
