"""Scenarios: booting while PostgreSQL is masked, with the agent and without it.

And what is said between a boot, or a restart, and the run that it brings: run as a program with
the name of a file, this one asks `status` and leaves the answers there.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import inside

# MESSAGE_IDs of systemd's own entries: a target was reached, a unit could not be started.
_REACHED = "39f53479d3a045ac8e11786248231fbf"
_FAILED = "be02cf6855d2428ba40df7e9d022f03d"


def without_agent() -> dict[str, Any]:
    """Measure the boot of a machine that does not have the agent enabled."""
    return {"boot": _boot(), "agent": inside.agent()}


def with_agent() -> dict[str, Any]:
    """Measure the boot, let the agent wait, and then let PostgreSQL come."""
    facts: dict[str, Any] = {"boot": _boot(), "agent_at_boot": inside.agent()}
    facts["waiting_for"] = inside.await_text("waiting: database")
    start = inside.run("systemctl", "start", "mast.service", seconds=90)
    facts["start_seconds"] = start.seconds
    # A restart of Mast is one of the agent.
    facts["waiting_again"] = inside.await_text("waiting: database")
    facts["waiting"] = inside.agent()
    facts["status_nobody"] = inside.status(user="nobody")
    facts["journal"] = inside.journal("-t", "mast-agent")
    facts["unit_status"] = inside.run("systemctl", "status", "--no-pager", "mast-agent").out
    facts["loop"] = _loop()
    inside.must("systemctl", "unmask", "postgresql.service")
    inside.must("systemctl", "start", "postgresql.service")
    facts["in_the_end"] = inside.await_state("exited", seconds=90)
    facts["servers"] = inside.servers()
    facts["mast"] = inside.show("mast.service", "ActiveState")["ActiveState"]
    return facts


#: What a first script does: a target that wants it is reached when it has ended.
_LOOP = """\
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'until pg_isready -q -h 127.0.0.1; do sleep 1; done'
"""


def _loop() -> dict[str, Any]:
    """Start targets that want a shell loop and Mast with its agent, while PostgreSQL is masked."""
    (_UNITS / "loop.service").write_text(_LOOP, encoding="utf-8")
    for name in ("loop", "mast"):
        wants = f"[Unit]\nWants={name}.service\n"
        (_UNITS / f"with-{name}.target").write_text(wants, encoding="utf-8")
    inside.must("systemctl", "daemon-reload")
    inside.must("systemctl", "start", "with-mast.target")
    inside.must("systemctl", "start", "--no-block", "with-loop.target")
    inside.until(
        lambda: inside.show("loop.service", "ActiveState")["ActiveState"] == "activating",
        seconds=30,
        what="the loop",
    )
    units = ("with-loop.target", "with-mast.target", "mast-agent.service")
    facts = {unit: inside.show(unit, "ActiveState")["ActiveState"] for unit in units}
    inside.must("systemctl", "stop", "with-loop.target", "loop.service")
    return facts


#: Asks before anything of Mast has been started, and again when mast.service is at it.
_EARLY = """\
[Unit]
Before=postgresql.service postgresql@17-main.service mast.service
After=dbus.socket
[Service]
Type=oneshot
ExecStart={}
"""
_WITH_MAST = """\
[Service]
ExecStartPre=+{}
"""
_UNKNOWN = 4
_UNITS = Path("/etc/systemd/system")


def _asking(name: str) -> str:
    return f"/usr/bin/python3 {Path(__file__).resolve()} --ask {inside.RESULTS}/{name}"


def ask(path: str) -> None:
    """Ask as root and as nobody, twice each, waiting; leave the answers at `path`."""
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(_waiting, (None, "nobody", None, "nobody")))
    Path(path).write_text(json.dumps(said), encoding="utf-8")


def _waiting(user: str | None) -> dict[str, Any]:
    # Below mast.service these are that unit's directories.
    plain = ("env", "-u", "STATE_DIRECTORY", "-u", "RUNTIME_DIRECTORY")
    asked = (*plain, "mast-agent", "status", "--wait", "--timeout", "5")
    ran = inside.run(*asked, user=user)
    for _ in range(9):
        # Whom a busy bus has not answered within its second knows nothing, and says so.
        if ran.code != _UNKNOWN:
            break
        ran = inside.run(*asked, user=user)
    return {"code": ran.code, "text": ran.out, "error": ran.err}


def lose_the_row() -> dict[str, Any]:
    """Delete the row of an enrolled host, and have the next boot watched from its beginning."""
    inside.await_state("exited")
    inside.psql("DELETE FROM servers")
    (_UNITS / "early.service").write_text(_EARLY.format(_asking("early")), encoding="utf-8")
    wanted = _UNITS / "multi-user.target.wants/early.service"
    wanted.symlink_to("../early.service")
    drop_in = _UNITS / "mast.service.d/ask.conf"
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text(_WITH_MAST.format(_asking("with-mast")), encoding="utf-8")
    return {}


def before_the_run() -> dict[str, Any]:
    """Gather what was said before the agent had run; then restart it without PostgreSQL."""
    facts: dict[str, Any] = {
        "agent": inside.await_state("exited"),
        "early": json.loads((inside.RESULTS / "early").read_text(encoding="utf-8")),
        "with_mast": json.loads((inside.RESULTS / "with-mast").read_text(encoding="utf-8")),
        "servers": inside.servers(),
        "afterwards": [_waiting(None), _waiting("nobody")],
    }
    inside.must("systemctl", "stop", "postgresql")
    facts["asleep"] = [_waiting(None), _waiting("nobody")]
    inside.must("systemctl", "restart", "--no-block", "mast-agent")
    facts["restarted"] = [inside.status(), inside.status(user="nobody")]
    inside.await_text("waiting: database")
    facts["waiting"] = [inside.status(), inside.status(user="nobody"), _hidden(), _without_bus()]
    inside.must("systemctl", "start", "postgresql")
    inside.await_state("exited")
    facts["in_the_end"] = [inside.status(), inside.status(user="nobody"), _without_bus()]
    facts["spoilt"] = _spoil()
    return facts


def _spoil() -> list[dict[str, Any]]:
    """Let an enrolled host be called otherwise, its Mast fail, and its access unit as well."""
    broken = "[Service]\nRestart=no\nExecStartPre=/bin/false\n"
    for unit in ("mast.service", "mast-agent-access.service"):
        drop_in = _UNITS / f"{unit}.d" / "broken.conf"
        drop_in.parent.mkdir(exist_ok=True)
        drop_in.write_text(broken, encoding="utf-8")
    (_UNITS / "mast.service.d/ask.conf").unlink()
    inside.must("systemctl", "daemon-reload")
    inside.must("hostname", "copy")
    inside.run("systemctl", "restart", "mast-agent-access")
    inside.run("systemctl", "restart", "mast")
    inside.await_state("exited")
    inside.until(
        lambda: inside.show("mast-agent-access.service", "ActiveState")["ActiveState"] == "failed",
        seconds=30, what="the failure of the access unit, which follows the agent",
    )  # fmt: skip
    return [inside.status(), inside.status(user="nobody")]


def _hidden() -> dict[str, Any]:
    """Ask as nobody, who sees no processes of others."""
    ran = inside.run(
        "systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--uid=nobody",
        "--property=ProtectProc=invisible", "mast-agent", "status",
    )  # fmt: skip
    return {"code": ran.code, "text": ran.out, "error": ran.err}


def _without_bus() -> dict[str, Any]:
    ran = inside.run(
        "env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent", "mast-agent", "status",
        user="nobody",
    )  # fmt: skip
    return {"code": ran.code, "text": ran.out, "error": ran.err}


def _boot() -> dict[str, float]:
    """Return when multi-user.target was reached, in seconds since systemd started.

    `after_mast` is how long it took from the end of the first try to start mast.service, which
    multi-user.target waits for with the agent and without it.
    """
    reached = _first(_REACHED, "multi-user.target")
    begun = inside.must("systemctl", "show", "--property", "UserspaceTimestampMonotonic", "--value")
    return {
        "total": reached - int(begun) / 1e6,
        "after_mast": reached - _first(_FAILED, "mast.service"),
    }


def _first(message_id: str, unit: str) -> float:
    """Return the monotonic time of the first such entry about a unit, in seconds."""
    found = inside.until(
        lambda: inside.journal(f"MESSAGE_ID={message_id}", f"UNIT={unit}"),
        seconds=90,
        what=f"{message_id} of {unit}",
    )
    return int(found[0]["__MONOTONIC_TIMESTAMP"]) / 1e6


if __name__ == "__main__":
    if sys.argv[1] == "--ask":
        ask(sys.argv[2])
    else:
        inside.main(without_agent, with_agent, lose_the_row, before_the_run)
