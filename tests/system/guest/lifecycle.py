"""Scenarios: installing, the first boot, the next one, upgrading and removing the package."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import environment_files
import inside

UNITS = ("mast-agent.service", "mast-agent-access.service", "mast.service")
PACKAGES = Path("/opt/packages")
DROP_IN_SOURCES = Path("/usr/share/mast-agent/systemd")


def install() -> dict[str, Any]:
    """Install the package and configure Mast; nothing of it is started."""
    installed = inside.run("apt-get", "install", "-y", str(PACKAGES / "mast-agent.deb"))
    facts = {
        "apt": installed.out + installed.err,
        "code": installed.code,
        "user": inside.run("getent", "passwd", "mast").out.split(":"),
        "enabled": {unit: inside.run("systemctl", "is-enabled", unit).out for unit in UNITS},
        "state": {unit: inside.show(unit, "ActiveState")["ActiveState"] for unit in UNITS},
        "wanted_by": inside.show("mast-agent.service", "WantedBy")["WantedBy"],
        "growing": Path(
            "/usr/lib/systemd/system/mast-agent.service.d/growing-delays.conf"
        ).exists(),
        "version": inside.run("mast-agent", "--version").out.strip(),
        "bytecode": any(Path("/usr/share/mast-agent").rglob("*.pyc")),
        "man": inside.run("test", "-e", "/usr/share/man/man1/mast-agent.1.gz").code,
        "completes": inside.run(
            "bash", "-c",
            ". /usr/share/bash-completion/completions/mast-agent; COMP_WORDS=(mast-agent sta);"
            "COMP_CWORD=1; _mast_agent; echo ${COMPREPLY[@]}",
        ).out.strip(),
        "status": inside.status(user="nobody"),
    }  # fmt: skip
    inside.create_database()
    inside.write_environment()
    inside.must("systemctl", "enable", "mast.service")
    facts["environment_files"] = environment_files.read_all()
    facts["state_after_enabling"] = inside.show("mast.service", "ActiveState")["ActiveState"]
    return facts


def first_boot() -> dict[str, Any]:
    """Let the boot itself start Mast and the agent; look at everything when it has enrolled.

    Then enroll once more on an empty database, with the command lines watched.
    """
    state = inside.await_state("exited")
    facts = {
        "agent": state,
        "mast": inside.show("mast.service", "ActiveState", "SubState"),
        "failed": inside.must("systemctl", "--failed", "--no-legend"),
        "servers": inside.servers(),
        "evals": inside.evals(),
        "record": inside.record(),
        "record_mode": oct(inside.RECORD.stat().st_mode & 0o777),
        "status": inside.status(),
        "status_nobody": inside.status(user="nobody"),
        "status_json": inside.status_json(),
        "journal": inside.journal("-t", "mast-agent", "-u", "mast-agent.service"),
        "explained": inside.must("journalctl", "-b", "-x", "-t", "mast-agent", "--no-pager"),
        "unit_status": inside.run("systemctl", "status", "--no-pager", "mast-agent").out,
        "http": _http(),
        "listening": inside.must("ss", "-H", "-l", "-t", "-n"),
    }
    again = inside.run("systemctl", "restart", "mast-agent")
    facts["again"] = {"code": again.code, "evals": inside.evals(), "servers": inside.servers()}
    seen = _watch_enrolling()
    facts["command_lines"] = seen
    facts["leaks"] = leaks(seen)
    facts["units"] = _analyze()
    return facts


def second_boot() -> dict[str, Any]:
    """Look at a machine that was enrolled before it was booted; then upgrade and remove."""
    facts = {
        "agent": inside.await_state("exited"),
        "servers": inside.servers(),
        "evals": inside.evals(),
        "status": inside.status(),
        "record": inside.record(),
    }
    facts["upgrade"] = _upgrade()
    facts["remove"] = _remove()
    return facts


def short() -> dict[str, Any]:
    """Do what Debian 12 has to do too: enroll at boot, without a word from systemd's parser."""
    facts = {
        "agent": inside.await_state("exited"),
        "servers": inside.servers(),
        "evals": inside.evals(),
        "status_nobody": inside.status(user="nobody"),
        "journal": inside.journal("-t", "mast-agent", "-u", "mast-agent.service"),
        "complaints": [
            entry["MESSAGE"]
            for entry in inside.journal("_PID=1")
            if "mast" in str(entry.get("UNIT", "")) + str(entry["MESSAGE"])
            and int(entry["PRIORITY"]) <= 4
            # Erlang's helper may outlive the BEAM of ExecStartPre by a moment, and is killed then.
            and "left-over process" not in str(entry["MESSAGE"])
            and "unclean termination of a previous run" not in str(entry["MESSAGE"])
        ],
        "units": _analyze(),
    }
    inside.must("systemctl", "restart", "mast-agent")
    facts["again"] = {"evals": inside.evals(), "servers": inside.servers()}
    facts["leaks"] = leaks([])
    return facts


def leaks(command_lines: list[str]) -> list[str]:
    """Return where a canary can be seen, among all places where it must not be."""
    places = {
        "command lines": "\0".join(command_lines),
        "journal": inside.must("journalctl", "-a", "--no-pager", "-o", "export"),
        "status": json.dumps([inside.status(), inside.status(user="nobody")]),
    }
    for user in ("root", "nobody"):
        for unit in UNITS:
            shown = inside.run("systemctl", "show", unit, user=user).out
            assert "ExecStart=" in shown, shown
            places[f"systemctl show {unit} as {user}"] = shown
    for directory in ("/var/lib/mast-agent", "/run/mast-agent", "/run/mast", "/var/lib/mast"):
        for path in Path(directory).resolve().rglob("*"):
            if path.is_file():
                places[str(path)] = path.read_text(encoding="utf-8", errors="replace")
    return [
        f"{name} in {place}"
        for place, text in places.items()
        for name, canary in inside.CANARIES.items()
        if canary in text
    ]


def _watch_enrolling() -> list[str]:
    """Enroll afresh while a process of nobody's watches all command lines."""
    inside.must("systemctl", "stop", "mast-agent")
    inside.psql("DELETE FROM servers; DELETE FROM private_keys")
    flag = Path("/tmp/watching")
    flag.touch()
    with subprocess.Popen(
        ["runuser", "-u", "nobody", "--", sys.executable, "/opt/test/sampler.py", str(flag)],
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        try:
            inside.must("systemctl", "start", "mast-agent")
        finally:
            flag.unlink()
        seen: list[str] = json.loads(watching.communicate(timeout=30)[0])
    return seen


def _http() -> str:
    """Return the first bytes that Mast answers on its port, "" when it does not."""
    reply = inside.run(
        "bash", "-c",
        "exec 3<>/dev/tcp/127.0.0.1/4000; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; head -c 15 <&3",
    )  # fmt: skip
    return reply.out


def _analyze() -> dict[str, Any]:
    """Return what systemd thinks of the units, with and without the socket drop-in."""
    # --man=no: whether this root has a man to find the page with is not the unit's business.
    verify = ("systemd-analyze", "verify", "--man=no", *UNITS)
    verified = inside.run(*verify)
    exposures = {unit: exposure(unit) for unit in UNITS}
    for name in ("socket", "lxc"):
        inside.drop_in(name, (DROP_IN_SOURCES / f"{name}.conf").read_text(encoding="utf-8"))
        again = inside.run(*verify)
        verified = verified._replace(err=verified.err + again.err + again.out)
        exposures[name] = exposure("mast-agent.service")
        inside.drop_in(name, "")
    return {"verify": verified.out + verified.err, "exposure": exposures}


def exposure(unit: str) -> float:
    """Return the overall exposure of an installed unit with its drop-ins, judged offline."""
    files = inside.must("systemctl", "cat", unit)
    copy = Path("/tmp") / unit
    copy.write_text(files, encoding="utf-8")
    out = inside.run("systemd-analyze", "security", "--offline=yes", "--no-pager", str(copy)).out
    return float(out.rsplit("exposure level for", 1)[1].split(": ")[1].split()[0])


def _upgrade() -> dict[str, Any]:
    """Install a newer version over the running one."""
    before = inside.show("mast.service", "MainPID")["MainPID"], inside.record()
    ran = inside.run("apt-get", "install", "-y", str(PACKAGES / "newer.deb"))
    return {
        "code": ran.code,
        "output": ran.out + ran.err,
        "version": inside.run("mast-agent", "--version").out.strip(),
        "same": before == (inside.show("mast.service", "MainPID")["MainPID"], inside.record()),
        "enabled": inside.run("systemctl", "is-enabled", "mast-agent").out.strip(),
        "status": inside.status()["code"],
        "reload_needed": inside.show("mast-agent.service", "NeedDaemonReload"),
    }


def _remove() -> dict[str, Any]:
    """Remove the package, then purge it."""
    removed = inside.run("apt-get", "remove", "-y", "mast-agent")
    after_removal = {
        "code": removed.code,
        "units": inside.run("systemctl", "list-units", "--all", "--no-legend", "mast*").out,
        "record": inside.RECORD.exists(),
        "left": [str(path) for path in Path("/usr/share/mast-agent").rglob("*")],
    }
    purged = inside.run("apt-get", "purge", "-y", "mast-agent")
    return {
        **after_removal,
        "purge_code": purged.code,
        "state": Path("/var/lib/mast-agent").exists(),
        "environment": inside.ENV_FILE.exists(),
        "enabled": [str(path) for path in Path("/etc/systemd/system").rglob("mast-agent*")]
        + [str(path) for path in Path("/etc/systemd/system").rglob("mast.service*")],
        "drop_in": Path("/usr/lib/systemd/system/mast-agent.service.d").exists(),
        "rows": inside.servers(),
    }


if __name__ == "__main__":
    inside.main(install, first_boot, second_boot, short)
