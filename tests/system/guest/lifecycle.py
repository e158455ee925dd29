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
KEY = Path("/var/lib/mast-agent-access/mast-managed")
RULE = Path("/etc/ssh/sshd_config.d/mast-agent.conf")
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
    facts["with_mast"] = _start_and_stop_mast()
    _await_key()
    facts["revoked"] = inside.run("mast-agent", "access", "--revoke").code
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
    inside.must("systemctl", "start", "mast-agent-access")
    facts["still_revoked"] = {"key": KEY.exists(), "status": inside.status(user="nobody")}
    facts["allowed"] = {"code": inside.run("mast-agent", "access").code, "key": KEY.exists()}
    facts["rules"] = _rules()
    facts["remove"] = _remove()
    return facts


def from_before_debhelper() -> dict[str, Any]:
    """Upgrade a package with the hand-written scripts; remove it, install it again, purge it.

    Mast runs meanwhile, and an administrator has disabled, removed and revoked things.
    """
    inside.must("apt-get", "install", "-y", str(PACKAGES / "older.deb"))
    inside.create_database()
    inside.write_environment()
    inside.must("systemctl", "enable", "--now", "mast.service", seconds=120)
    inside.await_state("exited")
    _await_key()
    inside.must("mast-agent", "access", "--revoke")
    inside.must("systemctl", "disable", "mast-agent-access.service")
    RULE.unlink()
    package = str(PACKAGES / "mast-agent.deb")
    before = _run()
    facts: dict[str, Any] = {"upgrade": _upgrade(package)}
    facts["same_run"] = before == _run()
    facts["upgraded"] = _what_stands()
    facts["bytecode"] = any(Path("/usr/share/mast-agent").rglob("*.pyc"))
    inside.must("apt-get", "remove", "-y", "mast-agent")
    facts["removed"] = {
        "key": KEY.exists(),
        "mast": inside.run("systemctl", "is-active", "mast").out,
    }
    inside.must("apt-get", "install", "-y", package)
    facts["again"] = _what_stands()
    facts["mast_user"] = inside.run("getent", "passwd", "mast-managed").code
    facts["purge"] = _remove()
    facts["kept"] = [str(path) for path in Path("/var/lib").glob("mast-agent*")]
    facts["user_left"] = inside.run("getent", "passwd", "mast-managed").code
    facts["state_files"] = [
        str(path) for path in Path("/var/lib/systemd/deb-systemd-helper-enabled").rglob("mast*")
    ]
    return facts


def _what_stands() -> dict[str, Any]:
    """Return what is enabled, and what of an administrator's doing is still so."""
    return {
        "enabled": {
            unit: inside.run("systemctl", "is-enabled", unit).out.strip() for unit in UNITS
        },
        "revoked": (KEY.parent / ".revoked").exists(),
        "key": KEY.exists(),
        "rule": RULE.is_symlink() or RULE.exists(),
    }


def _start_and_stop_mast() -> dict[str, Any]:
    """Restart, stop and start Mast, and look at what the agent does about it."""
    facts: dict[str, Any] = {"before": _run()}
    inside.must("systemctl", "restart", "mast.service", seconds=120)
    facts["restarted"] = _await_run(facts["before"])
    inside.must("systemctl", "stop", "mast.service", seconds=120)
    facts["stopped"] = inside.agent()
    inside.must("systemctl", "start", "mast.service", seconds=120)
    facts["started"] = _await_run(facts["restarted"])
    # More often in ten seconds than systemd allows by itself.
    facts["often"] = [inside.run("systemctl", "restart", "mast-agent").code for _ in range(7)]
    return facts


def _run() -> dict[str, Any]:
    """Return which run of the agent this is, and how many evals there have been."""
    invocation = inside.show("mast-agent.service", "InvocationID")["InvocationID"]
    return {"invocation": invocation, "evals": inside.evals()}


def _await_run(last: dict[str, Any]) -> dict[str, Any]:
    inside.until(
        lambda: inside.enrolled() and _run()["invocation"] != last["invocation"],
        seconds=60, what="another run of the agent",
    )  # fmt: skip
    return _run() | {"servers": inside.servers()}


def _await_key() -> None:
    inside.until(KEY.exists, seconds=30, what="the key")


def _rules() -> dict[str, Any]:
    """Remove sshd's rule and upgrade; write another one, remove the package, install it again."""
    newer = str(PACKAGES / "newer.deb")
    facts: dict[str, Any] = {"installed": str(RULE.readlink())}
    RULE.unlink()
    facts["upgrade"] = _upgrade(newer)
    RULE.write_text("# the administrator's\n", encoding="utf-8")
    removed = inside.run("apt-get", "remove", "-y", "mast-agent")
    facts["removed"] = {
        "said": removed.out + removed.err,
        "key": KEY.exists(),
        "read_by_sshd": [path.name for path in RULE.parent.glob("mast-agent*.conf")],
        "mast": inside.run("systemctl", "is-active", "mast").out.strip(),
    }
    again = inside.run("apt-get", "install", "-y", newer)
    facts["again"] = {
        "code": again.code,
        "said": again.out + again.err,
        "rule": RULE.read_text(encoding="utf-8"),
        "files": [path.name for path in RULE.parent.glob("mast-agent*")],
    }
    inside.must("systemctl", "start", "mast", seconds=120)
    inside.await_state("exited")
    _await_key()
    facts["as_before"] = {"evals": inside.evals(), "servers": inside.servers()}
    RULE.unlink()
    inside.must("apt-get", "remove", "-y", "mast-agent")
    inside.must("apt-get", "install", "-y", newer)
    facts["stays_removed"] = RULE.is_symlink() or RULE.exists()
    inside.must("systemctl", "start", "mast", seconds=120)
    inside.await_state("exited")
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


def _upgrade(newer: str) -> dict[str, Any]:
    """Install a newer version over the running one."""
    before = inside.show("mast.service", "MainPID")["MainPID"], inside.record()
    ran = inside.run("apt-get", "install", "-y", newer)
    return {
        "code": ran.code,
        "output": ran.out + ran.err,
        "version": inside.run("mast-agent", "--version").out.strip(),
        "same": before == (inside.show("mast.service", "MainPID")["MainPID"], inside.record()),
        "enabled": inside.run("systemctl", "is-enabled", "mast-agent").out.strip(),
        "status": inside.status()["code"],
        "reload_needed": inside.show("mast-agent.service", "NeedDaemonReload"),
        "rule": RULE.is_symlink() or RULE.exists(),
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
        "rules": [str(path) for path in Path("/etc/ssh").rglob("mast-agent*")],
    }


if __name__ == "__main__":
    inside.main(install, first_boot, second_boot, short, from_before_debhelper)
