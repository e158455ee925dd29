"""A wrong value of each setting: one line with cause and remedy, the right code, no secret.

One for each cause; whatever else a value or a file may have wrong is told apart by the unit tests
of `settings`, `mast_environment`, `envfile` and `envsyntax`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support import releases
from support.expect import assert_failed
from support.swarm import Outcome, Swarm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.agent import Agent
    from support.postgres import Cluster

SECRET = "value-canary"  # what stands wherever a value is wrong
URL = f"ecto://mast:{SECRET}@127.0.0.1:5432/mast"

# Environment: what is set, or None for unset. The rest is as it should be.
VARIABLES: dict[str, tuple[dict[str, str | None], int, str, str, str]] = {
    "no release": ({"MAST_BIN": "/nonexistent/mast"}, 78, "release-missing", "release", "MAST_BIN"),
    "release is a directory": ({"MAST_BIN": "/"}, 78, "not-a-release", "release", "MAST_BIN"),
    "release is another program": (
        {"MAST_BIN": "/bin/true"}, 78, "not-a-release", "release", "MAST_BIN",
    ),
    "timeout no time span": (
        {"MAST_AGENT_TIMEOUT": "soon"}, 78, "setting-malformed", "release", "for example 300",
    ),
    "secret unset": (
        {"SECRET_KEY_BASE": None}, 78, "variable-missing", "release", "SECRET_KEY_BASE",
    ),
    "vault key unset": (
        {"MAST_VAULT_KEY": None}, 78, "variable-missing", "release", "MAST_VAULT_KEY",
    ),
    "vault key no base64": (
        {"MAST_VAULT_KEY": SECRET}, 78, "variable-malformed", "release", "base64",
    ),
    "vault key too short": (
        {"MAST_VAULT_KEY": "dmFsdWUtY2FuYXJ5"}, 78, "variable-malformed", "release", "base64",
    ),
    "secret with a line break": (
        {"SECRET_KEY_BASE": f"{SECRET}\n"}, 78, "variable-malformed", "release",
        "Correct SECRET_KEY_BASE in ",
    ),
    "public address empty": (
        {"MAST_PUBLIC_URL": ""}, 78, "variable-malformed", "release", "MAST_PUBLIC_URL",
    ),
    "no URL": ({"DATABASE_URL": None}, 78, "url-missing", "database", "Set DATABASE_URL"),
    "URL empty": ({"DATABASE_URL": ""}, 78, "url-missing", "database", "Set DATABASE_URL"),
    "URL with a line break": (
        {"DATABASE_URL": URL + "\n"}, 78, "url-refused", "database", "ecto://",
    ),
    "URL without a host": (
        {"DATABASE_URL": f"ecto://mast:{SECRET}@/mast"}, 78, "url-refused", "database", "ecto://",
    ),
    "password not encoded": (
        {"DATABASE_URL": f"ecto://mast:{SECRET}#1@127.0.0.1/mast"},
        78, "url-refused", "database", "percent-encoded",
    ),
    "port no number": (
        {"DATABASE_URL": f"ecto://mast:{SECRET}@127.0.0.1:port/mast"},
        78, "url-refused", "database", "percent-encoded",
    ),
    "only a word": ({"DATABASE_URL": SECRET}, 78, "url-refused", "database", "ecto://"),
    "libpq's TLS": (
        {"DATABASE_URL": URL + "?sslmode=require"}, 78, "url-refused", "database", "ecto://",
    ),
    "a key that Mast cannot take": (
        {"DATABASE_URL": URL + "?connect_timeout=10"}, 78, "url-refused", "database", "ecto://",
    ),
    "two hosts": (
        {"DATABASE_URL": f"ecto://mast:{SECRET}@127.0.0.1:5432,127.0.0.2:5432/mast"},
        78, "url-refused", "database", "ecto://",
    ),
    "pool of none": (
        {"POOL_SIZE": "0"}, 78, "variable-malformed", "release", "Correct POOL_SIZE in ",
    ),
    "IPv6 with a socket": (
        {"DATABASE_URL": URL + "?socket_dir=/run/postgresql", "ECTO_IPV6": "true"},
        78, "url-refused", "database", "ecto://",
    ),
    "runtime directory impossible": (
        {"RUNTIME_DIRECTORY": "/proc/nonexistent"}, 77, "runtime-denied", "release", "RUNTIME_DIR",
    ),
}  # fmt: skip

# The environment file: its content (None: there is none), and what the message names besides it.
FILES: dict[str, tuple[bytes | None, str, str]] = {
    "missing": (None, "env-file-missing", "does not exist"),
    "no assignment": (f"{SECRET}\n".encode(), "env-file-malformed", "line 1"),
    "name malformed": (f"A=1\n{SECRET} B=2\n".encode(), "env-file-malformed", "line 2"),
    "NUL": (f"SECRET_KEY_BASE={SECRET}\0\n".encode(), "env-file-malformed", "SECRET_KEY_BASE"),
    "a setting malformed": (
        b"MAST_AGENT_ACCESS=perhaps\n", "setting-malformed", "'perhaps' is neither yes nor no",
    ),
    "huge": (b"# " + b"x" * (1 << 20), "env-file-malformed", "larger"),
}  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(
    cluster: Cluster, new_agent: Callable[[str], Agent], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Agent, Outcome]]:
    """All cases at once."""
    directory = tmp_path_factory.mktemp("settings")
    swarm = Swarm(directory / "swarm")
    agents: dict[str, Agent] = {}

    def add(name: str, **environment: str | None) -> None:
        agent = agents[name] = new_agent(cluster.url("postgres"))
        for variable, value in environment.items():
            if value is None:
                del agent.environment[variable]
            else:
                agent.environment[variable] = value
        timeout = () if "MAST_AGENT_TIMEOUT" in environment else ("--timeout", "3")
        swarm.add(agent, "enroll", *timeout)

    for name, (environment, *_) in VARIABLES.items():
        add(name, **environment)
    for name, (content, *_) in FILES.items():
        file = directory / f"{name}.env"
        if content is not None:
            file.write_bytes(content)
        add(f"file: {name}", MAST_AGENT_ENV_FILE=str(file))
    os.mkfifo(directory / "fifo")
    add("file: FIFO", MAST_AGENT_ENV_FILE=str(directory / "fifo"))
    add("file: directory", MAST_AGENT_ENV_FILE=str(directory))
    with swarm:
        ends = swarm.finish()
    return {name: (agents[name], end) for name, end in zip(agents, ends, strict=True)}


def assert_one_line(outcome: Outcome) -> None:
    """Assert that stderr is one line, without a value."""
    assert len(outcome.stderr.splitlines()) == 1, outcome
    assert SECRET not in outcome.stderr + outcome.stdout, outcome


@pytest.mark.parametrize("name", VARIABLES)
def test_wrong_variable(outcomes: dict[str, tuple[Agent, Outcome]], name: str) -> None:
    """A wrong variable is one line that names cause and remedy and shows no value."""
    agent, outcome = outcomes[name]
    _, code, cause, phase, remedy = VARIABLES[name]
    if cause == "runtime-denied":
        # Nothing can be published there.
        assert outcome.code == code, outcome
        assert f"[{cause}, exit {code}]" in outcome.stderr, outcome
        assert remedy in outcome.stderr, outcome
    else:
        published = assert_failed(
            agent, outcome, code=code, cause=cause, phase=phase, remedy=remedy
        )
        assert SECRET not in str(published), published
    assert_one_line(outcome)


@pytest.mark.parametrize("name", FILES)
def test_wrong_environment_file(outcomes: dict[str, tuple[Agent, Outcome]], name: str) -> None:
    """A wrong environment file is one line with the file, the line and variable, not the value."""
    agent, outcome = outcomes[f"file: {name}"]
    _, cause, words = FILES[name]
    published = assert_failed(agent, outcome, code=78, cause=cause, phase="release")
    assert f"{name}.env" in published["error"]["message"], published
    assert words in published["error"]["message"], published
    assert_one_line(outcome)


@pytest.mark.parametrize("name", ["FIFO", "directory"])
def test_environment_file_of_another_kind(
    outcomes: dict[str, tuple[Agent, Outcome]], name: str
) -> None:
    """What is no regular file is refused, and a FIFO does not hold the agent up."""
    agent, outcome = outcomes[f"file: {name}"]
    published = assert_failed(agent, outcome, code=78, cause="env-file-malformed", phase="release")
    assert "not a regular file" in published["error"]["message"], published
    assert outcome.seconds - outcome.held_up < 30, outcome
    assert_one_line(outcome)


@pytest.mark.root
def test_unreadable_environment_file(
    new_agent: Callable[[str], Agent], tmp_path: Path, cluster: Cluster
) -> None:
    """A file that the agent's user may not read is named with the command that lets it."""
    file = tmp_path / "file.env"
    file.write_text(f"SECRET_KEY_BASE={SECRET}\n")
    file.chmod(0)
    agent = new_agent(cluster.url("postgres"))
    # Root without the capabilities that let it read everything.
    process = agent.start_as(
        ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"),
        "enroll",
        MAST_AGENT_ENV_FILE=str(file),
    )
    result = agent.finish(process)
    assert_failed(
        agent, result, code=78, cause="env-file-unreadable", phase="release",
        remedy=f"chmod 0640 {file}",
    )  # fmt: skip


def test_settings_in_the_environment_file(
    new_agent: Callable[[str], Agent],
    tmp_path: Path,
    cluster: Cluster,
    database: str,
    reference: Path,
) -> None:
    """The agent's own settings have effect from the file, and none of them reaches the eval."""
    script = 'env -0 > "$RELEASE_TMP/../seen"; exit 1'
    executable = releases.scripted(tmp_path / "scripted", script, reference)
    agent = new_agent(cluster.url(database))
    del agent.environment["MAST_BIN"]
    file = tmp_path / "file.env"
    file.write_text(
        f"MAST_BIN={executable}\nMAST_AGENT_TIMEOUT=6\nMAST_AGENT_ACCESS=yes\n"
        f"MAST_AGENT_ACCESS_DIRECTORY={tmp_path}\nMAST_AGENT_ENV_FILE={file}\n"
        "STATE_DIRECTORY=/file\nRUNTIME_DIRECTORY=/file\nMAST_SELF_USER=me\nPORT=4001\n"
    )
    result = agent.run("enroll", MAST_AGENT_ENV_FILE=str(file), MAST_AGENT_ACCESS="no")
    assert_failed(agent, result, code=75, cause="eval-failed", phase="enroll")
    assert "giving up after 6 s" in result.stderr, result
    assert f"MAST_AGENT_ACCESS in {file} has no effect" in result.stderr, result
    seen = (agent.runtime / "seen").read_bytes().decode().split("\0")
    names = {assignment.partition("=")[0] for assignment in seen}
    assert {"DATABASE_URL", "MAST_SELF_USER", "PORT"} <= names
    assert not [name for name in names if name.startswith("MAST_AGENT_")], names
    assert not {"MAST_BIN", "STATE_DIRECTORY", "RUNTIME_DIRECTORY"} & names, names
    checked = agent.run("check", MAST_AGENT_ENV_FILE=str(file), MAST_AGENT_ACCESS="no")
    assert checked.code == 0, checked
    assert f"MAST_AGENT_ACCESS in {file} has no effect" in checked.stdout, checked


def test_no_environment_file(
    new_agent: Callable[[str], Agent], tmp_path: Path, cluster: Cluster
) -> None:
    """An empty MAST_AGENT_ENV_FILE and an empty --env-file mean none, whatever the other says."""
    agent = new_agent(cluster.url("postgres"))
    missing = str(tmp_path / "missing.env")
    for result in (
        agent.run("check", MAST_AGENT_ENV_FILE=""),
        agent.run("check", "--env-file", "", MAST_AGENT_ENV_FILE=missing),
    ):
        assert "migrations-pending" in result.stderr, result
    result = agent.run("check", "--env-file", missing, MAST_AGENT_ENV_FILE="")
    assert "env-file-missing" in result.stderr, result


def test_reset_looks_where_the_file_says(
    new_agent: Callable[[str], Agent], tmp_path: Path, cluster: Cluster
) -> None:
    """`reset` takes the key's directory from the file, or says where it looked instead."""
    agent = new_agent(cluster.url("postgres"))
    del agent.environment["MAST_AGENT_ACCESS_DIRECTORY"]
    key = tmp_path / "access" / "mast-managed"
    key.parent.mkdir()
    key.write_text("ssh-ed25519 AAAA\n")
    file = tmp_path / "file.env"
    file.write_text(f"MAST_AGENT_ACCESS_DIRECTORY={key.parent}\nA='open\n")
    default = ("--access-directory", str(tmp_path / "default"))
    blind = agent.run("reset", *default, MAST_AGENT_ENV_FILE=str(file))
    assert blind.code == 0, blind
    assert key.exists()
    assert f"the key was looked for in {tmp_path / 'default'}" in blind.stdout, blind
    file.write_text(f"MAST_AGENT_ACCESS_DIRECTORY={key.parent}\n")
    result = agent.run("reset", MAST_AGENT_ENV_FILE=str(file))
    assert result.code == 0, result
    assert not key.exists()
