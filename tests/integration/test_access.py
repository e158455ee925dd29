"""`mast-agent access`: from Mast's report to the file that sshd reads, and away again.

Who can log in with what it installs is seen where there is an sshd: tests/system/test_access.py.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from support import releases
from support.expect import assert_enrolled, assert_no_secret
from support.snippets import add_row, this_host

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.agent import Agent, Result
    from support.postgres import Cluster

pytestmark = pytest.mark.slow(40)

#: An account that every machine has, and that is not root.
USER = "nobody"
#: What `--revoke` leaves behind.
MARK = ".revoked"
YES = {"MAST_AGENT_ACCESS": "yes"}
PREFIX = 'restrict,from="127.0.0.1,::1" '
_ROTATE = """
Mast.Repo.connected!(fn _ ->
  {:ok, _} = Mast.Vault.start_link()
  made = Mast.SSHKey.generate("rotated")
  {:ok, key} = Mast.Keys.create_key(%{name: "rotated", body: made.private})
  Mast.Repo.query!("UPDATE servers SET private_key_id = $1::text::uuid", [key.id])
  IO.puts(made.public)
end)
"""
_ANOTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


@pytest.fixture(autouse=True)
def _account(agent: Agent) -> None:
    agent.environment["MAST_SELF_USER"] = USER


def key_of(agent: Agent, cluster: Cluster, database: str) -> str:
    """Return the public key that Mast has told, and see that it is the one of its one server."""
    query = "SELECT fingerprint FROM servers JOIN private_keys ON private_keys.id = private_key_id"
    (fingerprint,) = cluster.sql(query, database).splitlines()
    public: str = agent.record()["key"]["public"]
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    assert fingerprint == "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
    return public


def installed(agent: Agent) -> str | None:
    """Return the one file in the directory of keys, None when there is none."""
    found = agent.access.iterdir() if agent.access.exists() else []
    names = [path.name for path in found if path.name != MARK]
    assert names in ([], [USER]), names
    return (agent.access / USER).read_text() if names else None


def assert_refused(result: Result, code: int, cause: str, remedy: str) -> None:
    """Assert that it ended so, in one line with cause and remedy."""
    assert result.code == code, result
    (line,) = result.stderr.splitlines()
    assert line.startswith("mast-agent: error: access: "), result
    assert f"[{cause}, exit {code}]" in line, result
    assert remedy in line, result
    assert_no_secret(result.stdout + result.stderr)


def test_from_report_to_file_and_away(agent: Agent, cluster: Cluster, database: str) -> None:
    """The reported key is installed, once; status says so all the way; --revoke takes it away."""
    assert_enrolled(agent, agent.enroll(30, **YES), cluster.sql("SELECT id FROM servers", database))
    before = agent.status()["access"]
    assert (before["key"], before["error"]["cause"]) == ("absent", "access-key-absent"), before

    granted = agent.run("access")
    assert granted.code == 0, granted
    assert f"as {USER}" in granted.stderr, granted
    assert installed(agent) == f"{PREFIX}{key_of(agent, cluster, database)}\n"
    again = agent.run("access")
    assert again.code == 0, again
    assert "nothing to do" in again.stderr, again
    document = agent.status(**YES)
    assert document["access"]["key"] == "installed", document["access"]
    assert document["access"]["user"] == USER, document["access"]

    revoked = agent.run("access", "--revoke")
    assert revoked.code == 0, revoked
    assert "removed" in revoked.stderr, revoked
    assert "until: mast-agent access" in revoked.stderr, revoked
    assert installed(agent) is None
    assert agent.run("access", "--revoke").code == 0


def test_revoked_until_it_is_asked_for_by_hand(agent: Agent) -> None:
    """What the unit runs leaves the door closed, whatever else happens; a hand opens it again."""
    assert agent.enroll(30, **YES).code == 0
    assert agent.run("access", "--unless-revoked").code == 0
    key = installed(agent)
    assert agent.run("access", "--revoke").code == 0
    for _ in range(2):
        assert agent.enroll(30, **YES).code == 0
        kept = agent.run("access", "--unless-revoked")
        assert kept.code == 0, kept
        assert "nothing to do: access was revoked on 20" in kept.stderr, kept
        assert installed(agent) is None
    document = agent.status(**YES)
    assert document["code"] == 0, document
    assert document["access"]["wanted"] is False, document["access"]
    assert document["access"]["revoked"] is True, document["access"]
    said = agent.run("status", MAST_AGENT_ACCESS="yes", TZ="UTC")
    assert "cannot log in" not in said.stdout, said
    at = datetime.fromisoformat(document["access"]["revoked_at"]).strftime("%Y-%m-%d %H:%M:%S")
    assert f"off: revoked on {at} UTC; to allow it again: mast-agent access\n" in said.stdout, said
    # A broken environment file is no reason to complain about what is closed on purpose.
    assert agent.run("access", "--unless-revoked", MAST_AGENT_ENV_FILE="/nowhere").code == 0
    asked = agent.run("access")
    assert asked.code == 0, asked
    assert installed(agent) == key
    assert agent.status(**YES)["access"]["revoked"] is False


def test_resetting_opens_no_door(agent: Agent) -> None:
    """The revocation outlives `reset` and a new enrollment; without one, a reset is forgotten."""
    assert agent.enroll(30, **YES).code == 0
    assert agent.run("access", "--revoke").code == 0
    reset = agent.run("reset")
    assert reset.code == 0, reset
    assert "Mast's access stays revoked" in reset.stdout, reset
    assert agent.enroll(30, **YES).code == 0
    assert agent.run("access", "--unless-revoked").code == 0
    assert installed(agent) is None
    # Asked for before the host is enrolled, it is given by the unit afterwards.
    assert agent.run("reset").code == 0
    assert_refused(agent.run("access"), 75, "access-not-enrolled", "restart --no-block mast-agent")
    assert agent.enroll(30, **YES).code == 0
    assert agent.run("access", "--unless-revoked").code == 0
    assert installed(agent) is not None


def test_status_names_what_keeps_mast_out(agent: Agent) -> None:
    """Where access is wanted, the first line says that Mast cannot log in; it stays enrolled."""
    # A port on which nothing of this machine listens.
    agent.environment["MAST_SELF_PORT"] = "1"
    assert agent.enroll(30, **YES).code == 0
    unwanted = agent.run("status")
    assert unwanted.code == 0, unwanted
    assert "cannot log in" not in unwanted.stdout.splitlines()[0], unwanted
    no_key = agent.run("status", MAST_AGENT_ACCESS="yes")
    assert no_key.code == 0, no_key
    assert "Mast cannot log in: no key of Mast's is installed" in no_key.stdout.splitlines()[0]
    assert "systemctl start mast-agent-access" in no_key.stdout, no_key
    assert agent.run("access").code == 0
    no_sshd = agent.run("status", MAST_AGENT_ACCESS="yes")
    first = no_sshd.stdout.splitlines()[0]
    # The port was published, for an operator's shell that does not have the unit's environment.
    del agent.environment["MAST_SELF_PORT"]
    assert agent.run("status", MAST_AGENT_ACCESS="yes").stdout.splitlines()[0] == first
    assert "Mast cannot log in: nothing listens at 127.0.0.1:1" in first, no_sshd
    assert "systemctl start ssh" in no_sshd.stdout, no_sshd


def test_check_says_beforehand_what_is_missing(agent: Agent) -> None:
    """Before the enrollment `check` names the missing user and the silent port, and ends with 0."""
    agent.environment |= {"MAST_SELF_USER": "no-such-user", "MAST_SELF_PORT": "1"}
    result = agent.run("check", MAST_AGENT_ACCESS="yes")
    assert result.code == 0, result
    warnings = [line for line in result.stdout.splitlines() if line.startswith("access: warning")]
    assert len(warnings) == 2, result
    assert "no-such-user" in warnings[0], result
    assert "MAST_SELF_USER=no-such-user" in warnings[0], result
    assert "127.0.0.1:1" in warnings[1], result
    assert "access: " not in agent.run("check").stdout


def test_host_that_was_enrolled_before(agent: Agent, cluster: Cluster, database: str) -> None:
    """A host enrolled without access has its key asked for by one eval, and then no more."""
    assert agent.enroll().code == 0
    assert agent.record()["key"]["public"] is not None, "the report is kept in any case"
    record = agent.record()
    del record["key"]
    (agent.state / "enrollment.json").write_text(json.dumps(record))
    result = agent.enroll(30, **YES)
    assert_enrolled(agent, result, cluster.sql("SELECT id FROM servers", database))
    assert "already enrolled" in result.stderr, result
    assert agent.eval_count() == 2, result
    assert agent.record()["key"]["public"].startswith(key_of(agent, cluster, database))
    assert agent.enroll(30, **YES).code == 0
    assert agent.eval_count() == 2


def test_lost_record(agent: Agent, cluster: Cluster, database: str) -> None:
    """Without its record a host learns its key again, and there is still one row."""
    assert agent.enroll(30, **YES).code == 0
    assert agent.run("access").code == 0
    key = installed(agent)
    (agent.state / "enrollment.json").unlink()
    assert_refused(agent.run("access"), 75, "access-not-enrolled", "restart --no-block mast-agent")
    assert installed(agent) == key
    result = agent.enroll(30, **YES)
    assert_enrolled(agent, result, cluster.sql("SELECT id FROM servers", database))
    assert agent.run("access").code == 0
    assert installed(agent) == key


def test_new_key_in_old_key_out(agent: Agent, cluster: Cluster, database: str) -> None:
    """After the row was deleted, or was given another key, the old key is replaced by the new."""
    assert agent.enroll(30, **YES).code == 0
    assert agent.run("access").code == 0
    first = installed(agent)
    cluster.sql("DELETE FROM servers", database)
    assert agent.enroll(30, **YES).code == 0
    assert agent.status(**YES)["access"]["key"] == "outdated"
    assert agent.run("access").code == 0
    second = installed(agent)
    assert second == f"{PREFIX}{key_of(agent, cluster, database)}\n"
    assert second != first
    # As an operator does who has rotated the key in the dashboard.
    rotated = subprocess.run(
        [agent.environment["MAST_BIN"], "eval", _ROTATE],
        env=agent.environment, check=True, capture_output=True, text=True,
    ).stdout.strip()  # fmt: skip
    known = agent.status(**YES)
    assert (known["code"], known["access"]["error"]["cause"]) == (0, "access-key-replaced"), known
    assert "Mast cannot log in: Mast has another key" in known["summary"], known
    assert agent.enroll(30, **YES).code == 0
    assert agent.run("access").code == 0
    assert installed(agent) == f"{PREFIX}{rotated}\n" != second


def test_mast_that_tells_no_key(agent: Agent) -> None:
    """A Mast without the line of the contract is asked once; the host is enrolled all the same."""
    result = agent.enroll(30, **YES, MAST_REFERENCE_JSON="0")
    assert result.code == 0, result
    assert agent.enroll(30, **YES).code == 0
    assert agent.eval_count() == 1
    assert_refused(agent.run("access"), 70, "access-key-unknown", "restart --no-block mast-agent")
    assert installed(agent) is None


def test_mast_that_cannot_be_asked(
    agent: Agent, cluster: Cluster, database: str, reference: Path, tmp_path: Path
) -> None:
    """A host that the database has stays enrolled (0) when asking for its key fails."""
    server_id = add_row(cluster, database)
    root = releases.variant("no-bootstrap", reference, tmp_path / "release")
    result = agent.enroll(30, **YES, MAST_BIN=str(root / "bin" / "mast"))
    assert_enrolled(agent, result, server_id)
    assert "public key could not be learned" in result.stderr, result


def test_claim_that_the_database_refutes(agent: Agent, cluster: Cluster, database: str) -> None:
    """A Mast that names a row which is not there costs an enrolled host nothing but the key."""
    server_id = add_row(cluster, database)
    result = agent.enroll(30, **YES, MAST_REFERENCE_ENROLL="phantom")
    assert_enrolled(agent, result, server_id)
    assert "public key could not be learned" in result.stderr, result
    assert agent.record()["key"] is None


def test_row_under_another_name(agent: Agent, cluster: Cluster, database: str) -> None:
    """A row that was made by hand under another name is not doubled for the sake of a key."""
    insert = f"INSERT INTO servers (name, host) VALUES ('by-hand', '{this_host()}')"  # noqa: S608
    cluster.sql(insert, database)
    result = agent.enroll(30, **YES)
    assert result.code == 0, result
    assert agent.eval_count() == 0, result
    assert cluster.sql("SELECT count(*) FROM servers", database) == "1"


def _record_with(key: str) -> Callable[[Agent], None]:
    def spoil(agent: Agent) -> None:
        record = agent.record()
        record["key"]["public"] = key
        (agent.state / "enrollment.json").write_text(json.dumps(record))

    return spoil


def _put_link(agent: Agent) -> None:
    agent.access.mkdir()
    (agent.access / USER).symlink_to(agent.state / "victim")


def _put_foreign(agent: Agent) -> None:
    agent.access.mkdir()
    (agent.access / USER).write_text("somebody's\n")
    os.chown(agent.access / USER, 12345, 12345)


REFUSED: dict[str, tuple[Callable[[Agent], None], str, str]] = {
    "two keys": (_record_with(f"{_ANOTHER} {_ANOTHER}"), "access-key-invalid", "delete the server"),
    "two lines": (_record_with(f"{_ANOTHER}\n{_ANOTHER}"), "access-key-invalid", "delete the"),
    "options": (_record_with(f'command="id" {_ANOTHER}'), "access-key-invalid", "delete the"),
    "newline inside": (
        _record_with(f"{_ANOTHER[:40]}\n{_ANOTHER[40:]}"),
        "access-key-invalid",
        "delete",
    ),
    "another type": (_record_with("ssh-rsa AAAAB3NzaC1yc2E="), "access-key-invalid", "delete the"),
    "1 MB": (_record_with(f"{_ANOTHER} {'x' * 1_000_000}"), "access-record-unusable", "restart"),
    "a link in its way": (_put_link, "access-path-foreign", "mv -T "),
    "somebody else's file": (_put_foreign, "access-path-foreign", "mv -T "),
}


@pytest.fixture(scope="module")
def key_record(
    new_agent: Callable[[str], Agent], cluster: Cluster, migrated_template: str
) -> dict[str, Any]:
    """A record with a key, to be spoiled."""
    cluster.sql(f"CREATE DATABASE to_be_spoiled OWNER mast TEMPLATE {migrated_template}")
    agent = new_agent(cluster.url("to_be_spoiled"))
    assert agent.enroll(30, **YES).code == 0
    cluster.sql("DROP DATABASE to_be_spoiled WITH (FORCE)")
    return agent.record()


@pytest.mark.root
@pytest.mark.parametrize("name", REFUSED)
def test_refused(agent: Agent, key_record: dict[str, Any], name: str) -> None:
    """What is no single key, or stands in its way, ends with 78, and nothing is written."""
    spoil, cause, remedy = REFUSED[name]
    agent.state.mkdir()
    (agent.state / "enrollment.json").write_text(json.dumps(key_record))
    spoil(agent)
    before = _tree(agent)
    result = agent.run("access")
    assert_refused(result, 78, cause, remedy)
    assert "AAAA" not in result.stderr, "the key itself is not repeated"
    assert _tree(agent) == before


def _tree(agent: Agent) -> dict[str, tuple[int, int, int]]:
    found = {}
    for directory in (agent.access, agent.state):
        for path in directory.rglob("*"):
            status = path.lstat()
            found[str(path)] = (status.st_mode, status.st_uid, status.st_mtime_ns)
    return found


@pytest.mark.parametrize(
    ("user", "cause"),
    [
        ("no-such-user", "access-user-missing"),
        ("root", "access-user-malformed"),
        ("../etc/passwd", "access-user-malformed"),
        ("Upper", "access-user-malformed"),
    ],
)
def test_user_who_may_not_be_opened(
    agent: Agent, key_record: dict[str, Any], user: str, cause: str
) -> None:
    """A user who is missing, root, or no user's name is refused, and nothing is written."""
    agent.state.mkdir()
    (agent.state / "enrollment.json").write_text(json.dumps(key_record))
    result = agent.run("access", MAST_SELF_USER=user)
    assert_refused(result, 78, cause, "MAST_SELF_USER")
    assert installed(agent) is None


def test_record_of_another_machine(agent: Agent, key_record: dict[str, Any]) -> None:
    """A clone does not open its door to its original's key."""
    agent.state.mkdir()
    record = key_record | {"machine": "0" * 32}
    (agent.state / "enrollment.json").write_text(json.dumps(record))
    assert_refused(agent.run("access"), 75, "access-not-enrolled", "restart --no-block mast-agent")
    assert installed(agent) is None


@pytest.mark.root
def test_not_root(agent: Agent, key_record: dict[str, Any]) -> None:
    """Without root's rights it ends with 77 and says how to run it."""
    agent.state.mkdir(mode=0o700)
    os.chown(agent.state, 12345, 12345)
    (agent.state / "enrollment.json").write_text(json.dumps(key_record))
    process = agent.start_as(
        ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"), "access"
    )
    result = agent.finish(process)
    assert_refused(result, 77, "access-denied", "systemctl start mast-agent-access")
    assert installed(agent) is None


def test_revoke_needs_nothing_to_be_right(agent: Agent, tmp_path: Path) -> None:
    """A door can be closed although the environment file is broken and the record gone."""
    agent.access.mkdir()
    (agent.access / USER).write_text("anything\n")
    broken = tmp_path / "broken.env"
    broken.write_text("A='open\n")
    result = agent.run("access", "--revoke", MAST_AGENT_ENV_FILE=str(broken))
    assert result.code == 0, result
    assert installed(agent) is None


def test_reset_takes_the_key_away(agent: Agent) -> None:
    """A template image has no key that would open all of its clones."""
    assert agent.enroll(30, **YES).code == 0
    assert agent.run("access").code == 0
    result = agent.run("reset")
    assert result.code == 0, result
    assert f"removed {agent.access / USER}" in result.stdout, result
    assert installed(agent) is None


def test_wrong_setting(agent: Agent) -> None:
    """MAST_AGENT_ACCESS that is neither yes nor no is an error of configuration."""
    result = agent.enroll(30, MAST_AGENT_ACCESS="perhaps")
    assert result.code == 78, result
    assert "MAST_AGENT_ACCESS: 'perhaps' is neither yes nor no" in result.stderr, result
