"""Scenario: real faults, one after another; what is printed is done as it is printed.

Each fault is made on an enrolled machine, as it happens to people. Then the operator, who is root
in a plain shell, runs the commands that `mast-agent status` sets apart, in that order, and looks
again. What the sentence leaves to be decided is done by the fault's own `decide`, before them.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import inside

if TYPE_CHECKING:
    from collections.abc import Callable

CLUSTER = "postgresql@*"
KEYS = Path("/var/lib/mast-agent-access")
RUNTIME = Path("/run/mast-agent")
MAST_BIN = Path("/opt/mast/bin/mast")
ROUNDS = 4
"""How many remedies one fault may take: a missing role is one of a missing database, too."""


def _nothing() -> None:
    """Leave it to the commands."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault: how it is made, what the operator decides, what he types, and what is undone.

    `restart` says that the agent only meets it in its next run, `mast` that Mast does too. `at` is
    the cause that has to be said first, `wait` how long an enrollment is waited for, in seconds.
    """

    make: Callable[[], None]
    at: str
    decide: Callable[[], None] = _nothing
    typed: str = ""
    restart: str = "mast-agent"
    undo: Callable[[], None] = _nothing
    wait: int = 60


def _admin(*statements: str) -> Callable[[], None]:
    """Return what runs SQL as the superuser, outside Mast's database."""

    def run() -> None:
        for statement in statements:
            inside.psql(statement, database="postgres")

    return run


def _here(statement: str) -> Callable[[], None]:
    def run() -> None:
        inside.psql(statement)

    return run


def _run(*argv: str) -> Callable[[], None]:
    def run() -> None:
        inside.must(*argv)

    return run


def _environment(**changes: str | None) -> Callable[[], None]:
    def write() -> None:
        inside.write_environment(changes)

    return write


def _append(line: str) -> Callable[[], None]:
    def append() -> None:
        with inside.ENV_FILE.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    return append


_URL = inside.ENVIRONMENT["DATABASE_URL"]
_SOCKET_URL = "ecto://mast@localhost/mast?socket_dir=/run/postgresql"
# What is connected stays so, whatever it would be refused now.
_KICK = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mast'"


def _hide_release() -> None:
    """Have an empty directory in the release's place, as before it is unpacked."""
    inside.must("mount", "-t", "tmpfs", "tmpfs", "/opt/mast")


def _show_release() -> None:
    inside.must("umount", "/opt/mast")


def _copy_release() -> None:
    """Have a copy that can be spoilt in the release's place."""
    shutil.copytree("/opt/mast", "/opt/copy", symlinks=True)
    inside.must("mount", "--bind", "/opt/copy", "/opt/mast")
    inside.must("systemctl", "restart", "mast", seconds=120)
    inside.until(inside.enrolled, seconds=60, what="the agent")


def _drop_all() -> None:
    inside.must("systemctl", "stop", "mast", "mast-agent")
    _admin("DROP DATABASE mast WITH (FORCE)", "DROP ROLE mast")()


def _forget_migration() -> None:
    inside.must("systemctl", "stop", "mast", "mast-agent")
    inside.psql("DROP DATABASE mast WITH (FORCE)", database="postgres")
    inside.psql("CREATE DATABASE mast OWNER mast", database="postgres")


def _never_run() -> None:
    inside.must("systemctl", "stop", "mast", "mast-agent")
    inside.run("mast-agent", "reset")
    inside.psql("DELETE FROM servers; DELETE FROM private_keys")


def _disabled() -> None:
    _never_run()
    inside.must("systemctl", "disable", "mast-agent")
    inside.must("systemctl", "start", "mast")


def _hold_the_lock() -> None:
    """Have another process hold it for some seconds: there is nothing to do but to wait."""
    holder = ("systemd-run", "--quiet", "flock", str(RUNTIME / "lock"), "sleep", "8")
    inside.must("systemctl", "stop", "mast-agent")
    inside.must(*holder)


def _foreign_eval() -> None:
    """Have something in the eval's place that cannot be moved away, and an eval that is due."""
    inside.must("systemctl", "stop", "mast-agent")
    shutil.rmtree(RUNTIME / "eval", ignore_errors=True)
    (RUNTIME / "eval").mkdir()
    inside.must("mount", "-t", "tmpfs", "tmpfs", str(RUNTIME / "eval"))
    inside.psql("DELETE FROM servers")


def _stop_behind_the_socket() -> None:
    inside.write_environment({"DATABASE_URL": _SOCKET_URL})
    inside.must("systemctl", "restart", "mast", seconds=120)
    inside.must("systemctl", "stop", CLUSTER)


def _other_key() -> None:
    path = KEYS / "mast-managed"
    path.write_text(path.read_text(encoding="utf-8").replace("AAAA", "AAAB", 1), encoding="utf-8")


def _foreign_key() -> None:
    path = KEYS / "mast-managed"
    path.unlink()
    path.mkdir()


FAULTS: dict[str, Fault] = {
    "env-file-missing": Fault(
        make=inside.ENV_FILE.unlink, at="env-file-missing", decide=inside.write_environment
    ),
    "env-file-unreadable": Fault(
        make=_run("chmod", "0600", str(inside.ENV_FILE)), at="env-file-unreadable"
    ),
    "env-file-malformed": Fault(
        make=_append("no assignment"), at="env-file-malformed", decide=inside.write_environment
    ),
    "variable-missing": Fault(
        make=_environment(SECRET_KEY_BASE=None),
        at="variable-missing",
        decide=inside.write_environment,
    ),
    "url-missing": Fault(
        make=_environment(DATABASE_URL=None), at="url-missing", decide=inside.write_environment
    ),
    "url-refused": Fault(
        make=_environment(DATABASE_URL="ecto://mast@/mast"),
        at="url-refused",
        decide=inside.write_environment,
    ),
    "release-not-executable": Fault(
        make=_run("chmod", "0644", str(MAST_BIN)), at="release-not-executable"
    ),
    "release-missing": Fault(make=_hide_release, at="release-missing", decide=_show_release),
    "refused": Fault(make=_run("systemctl", "stop", CLUSTER), at="refused"),
    "wrong-password": Fault(
        make=_admin("ALTER ROLE mast PASSWORD 'another'", _KICK),
        at="wrong-password",
        typed=f"{inside.PASSWORD}\n{inside.PASSWORD}\n",
    ),
    "role-nologin": Fault(make=_admin("ALTER ROLE mast NOLOGIN", _KICK), at="role-nologin"),
    "connect-denied": Fault(
        make=_admin(
            "ALTER DATABASE mast OWNER TO postgres",
            "REVOKE CONNECT ON DATABASE mast FROM PUBLIC, mast",
            _KICK,
        ),
        at="connect-denied",
        undo=_admin("ALTER DATABASE mast OWNER TO mast"),
    ),
    "schema-ahead": Fault(
        make=_here("INSERT INTO schema_migrations VALUES (99999999999999, now())"),
        at="schema-ahead",
        decide=_here("DELETE FROM schema_migrations WHERE version = 99999999999999"),
    ),
    "lock-held": Fault(make=_hold_the_lock, at="lock-held"),
    "select-denied": Fault(
        make=_here("REVOKE ALL ON schema_migrations, servers FROM mast"), at="select-denied"
    ),
    "too-many-connections": Fault(
        make=_admin("ALTER ROLE mast CONNECTION LIMIT 0", _KICK), at="too-many-connections"
    ),
    "database-missing": Fault(
        make=_admin("DROP DATABASE mast WITH (FORCE)"), at="database-missing"
    ),
    "migrations-pending": Fault(make=_forget_migration, at="migrations-pending"),
    "eval-directory": Fault(make=_foreign_eval, at="runtime-denied"),
    "stale": Fault(make=_here("DELETE FROM servers"), at="", restart=""),
    "never-run": Fault(make=_never_run, at="", restart=""),
    "disabled": Fault(make=_disabled, at="", restart=""),
    "access-revoked": Fault(make=_run("mast-agent", "access", "--revoke"), at="", restart=""),
    "access-key-absent": Fault(
        make=(KEYS / "mast-managed").unlink, at="access-key-absent", restart=""
    ),
    "access-key-outdated": Fault(make=_other_key, at="access-key-outdated", restart=""),
    "access-path-foreign": Fault(make=_foreign_key, at="access-path-foreign", restart=""),
    "access-user-missing": Fault(
        make=_run("userdel", "mast-managed"), at="access-user-missing", restart=""
    ),
    "sshd-silent": Fault(make=_run("systemctl", "stop", "ssh"), at="sshd-silent", restart=""),
    # The rest is met over the socket, where the kernel says who asks.
    "socket-missing": Fault(make=_stop_behind_the_socket, at="socket-missing"),
    # The database is missing as well, and the agent bears that for a while.
    "role-missing": Fault(make=_drop_all, at="role-missing", wait=10),
}


def remedies() -> dict[str, Any]:
    """Make each fault, do what is printed, and say what came of it."""
    inside.await_state("exited")
    inside.must("systemctl", "start", "ssh")
    _copy_release()
    chosen = os.environ.get("FAULTS", "").split() or list(FAULTS)
    return {name: _attempt(FAULTS[name]) for name in chosen} | {"by_hand": _by_hand()}


def _attempt(fault: Fault) -> dict[str, Any]:
    """Return what came of a fault; what went wrong with one keeps the others from nothing."""
    try:
        return _cure(fault)
    except Exception:  # noqa: BLE001 - the test of this fault says it
        return {"error": traceback.format_exc()}


def _cure(fault: Fault) -> dict[str, Any]:
    began = time.monotonic()
    if fault.restart:
        # A host that the database has is enrolled, whatever becomes of a later run.
        inside.psql("DELETE FROM servers; DELETE FROM private_keys")
    fault.make()
    if fault.restart:
        inside.must("systemctl", "restart", "--no-block", fault.restart)
        inside.until(lambda: _says(fault.at), seconds=60, what=fault.at)
    rounds: list[dict[str, Any]] = []
    while len(rounds) < ROUNDS:
        said = inside.run("mast-agent", "status")
        if said.code == 0 and "; but" not in said.out and "off: revoked" not in said.out:
            break
        fault.decide()
        commands = _commands(said.out)
        rounds.append({"said": said.out, "ran": [_shell(each, fault.typed) for each in commands]})
        ended = _wait(fault.wait)
        rounds[-1]["after"] = ended.out
        if not commands:
            break
    fault.undo()
    ended = _wait(60)
    return {
        "rounds": rounds,
        "code": ended.code,
        "in_the_end": ended.out,
        "dumps": [str(path) for path in Path("/opt").rglob("erl_crash.dump")],
        "seconds": round(time.monotonic() - began, 1),
    }


def _wait(seconds: int) -> inside.Ran:
    return inside.run("mast-agent", "status", "--wait", "--timeout", str(seconds), seconds=90)


def _says(cause: str) -> bool:
    """Tell whether the agent has found the fault, in this run."""
    document = inside.status_json()
    return document["error"] is not None and document["error"]["cause"] == cause


def _commands(text: str) -> list[str]:
    """Return the commands that a status prints: the way back from a revocation has its own line.

    To look into the journal cures nothing.
    """
    begin = "      $ "
    found = [line.removeprefix(begin) for line in text.splitlines() if line.startswith(begin)]
    found = [command for command in found if not command.startswith("journalctl ")]
    return found or [
        line.partition("to allow it again: ")[2]
        for line in text.splitlines()
        if "to allow it again: " in line
    ]


def _shell(command: str, typed: str) -> dict[str, Any]:
    """Run a command as it is printed, in root's plain shell, where no variable is set for it."""
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    shell = ("env", "-i", f"PATH={path}", "HOME=/root", "TERM=dumb", "sh", "-c", command)
    ran = inside.run(*shell, text=typed, seconds=120)
    return {"command": command, "code": ran.code, "said": ran.out + ran.err, "s": ran.seconds}


def _by_hand() -> dict[str, Any]:
    """See what is told to another than root, and what migrates where there is no mast.service."""
    inside.must("chmod", "0640", str(inside.ENV_FILE))
    nobody = {
        "check": inside.run("mast-agent", "check", user="nobody").err,
        "reset": inside.run("mast-agent", "reset", user="nobody").err,
        "access": inside.run("mast-agent", "access", user="nobody").err,
    }
    inside.must("systemctl", "stop", "mast", "mast-agent")
    _forget_migration()
    unit = Path("/usr/lib/systemd/system/mast.service")
    away = unit.rename(unit.with_suffix(".away"))
    checked = inside.run("mast-agent", "check").err
    away.rename(unit)
    command = checked.partition(". Run them: ")[2].rpartition(" [")[0]
    ran = _shell(command, "") if command else {}
    again = inside.run("mast-agent", "check")
    return {
        "nobody": nobody,
        "migrate": {"said": checked, "ran": ran, "words": shlex.split(command)},
        "after": {"code": again.code, "said": again.out + again.err},
    }


if __name__ == "__main__":
    inside.main(remedies)
