"""Runs inside a test machine: what scenarios look around with, and how they hand facts out.

A scenario is a function without arguments that returns facts, a dictionary fit for JSON. It
judges nothing: that is done outside, by the tests. Only the standard library is used, in what
Debian 12 and 13 both have.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Found = TypeVar("Found")

#: Most checks start a process; more often would take the processor from what is waited for.
_POLL_SECONDS = 0.2
#: What is waited for, or run, takes so much longer at most than on a machine that does only that.
_PATIENCE = 5

RESULTS = Path("/var/lib/test-results")
ENV_FILE = Path("/etc/mast.env")
STATE = Path("/var/lib/mast-agent")
RECORD = STATE / "enrollment.json"
STATUS = Path("/run/mast-agent/status.json")
DROP_INS = Path("/etc/systemd/system/mast-agent.service.d")
#: The reference release appends a line here each time that its bootstrap starts.
EVALS = Path("/var/lib/mast-agent/evals")

PASSWORD = "canary-password-7f3a"
#: What must never be seen outside the processes that need it.
CANARIES = {
    "password": PASSWORD,
    "secret-key-base": "canary-skb-" + "d41c" * 16,
    "vault-key": base64.b64encode(b"canary-vault-key-32-bytes-long-x").decode(),
}
ENVIRONMENT = {
    "DATABASE_URL": f"ecto://mast:{PASSWORD}@127.0.0.1:5432/mast",
    "SECRET_KEY_BASE": CANARIES["secret-key-base"],
    "MAST_VAULT_KEY": CANARIES["vault-key"],
    "PHX_HOST": "localhost",
    "MAST_REFERENCE_EVAL_LOG": str(EVALS),
}


class Ran(NamedTuple):
    """How a command ended, what it printed, and how long it took."""

    code: int
    out: str
    err: str
    seconds: float


def run(*argv: str, user: str | None = None, seconds: float = 60, text: str = "") -> Ran:
    """Run a command, as another user where one is named; `text` is what it reads."""
    if user:
        argv = ("runuser", "-u", user, "--", *argv)
    begin = time.monotonic()
    done = subprocess.run(
        argv, capture_output=True, timeout=seconds * _PATIENCE, check=False, cwd="/",
        input=text.encode(),
    )  # fmt: skip
    return Ran(
        done.returncode,
        done.stdout.decode(errors="replace"),
        done.stderr.decode(errors="replace"),
        round(time.monotonic() - begin, 3),
    )


def must(*argv: str, user: str | None = None, seconds: float = 60, text: str = "") -> str:
    """Run a command that has to succeed and return what it printed."""
    ran = run(*argv, user=user, seconds=seconds, text=text)
    if ran.code:
        raise RuntimeError(f"{' '.join(argv)}: exit {ran.code}\n{ran.out}\n{ran.err}")
    return ran.out


def until(check: Callable[[], Found | None], *, seconds: float, what: str) -> Found:
    """Return the first true value of `check`, which comes within `seconds` on an idle machine."""
    deadline = time.monotonic() + seconds * _PATIENCE
    while not (value := check()):
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"waited {seconds * _PATIENCE} s in vain for: {what}; the agent: {agent()}"
            )
        time.sleep(_POLL_SECONDS)
    return value


def show(unit: str, *properties: str) -> dict[str, str]:
    """Return properties of a unit, as `systemctl show` prints them."""
    text = must("systemctl", "show", "--property", ",".join(properties), unit)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


AGENT_PROPERTIES = (
    "ActiveState",
    "SubState",
    "Result",
    "NRestarts",
    "ExecMainStatus",
    "ExecMainCode",
    "StatusText",
)


def agent() -> dict[str, str]:
    """Return the state of mast-agent.service."""
    return show("mast-agent.service", *AGENT_PROPERTIES)


def enrolled() -> bool:
    """Tell whether the agent's unit is active (exited)."""
    return agent()["SubState"] == "exited"


def await_state(*states: str, seconds: float = 60) -> dict[str, str]:
    """Wait until the agent's unit is in one of the sub-states, and return it."""

    def there() -> dict[str, str] | None:
        state = agent()
        return state if state["SubState"] in states else None

    return until(there, seconds=seconds, what=f"mast-agent.service {states}")


def await_text(text: str, *, seconds: float = 60) -> str:
    """Wait until the agent's STATUS= contains a text, and return all of it."""

    def found() -> str | None:
        said = agent()["StatusText"]
        return said if text in said else None

    return until(found, seconds=seconds, what=f"STATUS with {text!r}")


def write_environment(changes: Mapping[str, str | None] | None = None) -> None:
    """Write /etc/mast.env as the documentation says; None takes a variable out."""
    lines = [
        f"{name}={value}\n"
        for name, value in {**ENVIRONMENT, **(changes or {})}.items()
        if value is not None
    ]
    ENV_FILE.write_text("".join(lines), encoding="utf-8")
    ENV_FILE.chmod(0o640)
    run("chown", "root:mast", str(ENV_FILE))


def drop_in(name: str, text: str) -> None:
    """Write a drop-in for mast-agent.service and load it; an empty text removes it."""
    DROP_INS.mkdir(parents=True, exist_ok=True)
    path = DROP_INS / f"{name}.conf"
    if text:
        path.write_text(text, encoding="utf-8")
    else:
        path.unlink(missing_ok=True)
    must("systemctl", "daemon-reload")


def scripted(name: str, script: str) -> str:
    """Make a release whose bin/mast is a shell script, and return the path of that."""
    root = Path("/opt") / name
    (root / "bin").mkdir(parents=True)
    for shared in ("lib", "releases"):
        (root / shared).symlink_to(f"/opt/mast/{shared}")
    executable = root / "bin/mast"
    executable.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    executable.chmod(0o755)
    return str(executable)


def psql(sql: str, *, database: str = "mast") -> list[str]:
    """Run SQL as the superuser and return the rows, columns separated by `|`.

    The SQL is read from stdin: the journal keeps command lines, and canaries would be in them.
    """
    out = must(
        "psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", database,
        user="postgres", text=sql,
    )  # fmt: skip
    return out.splitlines()


def database_up() -> bool:
    """Tell whether PostgreSQL answers on its socket."""
    return run("pg_isready", "-q").code == 0


def create_database() -> None:
    """Create Mast's role and database afresh; nobody may be connected."""
    until(database_up, seconds=30, what="PostgreSQL")
    psql("DROP DATABASE IF EXISTS mast WITH (FORCE)", database="postgres")
    psql("DROP ROLE IF EXISTS mast", database="postgres")
    psql(f"CREATE ROLE mast LOGIN PASSWORD '{PASSWORD}'", database="postgres")
    psql("CREATE DATABASE mast OWNER mast", database="postgres")


def servers() -> list[str]:
    """Return the ids in Mast's table of servers."""
    return psql("SELECT id FROM servers ORDER BY id")


def evals() -> int:
    """Return how many times the bootstrap of the reference release has started."""
    return len(EVALS.read_text(encoding="utf-8").splitlines()) if EVALS.exists() else 0


def status(*, user: str | None = None) -> dict[str, Any]:
    """Return what `mast-agent status` says: its exit code and text."""
    said = run("mast-agent", "status", user=user)
    return {"code": said.code, "text": said.out, "error": said.err}


def status_json(*, user: str | None = None) -> dict[str, Any]:
    """Return what `mast-agent status --json` says, its exit code as `exit`."""
    said = run("mast-agent", "status", "--json", user=user)
    return {**json.loads(said.out), "exit": said.code}


def journal(*arguments: str) -> list[dict[str, Any]]:
    """Return journal entries of this boot as dictionaries."""
    text = must("journalctl", "-b", "--no-pager", "-o", "json", *arguments)
    return [json.loads(line) for line in text.splitlines()]


def record() -> dict[str, Any] | str | None:
    """Return the record: parsed, or as text when it cannot be, or None when there is none."""
    if not RECORD.exists():
        return None
    text = RECORD.read_text(encoding="utf-8", errors="replace")
    try:
        parsed: dict[str, Any] = json.loads(text)
    except ValueError:
        return text
    return parsed


def pressure() -> str:
    """Return what the kernel tells of who has waited for a processor or a disk (support.pace)."""
    paths = (Path("/proc/pressure/cpu"), Path("/proc/pressure/io"))
    return "".join(path.read_text(encoding="ascii") for path in paths if path.exists())


def processes(unit: str = "mast-agent.service") -> list[str]:
    """Return the command lines of the processes in a unit's control group."""
    group = Path("/sys/fs/cgroup") / show(unit, "ControlGroup")["ControlGroup"].lstrip("/")
    found = []
    for procs in group.rglob("cgroup.procs"):
        for pid in procs.read_text(encoding="ascii").split():
            try:
                found.append(Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8"))
            except OSError:
                continue
    return [line.replace("\0", " ") for line in found]


def cue(name: str) -> None:
    """Tell the host that a point has been reached."""
    RESULTS.joinpath(name).touch()


def leave(name: str, facts: dict[str, Any]) -> None:
    """Hand facts out, whole or not at all."""
    unfinished = RESULTS / f"{name}.unfinished"
    unfinished.write_text(json.dumps(facts), encoding="utf-8")
    os.replace(unfinished, RESULTS / f"{name}.json")  # noqa: PTH105 - atomic, as meant


def main(*scenarios: Callable[[], dict[str, Any]]) -> None:
    """Run the scenario that the command line names and leave its facts, or its failure."""
    name = sys.argv[1]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        facts = next(each for each in scenarios if each.__name__ == name)()
    except BaseException:  # noqa: BLE001 - the host reports it
        facts = {"error": traceback.format_exc()}
    leave(name, facts)
