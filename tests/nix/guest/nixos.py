"""Scenarios in a machine that runs the units of the NixOS module; `inside` is tests/system's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import inside
import lifecycle

UNITS = ("mast.service", "mast-agent.service")
ACCESS, ACCESS_ON = "mast-agent-access.service", "mast-agent-access-on.service"
KEY = Path("/var/lib/mast-agent-access/mast-managed")
LOGIN = Path("/run/mast-agent-access/login.json")
COOKIE = Path("/run/mast/cookie.env")
_STDIN = 'IO.inspect(File.read_link("/proc/self/fd/0"))'


def first_boot() -> dict[str, Any]:
    """Let the boot enroll this host, look at all of it, and use root's command."""
    facts: dict[str, Any] = {
        "agent": inside.await_state("exited"),
        "mast": inside.show("mast.service", "ActiveState", "DynamicUser", "User", "NRestarts"),
        "bus": inside.show("dbus.service", "Id")["Id"],
        "http": _await_mast(),
        "listening": inside.must("ss", "-Hltn").split("\n"),
        "servers": inside.servers(),
        "evals": inside.evals(),
        "status": inside.status(),
        "status_nobody": inside.status(user="nobody"),
        "status_json": inside.status_json(),
        "cookie": (oct(COOKIE.stat().st_mode & 0o777), COOKIE.read_text(encoding="utf-8")),
        "fragments": {
            unit: inside.show(unit, "FragmentPath", "DropInPaths", "Restart", "RestartSteps")
            for unit in UNITS
        },
    }
    facts["access"] = _access()
    facts["login"] = _login()
    # A shell of root's, which knows nothing but the PATH.
    facts["by_hand"] = {
        "check": _said(
            "env", "-i", f"PATH={os.environ['PATH']}", "mast-agent", "check", all_of=True
        ),
        "unit": inside.must("systemctl", "show", "-P", "Environment", UNITS[1]).split(),
    }
    facts["command"] = _command()
    facts["analyzed"] = {unit: _analyzed(unit) for unit in (*UNITS, ACCESS)}
    facts["pulled_in"] = _pulled_in()
    facts["leaks"] = lifecycle.leaks([])
    return facts


def second_boot() -> dict[str, Any]:
    """Look at a host that was enrolled before it was booted; restart both units."""
    facts = {
        "agent": inside.await_state("exited"),
        "servers": inside.servers(),
        "evals": inside.evals(),
        "cookie": COOKIE.read_text(encoding="utf-8"),
    }
    _await_mast()
    inside.must("systemctl", "restart", *UNITS)
    facts["restarted"] = {
        "agent": inside.await_state("exited"),
        "servers": inside.servers(),
        "cookie": COOKIE.read_text(encoding="utf-8"),
    }
    facts["key"] = _key()
    facts["closed"] = _closed()
    facts["opened"] = _opened()
    return facts


def without_database() -> dict[str, Any]:
    """Boot with the database masked; then bring it up and leave everything to itself."""
    facts = {
        "multi_user": inside.show("multi-user.target", "ActiveState")["ActiveState"],
        "text": inside.await_text("database"),
        "agent": inside.agent(),
        "status": inside.status(),
    }
    inside.must("systemctl", "unmask", "postgresql@17-main.service", "postgresql.service")
    inside.must("systemctl", "start", "postgresql@17-main.service")
    inside.create_database()
    facts["enrolled"] = inside.await_state("exited", seconds=150)
    facts["servers"] = inside.servers()
    facts["leaks"] = lifecycle.leaks([])
    return facts


def _key() -> dict[str, Any]:
    """Wait until the unit of access is done, and return what it has left."""

    def done() -> bool:
        shown = inside.show(ACCESS, "ActiveState", "ExecMainStartTimestampMonotonic")
        started = shown["ExecMainStartTimestampMonotonic"] != "0"
        return started and shown["ActiveState"] == "inactive"

    inside.until(done, seconds=30, what="the end of the unit of access")
    files = sorted(KEY.parent.iterdir()) if KEY.parent.exists() else []
    return {
        "unit": inside.show(ACCESS, "Result", "ExecMainStatus"),
        "texts": {str(path): path.read_text(encoding="utf-8") for path in files},
        "owners": {str(path): f"{path.owner()}:{path.group()}" for path in (KEY.parent, *files)},
        "modes": {str(path): oct(path.stat().st_mode & 0o777) for path in (KEY.parent, *files)},
    }


def _access() -> dict[str, Any]:
    """Look at the key, at what sshd makes of its rule, and at what may be run as root."""
    path = "PATH=/run/current-system/sw/bin:/usr/bin"
    sudo = {
        command: inside.run(
            "env", path, "sudo", "-n", "-l", *command.split(), user="mast-managed"
        ).code
        for command in (
            "journalctl -u mast.service -f -n 200 --output=cat",
            "journalctl -u mast.service -f -n 200 --output=cat --rotate",
            "journalctl -u mast.service",
            "tail -n 200 -F /var/log/postgresql/postgresql-17-main.log",
            "tail -n 200 -F /var/log/../../etc/shadow",
            "tail -n 200 -F /var/log/syslog /etc/shadow",
            "cat /etc/shadow",
        )
    }
    return {
        "key": _key(),
        "account": inside.must("getent", "passwd", "mast-managed").strip().split(":"),
        "groups": inside.must("id", "-Gn", "mast-managed").split(),
        "rules": {user: _sshd(user) for user in ("mast-managed", "nobody")},
        "sudo": sudo,
    }


def _login() -> dict[str, Any]:
    """Wait until Mast has come, as a script would, and return what was found before it came."""
    waited = inside.run(
        "mast-agent", "status", "--managed", "--wait", "--timeout", "90", seconds=120
    )
    return {
        "report": json.loads(LOGIN.read_text(encoding="utf-8")),
        "wait": {"code": waited.code, "text": waited.out + waited.err},
        "accepted": inside.run("journalctl", "-b", "-t", "sshd-session", "-t", "sshd").out.count(
            "Accepted publickey for mast-managed from 127.0.0.1"
        ),
        "row": inside.psql("SELECT status, port FROM servers"),
    }


def _sshd(user: str) -> dict[str, str]:
    """Return what sshd's configuration comes to for a user."""
    said = inside.must("/usr/sbin/sshd", "-T", "-C", f"user={user},host=localhost,addr=127.0.0.1")
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def _closed() -> list[str]:
    """Do what a switch does with the rules of a configuration without access."""
    inside.must("systemd-tmpfiles", "--create", "--remove", "/opt/test/closed.conf")
    return [str(path) for path in KEY.parent.glob("*")]


def _opened() -> dict[str, Any]:
    """Do what a switch does that turns access on: it starts the unit that is new."""
    invocation = inside.show("mast-agent.service", "InvocationID")
    inside.must("systemctl", "stop", ACCESS_ON)
    started = inside.run("systemctl", "start", ACCESS_ON)
    inside.until(
        lambda: inside.show("mast-agent.service", "InvocationID") != invocation,
        seconds=30, what="another run of the agent",
    )  # fmt: skip
    return {
        "code": started.code,
        "agent": inside.await_state("exited"),
        "key": bool(inside.until(KEY.exists, seconds=30, what="the key")) and _key(),
    }


def _await_mast() -> str:
    """Wait until Mast answers: a BEAM that is told to stop while it boots does not hear it."""
    answer: str = inside.until(lifecycle._http, seconds=60, what="Mast's port")  # noqa: SLF001
    return answer


def _command() -> dict[str, Any]:
    """Use `mast` as root and as nobody, with the service up and down."""
    facts: dict[str, Any] = {
        "rpc": _said("mast", "rpc", "IO.puts(node())"),
        "eval": _said("mast", "eval", 'IO.puts("evaluated")'),
        "terminal": _said("script", "-qec", f"mast eval '{_STDIN}'", "/dev/null"),
        "failing": _said("mast", "eval", "System.halt(3)"),
        "who": _said("mast", "eval", 'IO.write(elem(System.cmd("id", ["-un"]), 0))'),
        "nobody": _said("mast", "eval", ":ok", user="nobody"),
    }
    inside.must("systemctl", "stop", "mast.service")
    facts["cookie_after_stop"] = COOKIE.exists()
    facts["eval_while_down"] = _said("mast", "eval", 'IO.puts("evaluated")')
    inside.must("systemctl", "start", "mast.service")
    return facts


def _said(*argv: str, user: str | None = None, all_of: bool = False) -> dict[str, Any]:
    """Return a command's code, the last line that it prints, or all of them, and its errors."""
    ran = inside.run(*argv, user=user)
    lines = ran.out.strip().splitlines()
    return {"code": ran.code, "out": lines if all_of else lines[-1:], "err": ran.err.strip()}


def _analyzed(unit: str) -> dict[str, Any]:
    """Return what systemd's own critics say of a unit with its drop-ins."""
    copy = Path("/tmp") / unit
    copy.write_text(inside.must("systemctl", "cat", unit), encoding="utf-8")
    security = inside.run(
        "systemd-analyze", "security", "--offline=yes", "--no-pager", str(copy)
    ).out
    verified = inside.run("systemd-analyze", "verify", "--man=no", unit)
    return {
        "exposure": float(security.rsplit("exposure level for", 1)[1].split(": ")[1].split()[0]),
        "complaints": verified.out + verified.err,
    }


def _pulled_in() -> str:
    """Restart Mast, as a switch that turns selfManage on does; the agent is not running."""
    inside.must("systemctl", "stop", "mast-agent.service")
    _await_mast()
    inside.must("systemctl", "restart", "mast.service")
    state: dict[str, str] = inside.await_state("exited")
    return state["ActiveState"]


if __name__ == "__main__":
    inside.main(first_boot, second_boot, without_database)
