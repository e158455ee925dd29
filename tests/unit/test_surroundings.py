"""What is known of the host for remedies: found in files, and left out where it is not clear."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from mast_agent.config.settings import Settings
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.report import surroundings
from mast_agent.report.surroundings import Reader

PSQL = "runuser -u postgres -- psql"
_SOCKETS = "unix_socket_directories = '/run/postgresql, /tmp/so cket' # both\n"


@pytest.fixture(autouse=True)
def _host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Debian host with two clusters, the one on 5433 alive, and mast.service."""
    for version, text in (
        ("16", "port = 5433\n"),
        ("17", "#port = 1\nport = 1 # old\nport='5432'\n" + _SOCKETS),
    ):
        (tmp_path / f"pg/{version}/main").mkdir(parents=True)
        (tmp_path / f"pg/{version}/main/postgresql.conf").write_text(text)
    (tmp_path / "16-main.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "mast.service").touch()
    monkeypatch.setattr(surroundings, "_CLUSTERS", str(tmp_path / "pg"))
    monkeypatch.setattr(surroundings, "_PIDS", str(tmp_path))
    monkeypatch.setattr(surroundings, "_UNITS", (str(tmp_path),))
    monkeypatch.setattr(surroundings, "_NIXOS", str(tmp_path / "NIXOS"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _: None)


def _known(url: str | None, env_file: Path | None = Path("/etc/mast.env")) -> dict[str, str]:
    mast = {} if url is None else {"DATABASE_URL": url}
    nowhere = Path("/nowhere")
    config = Settings(
        mast_bin="/opt/mast/bin/mast",
        timeout=1.0,
        state_directory=nowhere,
        runtime_directory=nowhere,
        access_directory=nowhere,
        login_directory=nowhere,
        access=False,
        env_file=env_file,
        mast=mast,
    )
    return surroundings.known(config)


def test_a_local_cluster() -> None:
    """The port names the cluster, and with it the unit; a dead one is known to be stopped."""
    known = _known("ecto://role:secret@127.0.0.1/base")
    assert (known["role"], known["database"], known["place"]) == ("role", "base", "127.0.0.1:5432")
    assert known["postgresql"] == known["stopped"] == "postgresql@17-main"
    assert known["psql"] == PSQL
    assert "secret" not in str(known)
    other = _known("ecto://role@localhost:5433/base")
    assert other["postgresql"] == "postgresql@16-main"
    assert "stopped" not in other
    assert other["psql"] == f"{PSQL} -p 5433"


def test_a_socket_of_its_own() -> None:
    """The superuser takes the same one."""
    known = _known("ecto://role@localhost/base?socket_dir=/tmp/so%20cket")
    assert known["psql"] == f"{PSQL} -h '/tmp/so cket'"
    assert _known("ecto://role@localhost/base?socket_dir=/run/postgresql")["psql"] == PSQL
    # No cluster makes one there: to start one would be of no use.
    assert "postgresql" not in _known("ecto://role@localhost/base?socket_dir=/nowhere")
    assert "postgresql" in _known("ecto://role@localhost:5433/base?socket_dir=/run/postgresql")


@pytest.mark.parametrize("url", ["ecto://r@db.example/b", "ecto://r@127.0.0.1:6432/b"])
def test_another_server(url: str) -> None:
    """One elsewhere, or of a port that no cluster has, cannot be told anything by a command."""
    assert not {"psql", "postgresql", "stopped"} & set(_known(url))


def test_no_cluster_of_debians(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is the unit of that name, on the usual port."""
    monkeypatch.setattr(surroundings, "_CLUSTERS", str(tmp_path / "none"))
    assert "postgresql" not in _known("ecto://r@localhost/b")
    (tmp_path / "postgresql.service").touch()
    assert _known("ecto://r@localhost/b")["postgresql"] == "postgresql"
    assert "postgresql" not in _known("ecto://r@localhost:5433/b")


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """No URL, one that is refused, a pid file with nonsense: nothing is known by them."""
    for url in (None, "ecto://"):
        assert "role" not in _known(url)
    (tmp_path / "16-main.pid").write_text("none\n")
    assert _known("ecto://r@localhost:5433/b")["stopped"] == "postgresql@16-main"


def test_migrating(tmp_path: Path) -> None:
    """mast.service migrates; without it the release does, with what is in the file."""
    assert _known(None)["migrate"] == "systemctl restart --no-block mast"
    (tmp_path / "mast.service").unlink()
    command = _known(None, None)["migrate"]
    assert command.startswith("env ERL_CRASH_DUMP_SECONDS=0 ")
    assert command.endswith("/opt/mast/bin/mast eval 'Mast.Release.migrate()'")


def test_a_reader_of_the_unit() -> None:
    """What it has given up for, nobody tries again: it says how to go on."""
    reader = Reader(unit=True, known={"env_file": "/etc/mast.env"})
    final, passing = Failure(causes.ROLE_NOLOGIN, "m"), Failure(causes.STARTING, "m")
    assert reader.remedy(final).endswith("then: systemctl restart --no-block mast-agent")
    assert "restart" not in reader.remedy(passing)
    missing = Failure(causes.VARIABLE_MISSING, "m", known={"name": "SECRET_KEY_BASE"})
    assert reader.remedy(missing) == (
        "Set SECRET_KEY_BASE in /etc/mast.env; then: systemctl restart --no-block mast"
    )


def test_a_reader_by_hand() -> None:
    """Another than root is told to be root for what he alone may not do."""
    user, root = Reader(root=False, command="check"), Reader(command="check")
    assert user.remedy(Failure(causes.ENV_FILE_UNREADABLE, "m")) == (
        "Run it as root: sudo mast-agent check"
    )
    known = {"path": "/etc/mast.env", "group": "mast"}
    assert "chown root:mast" in root.remedy(Failure(causes.ENV_FILE_UNREADABLE, "m", known=known))
    assert user.remedy(Failure(causes.ACCESS_KEY_ABSENT, "m")) == (
        "Install it: sudo systemctl start mast-agent-access"
    )
