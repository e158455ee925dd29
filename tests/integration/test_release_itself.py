"""The reference Mast does what Mast was measured to do, as far as other tests rely on it."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from support import releases
from support.canaries import SECRET_KEY_BASE, VAULT_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from support.postgres import Cluster

pytestmark = [pytest.mark.root, pytest.mark.slow(15)]

ENROLL = "Mast.Bootstrap.self_enroll!"
# No one listens there: port 1 is tcpmux.
NOWHERE = "ecto://mast:pw-canary@127.0.0.1:1/mast"


def mast(
    root: Path, url: str | None, expression: str = ENROLL, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run `bin/mast eval` to its end."""
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY_BASE": SECRET_KEY_BASE,
        "MAST_VAULT_KEY": VAULT_KEY,
        "ERL_CRASH_DUMP_SECONDS": "0",
        "MAST_REFERENCE_HOSTNAME": "reference",
        **({} if url is None else {"DATABASE_URL": url}),
        **more,
    }
    return subprocess.run(
        [root / "bin" / "mast", "eval", expression],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        check=False, timeout=60, errors="surrogateescape",
    )  # fmt: skip


def contract(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the JSON object that the last line of stdout is."""
    assert done.returncode == 0, done
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def test_migrate_and_enroll(reference: Path, cluster: Cluster, empty_database: str) -> None:
    """Migrating an empty database and enrolling twice leaves one server, and the second says so."""
    url = cluster.url(empty_database)
    assert mast(reference, url, "Mast.Release.migrate()").returncode == 0
    files = [*reference.glob("lib/mast-*/priv/repo/migrations/**/*.exs")]
    versions = {int(file.name.split("_")[0]) for file in files}
    applied = cluster.sql("SELECT version FROM schema_migrations", empty_database).split()
    assert len(versions) >= 20
    assert {int(version) for version in applied} == versions

    first, second = contract(mast(reference, url)), contract(mast(reference, url))
    assert (first["mast_bootstrap"], first["created"], second["created"]) == (1, True, False)
    assert first["server"] == second["server"]
    assert first["public_key"] == second["public_key"]
    rows = cluster.sql('SELECT id, name, host, "user", port FROM servers', empty_database)
    assert rows == f"{first['server']['id']}|reference|127.0.0.1|mast-managed|22"


def test_public_key_is_openssh(
    reference: Path, cluster: Cluster, database: str, tmp_path: Path
) -> None:
    """ssh-keygen reads the public key, and its fingerprint is the one in private_keys."""
    key = tmp_path / "key.pub"
    key.write_text(contract(mast(reference, cluster.url(database)))["public_key"] + "\n")
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", key], check=True, capture_output=True, text=True
    ).stdout
    assert shown.split()[1] == cluster.sql("SELECT fingerprint FROM private_keys", database)


def test_private_key_is_openssh(reference: Path, tmp_path: Path) -> None:
    """ssh-keygen takes the private key and derives the public one from it."""
    key = tmp_path / "key"
    expression = "key = Mast.SSHKey.generate(~s(c)); IO.write(key.private); IO.puts(key.public)"
    made = mast(reference, NOWHERE, expression).stdout
    private, end, public = made.partition("-----END OPENSSH PRIVATE KEY-----\n")
    key.touch(mode=0o600)
    key.write_text(private + end)
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", key], check=True, capture_output=True, text=True
    ).stdout
    assert derived.split()[:2] == public.split()[:2]


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY_BASE", "MAST_VAULT_KEY"])
def test_missing_variable(reference: Path, name: str) -> None:
    """Every eval wants each secret, and names the one that is missing."""
    environment = {"DATABASE_URL": NOWHERE, "SECRET_KEY_BASE": "x", "MAST_VAULT_KEY": VAULT_KEY}
    del environment[name]
    done = subprocess.run(
        [reference / "bin" / "mast", "eval", ":ok"],
        env={"PATH": os.environ["PATH"], "ERL_CRASH_DUMP_SECONDS": "0", **environment},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    # On a slow machine it ends before the exception has reached stderr, and stdout alone has it.
    assert f"environment variable {name} is missing." in done.stderr + done.stdout


def test_patience_with_a_database_that_is_down(reference: Path) -> None:
    """The cause is on stdout as JSON, the generic exception on stderr, and the password nowhere."""
    done = mast(reference, NOWHERE)
    assert done.returncode == 1
    assert "connection refused" in json.loads(done.stdout.splitlines()[0])["message"]
    assert done.stderr.startswith("** (DBConnection.ConnectionError) connection not available")
    assert "pw-canary" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("password", "database", "cause"),
    [
        ("wrong", "postgres", "FATAL 28P01 (invalid_password)"),
        (None, "nowhere", "FATAL 3D000 (invalid_catalog_name)"),
    ],
)
def test_patience_with_a_refusal(
    reference: Path, cluster: Cluster, password: str | None, database: str, cause: str
) -> None:
    """What the server refuses is named on stdout only."""
    done = mast(reference, cluster.url(database, password=password))
    assert done.returncode == 1
    assert cause in json.loads(done.stdout.splitlines()[0])["message"]
    assert cause not in done.stderr


def test_not_migrated(reference: Path, cluster: Cluster, empty_database: str) -> None:
    """Enrolling before migrating fails with the missing table's name."""
    done = mast(reference, cluster.url(empty_database))
    assert done.returncode == 1
    expected = '** (Postgrex.Error) ERROR 42P01 (undefined_table) relation "servers" does not exist'
    assert done.stderr.startswith(expected)


def test_invalid_url_is_shown(reference: Path) -> None:
    """A URL that Ecto refuses appears whole on stderr, which is why the agent masks it."""
    url = "ecto://mast:raw#canary@127.0.0.1/mast"
    done = mast(reference, url)
    assert done.returncode == 1
    assert f"** (Ecto.InvalidURLError) invalid URL {url}" in done.stderr


@pytest.mark.parametrize(("mode", "code"), [("nothing", 0), ("phantom", 0), ("raise", 1)])
def test_broken_enrollments(
    reference: Path, cluster: Cluster, database: str, mode: str, code: int
) -> None:
    """A broken enrollment ends with its code and leaves no row."""
    done = mast(reference, cluster.url(database), MAST_REFERENCE_ENROLL=mode)
    assert done.returncode == code
    assert cluster.sql("SELECT count(*) FROM servers", database) == "0"
    if mode == "phantom":
        uuid.UUID(contract(done)["server"]["id"])


def test_replayed_output_is_unaltered(
    reference: Path, cluster: Cluster, database: str, tmp_path: Path
) -> None:
    """Bytes that are no UTF-8 come out of the VM as they are, before the line of the contract."""
    replay = tmp_path / "replay"
    replay.write_bytes(bytes(range(256)) + b"\n")
    done = mast(reference, cluster.url(database), MAST_REFERENCE_OUTPUT=str(replay))
    # subprocess's text mode makes newlines of CR and CR LF.
    expected = replay.read_bytes().replace(b"\r", b"\n")
    assert done.stdout.encode(errors="surrogateescape").startswith(expected)
    assert contract(done)["created"] is True


def test_variants(reference: Path, cluster: Cluster, database: str, tmp_path: Path) -> None:
    """The variants lack what their names say; the original keeps it."""
    url = cluster.url(database)
    bare = releases.variant("read-only,no-bootstrap", reference, tmp_path / "bare")
    done = mast(bare, url)
    assert done.returncode != 0
    assert done.stderr.startswith("cat: ")
    assert done.stderr.rstrip().endswith("releases/COOKIE: No such file or directory")
    done = mast(bare, url, RELEASE_COOKIE="cookie")
    assert "function Mast.Bootstrap.self_enroll!/0 is undefined" in done.stderr
    assert contract(mast(reference, url))["created"] is True
