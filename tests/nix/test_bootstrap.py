"""nix/bootstrap.ex, run in a real release against a real PostgreSQL.

The release is the reference, with its own Bootstrap replaced and Mast's contexts added
(contexts.ex); the call is the agent's.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from nix.evaluator import ROOT
from support.agent import SECRET_KEY_BASE, VAULT_KEY, Agent

if TYPE_CHECKING:
    from pathlib import Path

    from support.postgres import Cluster

NAME = socket.gethostname().partition(".")[0]
ENROLL = "Mast.Bootstrap.self_enroll!"


@pytest.fixture(scope="module")
def release(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the release with nix/bootstrap.ex, from the beams that elixirc makes of it."""
    folder = tmp_path_factory.mktemp("bootstrap") / "release"
    subprocess.run(["cp", "-a", str(reference), str(folder)], check=True)
    (ebin,) = folder.glob("lib/mast-*/ebin")
    compiled = subprocess.run(
        [
            "elixirc", "--ignore-module-conflict", "-pa", str(ebin), "-o", str(ebin),
            str(ROOT / "tests/nix/contexts.ex"), str(ROOT / "nix/bootstrap.ex"),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert compiled.stdout == "", "the compiler has warnings"
    return folder


class Mast:
    """The release with a database; each call is one `bin/mast eval`."""

    def __init__(self, release: Path, cluster: Cluster, database: str) -> None:
        self.executable = release / "bin/mast"
        self.url = cluster.url(database)
        self._cluster, self._database = cluster, database

    def eval(self, expression: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Evaluate an expression in a fresh VM."""
        return subprocess.run(
            [self.executable, "eval", expression],
            env={
                "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "RELEASE_COOKIE": "throwaway",
                "ERL_CRASH_DUMP_SECONDS": "0", "DATABASE_URL": self.url,
                "SECRET_KEY_BASE": SECRET_KEY_BASE, "MAST_VAULT_KEY": VAULT_KEY, **environment,
            },
            check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def enroll(self, **environment: str) -> Any:
        """Enroll and return the object on the last line."""
        done = self.eval(ENROLL, **environment)
        assert done.returncode == 0, done.stderr
        assert "PRIVATE KEY" not in done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def sql(self, statement: str) -> str:
        """Run SQL as the superuser."""
        return self._cluster.sql(statement, self._database)

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
def mast(release: Path, cluster: Cluster, database: str) -> Mast:
    """Give the release a migrated database without servers."""
    return Mast(release, cluster, database)


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
    mast.enroll(MAST_SELF_HOST="::1", MAST_SELF_PORT="2222", MAST_SELF_USER="ops")
    assert mast.sql('SELECT host, "user", port FROM servers') == "::1|ops|2222"


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
    first = mast.enroll()
    second = mast.enroll(MAST_SELF_USER="another")
    assert second == {**first, "created": False}
    assert mast.sql("SELECT count(*) FROM servers, private_keys") == "1"


def test_several_at_once(mast: Mast) -> None:
    """Three callers at once: one creates, the others find, and there is one key."""
    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(lambda _: mast.enroll(), range(3)))
    assert sorted(each["created"] for each in said) == [False, False, True]
    assert len({each["server"]["id"] for each in said}) == 1
    assert len({each["public_key"] for each in said}) == 1
    assert mast.sql("SELECT count(*) FROM private_keys") == "1"


def test_a_deleted_server_gets_a_new_key(mast: Mast) -> None:
    """After its row was deleted the host enrolls again, although the old key is still there."""
    first = mast.enroll()
    mast.sql("DELETE FROM servers")
    second = mast.enroll()
    assert second["created"] is True
    assert second["public_key"] != first["public_key"]
    assert mast.sql("SELECT count(*) FROM servers") == "1"


def test_a_server_without_a_key_counts(mast: Mast) -> None:
    """A server of this name that an operator made is this host; it has no key to report."""
    mast.sql(f"INSERT INTO servers (name, host) VALUES ('{NAME}', '10.0.0.1')")  # noqa: S608
    said = mast.enroll()
    assert (said["created"], said["public_key"]) == (False, None)
    assert mast.sql("SELECT count(*) FROM private_keys") == "0"


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


def test_raises_without_migrations(release: Path, cluster: Cluster, empty_database: str) -> None:
    """On a database without Mast's tables it raises, and says what the database said."""
    done = Mast(release, cluster, empty_database).eval(ENROLL)
    assert done.returncode == 1
    assert 'relation "servers" does not exist' in done.stderr


def test_the_agent_enrolls_with_it(mast: Mast, tmp_path: Path) -> None:
    """`mast-agent enroll` ends enrolled, with the id that this module reported."""
    agent = Agent(tmp_path / "agent", mast_bin=mast.executable, url=mast.url)
    assert agent.enroll().code == 0
    assert mast.sql("SELECT id FROM servers") == agent.record()["server"]["id"]
