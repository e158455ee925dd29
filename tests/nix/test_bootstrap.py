"""nix/bootstrap.ex, run in a real release against a real PostgreSQL.

The release is the reference, with its own Bootstrap replaced and Mast's contexts added
(contexts.ex); the call is the agent's.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from support.agent import Agent, wait_for
from support.canaries import SECRET_KEY_BASE, VAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.postgres import Cluster

pytestmark = pytest.mark.slow(40)

NAME = socket.gethostname().partition(".")[0]
ENROLL = "Mast.Bootstrap.self_enroll!"
ANOTHER_VAULT_KEY = base64.b64encode(bytes(range(32))).decode()


class Mast:
    """The release with a database; each call is one `bin/mast eval`."""

    def __init__(self, release: Path, cluster: Cluster, database: str) -> None:
        self.executable = release / "bin/mast"
        self.url = cluster.url(database)
        self._cluster, self._database = cluster, database

    def start(self, expression: str = ENROLL, **environment: str) -> subprocess.Popen[str]:
        """Start the evaluation of an expression in a fresh VM."""
        return subprocess.Popen(
            [self.executable, "eval", expression],
            env={
                "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "RELEASE_COOKIE": "throwaway",
                "ERL_CRASH_DUMP_SECONDS": "0", "DATABASE_URL": self.url,
                "SECRET_KEY_BASE": SECRET_KEY_BASE, "MAST_VAULT_KEY": VAULT_KEY, **environment,
            },
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def eval(self, expression: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Evaluate an expression in a fresh VM."""
        with self.start(expression, **environment) as process:
            stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def enroll(self, **environment: str) -> Any:
        """Enroll and return the object on the last line."""
        done = self.eval(ENROLL, **environment)
        assert done.returncode == 0, done.stderr
        assert "PRIVATE KEY" not in done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def sql(self, statement: str) -> str:
        """Run SQL as the superuser."""
        return self._cluster.sql(statement, self._database)

    def insert(self, name: str, host: str, port: int = 22) -> str:
        """Insert a server as somebody else might have, and return its id."""
        columns = f"(name, host, port) VALUES ('{name}', '{host}', {port})"
        return self.sql(f"INSERT INTO servers {columns} RETURNING id")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of this module, as another caller does."""
        url = self._cluster.url(self._database).replace("ecto://", "postgresql://")
        with psycopg.connect(url) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtext('Mast.Bootstrap'))")
            yield

    def is_waited_for(self) -> bool | None:
        """Tell whether a caller waits for the lock."""
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        return self.sql(waiting) == "1" or None

    def key(self) -> str:
        """Return the private key of the only server, decrypted by the vault."""
        done = self.eval(
            "Ecto.Migrator.with_repo(Mast.Repo, fn _ -> Mast.Vault.start_link();"
            " [%{private_key_id: id}] = Mast.Fleet.list_servers();"
            " {:ok, key} = Mast.Keys.material(Mast.Keys.get_key!(id)); IO.write(key) end,"
            " pool_size: 2)"
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def mast(with_bootstrap: Path, cluster: Cluster, database: str) -> Mast:
    """Give the release a migrated database without servers."""
    return Mast(with_bootstrap, cluster, database)


def test_enrolls_this_host(mast: Mast) -> None:
    """One key and one server, called like this host and reached at the documented address."""
    said = mast.enroll(MAST_SELF_PORT="")
    assert said["mast_bootstrap"] == 1
    assert said["created"] is True
    row = mast.sql('SELECT id, name, host, "user", port FROM servers').split("|")
    assert row == [said["server"]["id"], NAME, "127.0.0.1", "mast-managed", "22"]
    assert said["server"]["name"] == NAME
    key_name = mast.sql("SELECT name FROM private_keys")
    assert key_name.startswith(f"{NAME} ")
    assert len(key_name) <= 64


def test_address_comes_from_the_environment(mast: Mast) -> None:
    """MAST_SELF_HOST, MAST_SELF_PORT and MAST_SELF_USER say how Mast reaches its host."""
    mast.enroll(MAST_SELF_HOST="localhost", MAST_SELF_PORT="2222", MAST_SELF_USER="ops")
    assert mast.sql('SELECT host, "user", port FROM servers') == "localhost|ops|2222"


@pytest.mark.parametrize("host", ["::1", "[::1]", "2001:db8::7", "::ffff:127.0.0.1"])
def test_ipv6_is_refused(mast: Mast, host: str) -> None:
    """Erlang's ssh answers such an address with nxdomain: nothing is created, and it says why."""
    done = mast.eval(ENROLL, MAST_SELF_HOST=host)
    assert done.returncode == 1
    assert "MAST_SELF_HOST is an IPv6 address" in done.stderr
    assert "127.0.0.1" in done.stderr
    assert mast.sql("SELECT count(*) FROM private_keys") == "0"


def test_ssh_of_this_otp_takes_no_ipv6_address(mast: Mast) -> None:
    """The reason for the refusal, asked of the real ssh as Mast calls it."""
    done = mast.eval(
        "{:ok, _} = Application.ensure_all_started(:ssh);"
        " for host <- [~c(::1), ~c([::1]), ~c(127.0.0.1), ~c(localhost)] do"
        "   {:error, reason} = :ssh.connect(host, 1, [user_interaction: false], 3000);"
        "   IO.puts(reason) end"
    )
    assert done.stdout.split() == ["nxdomain", "nxdomain", "econnrefused", "econnrefused"], done


def test_ssh_keygen_accepts_the_key(mast: Mast, tmp_path: Path) -> None:
    """OpenSSH reads the private key, and derives the public key that was reported."""
    said = mast.enroll()
    file = tmp_path / "key"
    file.write_text(mast.key())
    file.chmod(0o600)
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-P", "", "-f", str(file)], check=True, capture_output=True, text=True
    ).stdout
    assert derived.split() == [*said["public_key"].split(), f"mast@{NAME}"]
    assert said["public_key"].startswith("ssh-ed25519 AAAA")
    assert max(map(len, file.read_text().splitlines())) <= 70


def test_again_changes_nothing(mast: Mast) -> None:
    """A second call finds the server, and reports the key that the first one made."""
    first = mast.enroll(MAST_SELF_PORT="2222")
    before = mast.sql("SELECT * FROM servers")
    for environment in ({}, {"MAST_SELF_HOST": "localhost"}, {"MAST_SELF_PORT": "2222"}):
        assert mast.enroll(**environment) == {**first, "created": False}
    assert mast.sql("SELECT * FROM servers") == before
    assert mast.sql("SELECT count(*) FROM private_keys") == "1"
    assert mast.sql("SELECT count(*) FROM audit_events WHERE action = 'server.updated'") == "0"


def test_several_at_once(mast: Mast) -> None:
    """Three callers at once: one creates, the others find, and there is one key."""
    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(lambda _: mast.enroll(), range(3)))
    assert sorted(each["created"] for each in said) == [False, False, True]
    assert len({each["server"]["id"] for each in said}) == 1
    assert len({each["public_key"] for each in said}) == 1
    assert mast.sql("SELECT count(*) FROM private_keys") == "1"


@pytest.mark.parametrize(
    ("variable", "column", "value"),
    [
        ("MAST_SELF_PORT", "port", "2222"),
        ("MAST_SELF_USER", '"user"', "ops"),
        ("MAST_SELF_HOST", "host", "10.0.0.1"),
    ],
)
def test_brought_up_to_date(mast: Mast, variable: str, column: str, value: str) -> None:
    """A server of this host takes what is set, once, and the change is in Mast's log."""
    first = mast.enroll()
    before = mast.sql('SELECT host, "user", port FROM servers').split("|")
    for _ in range(2):
        assert mast.enroll(**{variable: value}) == {**first, "created": False}
    assert mast.sql(f"SELECT {column} FROM servers") == value  # noqa: S608 - names of the test
    after = mast.sql('SELECT host, "user", port FROM servers').split("|")
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
    assert mast.sql("SELECT count(*) FROM audit_events WHERE action = 'server.updated'") == "1"


def test_an_address_that_mast_cannot_reach_is_changed(mast: Mast) -> None:
    """A server at ::1, as this module made them once, moves to the IPv4 loopback that is set."""
    mast.insert(NAME, "::1")
    mast.enroll(MAST_SELF_HOST="127.0.0.1")
    assert mast.sql("SELECT host FROM servers") == "127.0.0.1"


def test_waits_for_another_caller_longer_than_a_checkout(mast: Mast) -> None:
    """The lock is waited for beyond the time for which a connection may be checked out."""
    with mast.locked():
        done = mast.start(MAST_REFERENCE_CHECKOUT_SECONDS="1")
        wait_for(mast.is_waited_for)
        with pytest.raises(subprocess.TimeoutExpired):
            done.wait(3)
    stdout, stderr = done.communicate()
    assert done.returncode == 0, stderr
    assert json.loads(stdout.splitlines()[-1])["created"] is True


def test_a_query_within_has_no_deadline_of_its_own(mast: Mast) -> None:
    """The stand-in for the repo is as strict as DBConnection: the transaction's option counts."""
    for inner, outer, end in [
        ("timeout: :infinity", "[]", 1),
        ("timeout: 100", "timeout: :infinity", 0),
    ]:
        done = mast.eval(
            "Mast.Repo.connected!(fn _ -> Mast.Repo.transaction(fn ->"
            f" Mast.Repo.query!(~s(SELECT pg_sleep(1.5\\)), [], {inner}) end, {outer}) end)",
            MAST_REFERENCE_CHECKOUT_SECONDS="1",
        )
        assert done.returncode == end, done
        assert ("DBConnection.ConnectionError" in done.stderr) is bool(end), done


def test_a_deleted_server_gets_its_key_back(mast: Mast) -> None:
    """After its row was deleted the host enrolls again with the key that it had: no key is left."""
    first = mast.enroll()
    for _ in range(2):
        mast.sql("DELETE FROM servers")
        again = mast.enroll()
        assert again["created"] is True
        assert again["public_key"] == first["public_key"]
    assert mast.sql("SELECT count(*) FROM private_keys") == "1"
    assert (
        mast.sql("SELECT count(*) FROM servers JOIN private_keys k ON k.id = private_key_id") == "1"
    )


def test_another_key_is_left_alone(mast: Mast) -> None:
    """A key that another server uses, or that is not of this host's making, is not taken."""
    first = mast.enroll()
    mast.sql("UPDATE servers SET name = 'another', host = '10.0.0.1'")
    second = mast.enroll()
    assert second["public_key"] != first["public_key"]
    mast.sql("DELETE FROM servers; UPDATE private_keys SET name = 'operator ' || id")
    assert mast.enroll()["public_key"] not in {first["public_key"], second["public_key"]}
    assert mast.sql("SELECT count(*) FROM private_keys") == "3"


def test_a_server_without_a_key_counts(mast: Mast) -> None:
    """A server of this name that an operator made is this host; it has no key to report."""
    mast.insert(NAME, "127.0.0.1")
    said = mast.enroll()
    assert (said["created"], said["public_key"]) == (False, None)
    assert mast.sql("SELECT count(*) FROM private_keys") == "0"


# Name, host and port of a server that is there; whether it is this host: None for a refusal.
SERVERS: list[tuple[str, str, int, bool | None]] = [
    (NAME, "127.0.0.1", 22, True),
    (NAME.upper(), "localhost", 2222, True),
    (NAME, NAME, 22, True),
    (NAME, f"{NAME}.lan", 22, True),
    (NAME, "10.9.9.9", 22, None),
    (NAME, "web2.example.org", 22, None),
    ("mast", "localhost", 22, True),
    ("mast", "127.0.0.1", 22, True),
    ("mast", "127.0.0.1", 2222, False),
    ("mast", NAME, 22, False),
    ("mast", "10.9.9.9", 22, False),
]


@pytest.mark.parametrize(("name", "host", "port", "expected"), SERVERS)
def test_whose_server_it_is(
    mast: Mast, name: str, host: str, port: int, *, expected: bool | None
) -> None:
    """Name and address are weighed together, as mast-agent does."""
    server_id = mast.insert(name, host, port)
    done = mast.eval(ENROLL)
    if expected is None:
        assert done.returncode == 1, done
        assert f"the server {name} ({server_id}) has this host's name" in done.stderr, done
        assert f"MAST_SELF_HOST={host}" in done.stderr, done
        assert mast.sql("SELECT count(*) FROM private_keys") == "0"
    else:
        assert done.returncode == 0, done
        said = json.loads(done.stdout.splitlines()[-1])
        assert (said["server"]["id"] == server_id) is expected, said
        assert said["created"] is not expected


@pytest.mark.parametrize("way", ["MAST_SELF_ID", "MAST_SELF_HOST"])
def test_what_the_caller_knows_counts(mast: Mast, way: str) -> None:
    """An id from the caller decides, and an address that MAST_SELF_HOST says is this host's."""
    server_id = mast.insert(NAME, "10.9.9.9")
    said = mast.enroll(**{way: server_id if way == "MAST_SELF_ID" else "10.9.9.9"})
    assert (said["server"]["id"], said["created"]) == (server_id, False)


def test_wrong_vault_key_on_a_server_that_is_there(mast: Mast) -> None:
    """The key of this host's server cannot be read: that is named, and nothing is changed."""
    mast.enroll()
    done = mast.eval(ENROLL, MAST_VAULT_KEY=ANOTHER_VAULT_KEY, MAST_SELF_PORT="2222")
    assert done.returncode == 1
    assert "** (RuntimeError) MAST_VAULT_KEY is not the key" in done.stderr
    assert mast.sql("SELECT port FROM servers") == "22"


def test_wrong_vault_key_before_there_is_a_server(mast: Mast) -> None:
    """Where other keys cannot be read, none is stored under a key that the rest is not under."""
    mast.enroll()
    mast.sql("UPDATE servers SET name = 'another', host = '10.0.0.1'")
    done = mast.eval(ENROLL, MAST_VAULT_KEY=ANOTHER_VAULT_KEY)
    assert done.returncode == 1
    assert "** (RuntimeError) MAST_VAULT_KEY is not the key" in done.stderr
    assert mast.sql("SELECT count(*) FROM private_keys") == "1"
    # One key that was lost under an earlier vault key is not held against the present one.
    changed = "set_byte(body, length(body) - 1, 255 - get_byte(body, length(body) - 1))"
    mast.sql(
        "INSERT INTO private_keys (name, body, fingerprint, algorithm) "  # noqa: S608 - the test's
        f"SELECT 'lost', {changed}, 'x', 'ed25519' FROM private_keys"
    )
    assert mast.enroll()["created"] is True


@pytest.mark.parametrize("port", ["65536", "22x"])
def test_malformed_port(mast: Mast, port: str) -> None:
    """A port that is none ends in an error, with nothing created."""
    done = mast.eval(ENROLL, MAST_SELF_PORT=port)
    assert done.returncode == 1
    assert "MAST_SELF_PORT is not a port" in done.stderr
    assert mast.sql("SELECT count(*) FROM private_keys") == "0"


def test_nothing_is_left_of_a_failure(mast: Mast) -> None:
    """A server that cannot be created takes its key along: both are one transaction."""
    mast.sql("ALTER TABLE servers ADD CONSTRAINT refuse CHECK (name <> name)")
    done = mast.eval(ENROLL)
    assert done.returncode == 1
    assert "refuse" in done.stderr
    assert mast.sql("SELECT count(*) FROM private_keys") == "0"


def test_raises_without_migrations(
    with_bootstrap: Path, cluster: Cluster, empty_database: str
) -> None:
    """On a database without Mast's tables it raises, and says what the database said."""
    done = Mast(with_bootstrap, cluster, empty_database).eval(ENROLL)
    assert done.returncode == 1
    assert 'relation "servers" does not exist' in done.stderr


def test_the_agent_enrolls_with_it(mast: Mast, tmp_path: Path) -> None:
    """`mast-agent enroll` ends enrolled, with the id that this module reported."""
    agent = Agent(tmp_path / "agent", mast_bin=mast.executable, url=mast.url)
    assert agent.enroll().code == 0
    assert mast.sql("SELECT id FROM servers") == agent.record()["server"]["id"]
