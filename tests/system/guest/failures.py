"""Scenarios: the unit fails, is stopped, or cannot be set up, on a machine that was enrolled."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import inside

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPTED = "[Service]\nEnvironment=MAST_BIN={}\n"
_DROP_INS = Path("/usr/share/mast-agent/systemd")


def failing() -> dict[str, Any]:
    """Go through the ways in which the unit fails."""
    inside.await_state("exited")
    return {
        "configuration": _configuration(),
        "transient": _transient(),
        "namespace": _setup("[Service]\nBindReadOnlyPaths=/nonexistent:/mnt\n"),
        "credentials": _setup("[Service]\nLoadCredential=mast.env:/nonexistent\n"),
        "sandbox": _sandbox(),
        "reduced": _reduced(),
        "extended": _extended(),
    }


def stopping() -> dict[str, Any]:
    """Stop the unit in each phase that takes time."""
    inside.await_state("exited")
    return {
        "database": _stop_in_database(),
        "migrations": _stop_in_migrations(),
        "enroll": _stop_in_eval(),
        "verify": _stop_in_verify(),
        "stubborn": _stop_stubborn(),
        "afterwards": _enroll_after_all(),
    }


def _forget() -> None:
    """Make the machine one that has never been enrolled."""
    inside.run("systemctl", "stop", "mast-agent")
    inside.run("systemctl", "reset-failed", "mast-agent")
    inside.psql("DELETE FROM servers; DELETE FROM private_keys")
    inside.RECORD.unlink(missing_ok=True)
    inside.STATUS.unlink(missing_ok=True)


@contextlib.contextmanager
def _drop_in(text: str) -> Iterator[None]:
    """Have a drop-in for a while, on a machine that is not enrolled."""
    _forget()
    inside.drop_in("scenario", text)
    try:
        yield
    finally:
        inside.run("systemctl", "stop", "mast-agent")
        inside.drop_in("scenario", "")


def _settle(*states: str) -> dict[str, Any]:
    """Start the unit, wait for a state, and return what can be known of it."""
    inside.must("systemctl", "start", "--no-block", "mast-agent")
    state = inside.await_state(*states)
    time.sleep(0.5)  # whether it stays there is part of the question
    return {
        "agent": inside.agent(),
        "settled": state,
        "status_nobody": inside.status(user="nobody"),
    }


def _configuration() -> dict[str, Any]:
    inside.write_environment({"MAST_VAULT_KEY": "canary-short-key"})
    try:
        with _drop_in("[Service]\n"):
            return _settle("failed")
    finally:
        inside.write_environment()


def _transient() -> dict[str, Any]:
    """Let the database be down, and see when the unit is started again; then mend it."""
    script = inside.scripted("failing", 'echo "** (RuntimeError) not today" >&2; exit 1')
    # The same lines as the shipped ones, with a shorter scale.
    scale = "MAST_AGENT_TIMEOUT=2\nRestartSec=500ms\nRestartSteps=3\nRestartMaxDelaySec=4s\n"
    with _drop_in(_SCRIPTED.format(script) + "Environment=" + scale):
        inside.must("systemctl", "start", "--no-block", "mast-agent")
        inside.until(
            lambda: int(inside.agent()["NRestarts"]) >= 5, seconds=60, what="five restarts"
        )
        facts = {
            "agent": inside.await_state("auto-restart"),
            "status_nobody": inside.status(user="nobody"),
            "pauses": _pauses(),
            "next": _next(),
        }
    facts["shipped"] = inside.show(
        "mast-agent.service", "RestartUSec", "RestartSteps", "RestartMaxDelayUSec"
    )
    return facts


def _next() -> dict[str, Any]:
    """Return what is said of the next start, and when it came, in seconds since the epoch."""

    def between() -> dict[str, Any] | None:
        said = inside.status_json(user="nobody")
        return said if said["units"]["mast-agent.service"]["restart_at"] else None

    said = inside.until(between, seconds=60, what="a pause")
    before = said["units"]["mast-agent.service"]["restarts"]
    inside.until(
        lambda: int(inside.agent()["NRestarts"]) > before, seconds=60, what="another restart"
    )
    return {"said": said, "came": time.time()}


def _pauses() -> list[float]:
    """Return the seconds between the end of each run and the start of the next."""
    ended, pauses = 0.0, []
    for entry in inside.journal("_PID=1", "UNIT=mast-agent.service"):
        at = int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
        if "Main process exited" in entry["MESSAGE"]:
            ended = at
        elif "Starting mast-agent" in entry["MESSAGE"] and ended:
            pauses.append(round(at - ended, 2))
    return pauses[-5:]


def _setup(text: str) -> dict[str, Any]:
    with _drop_in(text):
        return _settle("failed")


def _sandbox() -> dict[str, Any]:
    """Let the eval do what the system call filter denies: raise its own priority."""
    script = inside.scripted("denied", "renice -n 5 $$")
    with _drop_in(_SCRIPTED.format(script)):
        facts = _settle("failed")
    facts["kernel"] = inside.run("journalctl", "-b", "--no-pager", "-g", "SIGSYS|code=dumped").out
    return facts


def _reduced() -> dict[str, Any]:
    """Enroll with the drop-in for LXC, and see whose mount namespace the agent has."""
    with _drop_in((_DROP_INS / "lxc.conf").read_text(encoding="utf-8")), _database_down():
        inside.must("systemctl", "start", "--no-block", "mast-agent")
        inside.await_text("waiting")
        pid = inside.show("mast-agent.service", "MainPID")["MainPID"]
        shared = {
            kind: Path(f"/proc/{pid}/ns/{kind}").readlink() == Path(f"/proc/1/ns/{kind}").readlink()
            for kind in ("mnt", "net", "ipc", "uts", "user")
        }
        inside.must("systemctl", "start", "postgresql")
        return {"shared": shared, "agent": inside.await_state("exited")}


def _extended() -> dict[str, Any]:
    """Let a run take longer than the unit's TimeoutStartSec=, by a setting in the file."""
    inside.write_environment({"MAST_AGENT_TIMEOUT": "12"})
    limit = "[Service]\nTimeoutStartSec=9s\nRestart=no\n"
    try:
        with _drop_in(limit), _database_down():
            inside.must("systemctl", "start", "--no-block", "mast-agent")
            inside.await_state("failed")
            return inside.agent() | inside.show("mast-agent.service", "TimeoutStartUSec")
    finally:
        inside.write_environment()


@contextlib.contextmanager
def _database_down() -> Iterator[None]:
    """Stop PostgreSQL for a while."""
    inside.must("systemctl", "stop", "postgresql")
    try:
        yield
    finally:
        inside.must("systemctl", "start", "postgresql")
        inside.until(inside.database_up, seconds=30, what="PostgreSQL")


def _stop(*, expecting: str) -> dict[str, Any]:
    """Stop the unit and look at what is left of it."""
    shown = inside.run("systemctl", "status", "--no-pager", "mast-agent").out
    before = inside.processes()
    pressure = [inside.pressure()]
    stopped = inside.run("systemctl", "stop", "mast-agent")
    pressure.append(inside.pressure())
    group = Path("/sys/fs/cgroup/system.slice/mast-agent.service")
    return {
        "expected": expecting,
        "shown": shown,
        "before": before,
        "code": stopped.code,
        "seconds": stopped.seconds,
        "pressure": pressure,
        "agent": inside.agent(),
        "left": inside.processes() if group.exists() else [],
        "record": inside.record(),
    }


def _stop_in_database() -> dict[str, Any]:
    with _drop_in("[Service]\n"), _database_down():
        inside.must("systemctl", "start", "--no-block", "mast-agent")
        inside.await_text("waiting: database")
        return _stop(expecting="database") | {"status_nobody": inside.status(user="nobody")}


def _stop_in_migrations() -> dict[str, Any]:
    with _drop_in("[Service]\n"):
        (newest,) = inside.psql("SELECT max(version) FROM schema_migrations")
        inside.psql(f"DELETE FROM schema_migrations WHERE version = {int(newest)}")  # noqa: S608
        try:
            inside.must("systemctl", "start", "--no-block", "mast-agent")
            inside.await_text("waiting: migrations")
            return _stop(expecting="migrations")
        finally:
            inside.psql(f"INSERT INTO schema_migrations VALUES ({int(newest)}, now())")  # noqa: S608


def _stop_in_eval() -> dict[str, Any]:
    inside.write_environment({"MAST_REFERENCE_EVAL_SLEEP": "60"})
    try:
        with _drop_in("[Service]\n"):
            begun = inside.evals()
            inside.must("systemctl", "start", "--no-block", "mast-agent")
            inside.until(lambda: inside.evals() > begun, seconds=60, what="the eval")
            return _stop(expecting="enroll") | {"rows": inside.servers()}
    finally:
        inside.write_environment()


def _stop_in_verify() -> dict[str, Any]:
    """Lock the table between the insert and the agent's look at it."""
    inside.write_environment({"MAST_REFERENCE_AFTER_INSERT_SLEEP": "3"})
    locked = threading.Thread(
        target=lambda: inside.run(
            "psql", "-X", "-q", "-d", "mast", user="postgres",
            text="BEGIN; LOCK TABLE servers IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(120);",
            seconds=150,
        )
    )  # fmt: skip
    try:
        with _drop_in("[Service]\n"):
            inside.must("systemctl", "start", "--no-block", "mast-agent")
            inside.until(inside.servers, seconds=60, what="the row")
            locked.start()
            inside.await_text("verify")
            facts = _stop(expecting="verify")
            _unlock()
            locked.join()
            return facts
    finally:
        _unlock()
        inside.write_environment()


def _unlock() -> None:
    inside.psql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(120)%'"
        " AND pid <> pg_backend_pid()"
    )


def _stop_stubborn() -> dict[str, Any]:
    """Stop while the eval and a child of it ignore SIGTERM."""
    script = inside.scripted(
        "stubborn", "trap '' TERM\ntouch $RELEASE_TMP/begun\nsleep 300 &\nwait; sleep 300"
    )
    with _drop_in(_SCRIPTED.format(script)):
        inside.must("systemctl", "start", "--no-block", "mast-agent")
        begun = Path("/run/mast-agent/eval/begun")
        inside.until(begun.exists, seconds=60, what="the stubborn eval")
        return _stop(expecting="enroll")


def _enroll_after_all() -> dict[str, Any]:
    """Start once more, with everything as it should be."""
    inside.must("systemctl", "start", "mast-agent")
    return {"agent": inside.agent(), "servers": inside.servers(), "record": inside.record()}


if __name__ == "__main__":
    inside.main(failing, stopping)
