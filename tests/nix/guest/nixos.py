"""Scenarios in a machine that runs the units of the NixOS module; `inside` is tests/system's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import inside
import lifecycle

UNITS = ("mast.service", "mast-agent.service")
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
        "cookie": (oct(COOKIE.stat().st_mode & 0o777), COOKIE.read_text(encoding="utf-8")),
        "fragments": {
            unit: inside.show(unit, "FragmentPath", "DropInPaths", "Restart", "RestartSteps")
            for unit in UNITS
        },
    }
    facts["command"] = _command()
    facts["analyzed"] = {unit: _analyzed(unit) for unit in UNITS}
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


def _said(*argv: str, user: str | None = None) -> dict[str, Any]:
    ran = inside.run(*argv, user=user)
    return {"code": ran.code, "out": ran.out.strip().splitlines()[-1:], "err": ran.err.strip()}


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
