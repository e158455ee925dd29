"""Scenarios: Mast logs in to its own host, nobody else does with its key, and the door closes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import inside
import lifecycle

USER = "mast-managed"
DIRECTORY = Path("/var/lib/mast-agent-access")
SUDOERS = Path("/etc/sudoers.d/mast-managed")
_UNIT = "mast-agent-access.service"
_KEY = Path("/root/key")
#: The private key of Mast's one server, out of its database.
_PRIVATE = (
    "Mast.Repo.connected!(fn _ -> {:ok, _} = Mast.Vault.start_link(); "
    "[%{private_key_id: id}] = Mast.Fleet.list_servers(); "
    "{:ok, key} = id |> Mast.Keys.get_key!() |> Mast.Keys.material(); key end)"
)
#: What Mast's check runs every 30 s, and what it needs no root for.
PROBES = (
    "cat /etc/os-release", "top -bn1 | head -3", "free -m", "df -h /", "cat /proc/loadavg", "nproc",
    "df -P", "cat /proc/net/dev", "cat /proc/diskstats", "LANG=C apt list --upgradable 2>/dev/null",
    "journalctl -n 1 --output=cat",
)  # fmt: skip
#: Commands that Mast runs by sudo, and what one could try to make of them.
ALLOWED = (
    "journalctl -u mast.service -f -n 200 --output=cat",
    "journalctl -u user@1000.service -f -n 200 --output=cat",
    "tail -n 200 -F /var/log/postgresql/postgresql-17-main.log",
    "apt-get update -qq",
    "apt-get upgrade -y",
)
DENIED = (
    "true",
    "journalctl -u mast --file=/etc/shadow -f -n 200 --output=cat",
    "journalctl -u mast -f -n 200 --output=cat --rotate",
    "journalctl -u --rotate -f -n 200 --output=cat",
    "journalctl -u -f -n 200 --output=cat",
    "journalctl -u * -f -n 200 --output=cat",
    "journalctl -u ../mast -f -n 200 --output=cat",
    "journalctl -u mast",
    "tail -n 200 -F /etc/shadow",
    "tail -n 200 -F /var/log/../../etc/shadow",
    "tail -n 200 -F /var/log/postgresql/../../../etc/shadow",
    "tail -n 200 -F /var/log/dpkg.log /etc/shadow",
    "tail -n 200 -F /var/log/dpkg.log --pid=1",
    "tail -n 200 -F /var/log/*",
    "tail -n 200 -F -- /var/log/dpkg.log",
    "apt-get upgrade -y -o DPkg::Pre-Invoke::=id",
    "apt-get dist-upgrade -y",
    "apt-get install -y --only-upgrade -o DPkg::Pre-Invoke::=id openssh-server",
    "apt-get install -y openssh-server",
)
#: What may stand for the package in "apt-get install -y --only-upgrade PACKAGE".
PACKAGES = (
    "openssh-server", "libstdc++6", "g++", "procps:amd64", "libpython3.13-minimal", "absent",
    # What apt makes of these is installing, or a regular expression; it may only ever upgrade.
    "absent+", "absent++", "procps+", "p++", "proc.s",
)  # fmt: skip
#: What may not: apt's suffixes, options, releases, versions, files, globs, expressions, patterns.
NO_PACKAGES = (
    "procps-", "procps:amd64-", "procps+-", "procps--", "proc.s-", "absent-", "-procps", "--", "-y",
    "-oDPkg::Pre-Invoke::=id", "--reinstall", "procps/testing", "procps=1", "./evil.deb",
    "/tmp/evil.deb", "procps*", "proc?s", "[p]rocps", "^procps", "procps$", "standard^",
    "?name(procps)", "~nprocps", "procps:", "procps:-", "Procps", "p", "", "procps absent",
    "procps\nabsent", "procps -o=x",
)  # fmt: skip


def first_boot() -> dict[str, Any]:
    """Look at everything that the first boot has opened, and that it has opened no more."""
    _await_key()
    facts: dict[str, Any] = {
        "file": _file(),
        "key": _public_key(),
        "row": inside.psql('SELECT host, port, "user" FROM servers'),
        "unit": inside.show(_UNIT, "ActiveState", "Result", "ExecMainStatus", "NRestarts"),
        "failed": inside.must("systemctl", "--failed", "--no-legend"),
        "account": inside.must("getent", "passwd", USER).strip().split(":"),
        "password": inside.must("getent", "shadow", USER).split(":")[1],
        "groups": inside.must("id", "-nG", USER).split(),
        "mast": _mast_logs_in(),
        "probes": {command: _mast(command).code for command in PROBES},
        "status": inside.status(),
        "status_nobody": inside.status(user="nobody"),
        "status_json": inside.status_json(),
        "check": inside.run("mast-agent", "check").out,
        "journal": inside.journal("-u", _UNIT),
        "explained": inside.must("journalctl", "-b", "-x", "-u", _UNIT, "--no-pager"),
        "analyzed": _analyze(),
    }
    _take_private_key()
    facts["ssh"] = _ssh("echo ok")
    facts["others"] = {user: _ssh("echo ok", user=user) for user in ("root", "mast", "postgres")}
    facts["without_key"] = _ssh("echo ok", "-o", "PubkeyAuthentication=no")
    facts["addresses"] = _from_other_addresses()
    facts["channels"] = _channels()
    facts["sudo"] = _sudo()
    facts["leaks"] = lifecycle.leaks([])
    return facts


def second_boot() -> dict[str, Any]:
    """After a reboot: the same; then a new key, a silent sshd, revoking, removing."""
    _await_key()
    before = _file()
    facts: dict[str, Any] = {"mast": _mast_logs_in(), "file": before, "evals": inside.evals()}
    facts["again"] = _enroll_again(before)
    facts["silent"] = _silent_sshd()
    _take_private_key()
    facts["linked"] = _revoke_through_a_link()
    facts["elsewhere"] = _revoke_while_sshd_looks_elsewhere()
    facts["mounted"] = _revoke_what_is_mounted()
    facts["revoked"] = _revoke()
    facts["allowed"] = _allow()
    facts["masked"] = _mask()
    facts["unmasked"] = _unmask()
    facts["removed"] = _remove()
    return facts


def short() -> dict[str, Any]:
    """Do what Debian 12 has to do too."""
    _await_key()
    return {
        "file": _file(),
        "mast": _mast_logs_in(),
        "analyzed": _analyze(),
        "sudo": _patterns() | {"pager": _pager()},
    }


def _await_key() -> None:
    inside.await_state("exited")
    inside.until((DIRECTORY / USER).exists, seconds=30, what="the key")
    inside.until(
        lambda: inside.show(_UNIT, "ActiveState")["ActiveState"] == "inactive",
        seconds=30, what="the end of the access unit",
    )  # fmt: skip


def _file() -> dict[str, Any]:
    path = DIRECTORY / USER
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return {
        # Just now a login may be tried with a key of its own.
        "text": "".join(line for line in lines if "mast-agent-trial" not in line),
        "stat": inside.must("stat", "-c", "%a %U %G", str(path), str(DIRECTORY)).splitlines(),
        "names": [each.name for each in DIRECTORY.iterdir()],
    }


def _eval(expression: str) -> inside.Ran:
    """Run an expression in Mast's release as Mast's user, with Mast's environment."""
    # The secrets come from the file: on a command line they would end up in the journal.
    return inside.run(
        "systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--uid=mast",
        "--property=EnvironmentFile=/etc/mast.env", "--property=PrivateTmp=yes",
        "--setenv=RELEASE_COOKIE=throwaway", "--setenv=RELEASE_TMP=/tmp", "--setenv=HOME=/tmp",
        "--setenv=ERL_CRASH_DUMP_SECONDS=0", "/opt/mast/bin/mast", "eval", expression,
    )  # fmt: skip


def _mast(command: str) -> inside.Ran:
    return _eval(f"IO.write(Mast.SSH.run!({_quoted(command)}))")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _mast_logs_in() -> dict[str, Any]:
    """Let Mast log in with the key out of its own database."""
    ran = _mast("echo ok")
    return {"code": ran.code, "out": ran.out, "err": ran.err[-600:]}


def _public_key() -> str:
    """Return the public half of Mast's key, which its database does not have."""
    return _eval(f"{_PRIVATE} |> Mast.SSHKey.public() |> IO.write()").out


def _take_private_key() -> None:
    """Steal Mast's private key, as an attacker who has the database and the vault's key."""
    ran = _eval(f"{_PRIVATE} |> IO.write()")
    _KEY.touch(mode=0o600)
    _KEY.write_text(ran.out, encoding="ascii")


def _ssh(
    command: str, *options: str, user: str = USER, host: str = "127.0.0.1", netns: str = ""
) -> dict[str, Any]:
    enter = ("ip", "netns", "exec", netns) if netns else ()
    ran = inside.run(
        *enter, "ssh", "-i", str(_KEY), "-F", "none", "-o", "BatchMode=yes",
        "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=INFO",
        "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=10",
        *options, f"{user}@{host}", *([command] if command else []), seconds=30,
    )  # fmt: skip
    return {"code": ran.code, "out": ran.out, "err": ran.err}


def _from_other_addresses() -> dict[str, Any]:
    """Try it from a neighbour on a network of its own, and from this host's address there."""
    for line in (
        "ip netns add neighbour",
        "ip link add near type veth peer name far netns neighbour",
        "ip address add 10.231.7.1/24 dev near",
        "ip link set near up",
        "ip -n neighbour address add 10.231.7.2/24 dev far",
        "ip -n neighbour link set far up",
    ):
        inside.must(*line.split())
    # Not refused because nothing comes through: the banner of sshd does.
    banner = inside.run(
        "ip", "netns", "exec", "neighbour", "timeout", "5",
        "bash", "-c", "exec 3<>/dev/tcp/10.231.7.1/22; head -c 8 <&3",
    ).out  # fmt: skip
    return {
        "banner": banner,
        "neighbour": _ssh("echo ok", host="10.231.7.1", netns="neighbour"),
        "itself": _ssh("echo ok", host="10.231.7.1"),
    }


def _channels() -> dict[str, Any]:
    """Ask for everything beside a command."""
    agent = inside.must("ssh-agent", "-s")
    socket = re.search(r"SSH_AUTH_SOCK=([^;]+)", agent)
    with_agent = ("-A", "-o", f"IdentityAgent={socket[1] if socket else ''}")
    return {
        "local": _ssh("", "-W", "127.0.0.1:4000"),
        "remote": _ssh(
            "echo ok", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:7777:127.0.0.1:22"
        ),
        "socket": _ssh("", "-W", "/run/dbus/system_bus_socket"),
        "agent": _ssh('echo "socket:$SSH_AUTH_SOCK"', *with_agent),
        "x11": _ssh('echo "display:$DISPLAY"', "-X", "-o", "ForwardX11Trusted=yes"),
        "pty": _ssh("tty", "-tt"),
    }


def _sudo() -> dict[str, Any]:
    """Look at what sudo permits without the drop-in, and with all of it."""
    commands = [each.split() for each in (*ALLOWED, *DENIED)]
    facts: dict[str, Any] = {"without": [_permitted(*each) for each in commands]}
    facts |= _patterns()
    facts["pager"] = _pager()
    # As Mast writes it, with a variable before the command.
    facts["upgrade"] = _ssh("sudo -n DEBIAN_FRONTEND=noninteractive apt-get upgrade -y")
    facts["log"] = _ssh("timeout 3 sudo -n journalctl -u mast.service -f -n 200 --output=cat")
    SUDOERS.unlink()
    return facts


def _patterns() -> dict[str, Any]:
    """Install all of the sample, and ask sudo and apt what they make of it."""
    facts: dict[str, Any] = {}
    sample = lifecycle.DROP_IN_SOURCES / "sudoers.conf"
    text = sample.read_text(encoding="utf-8")
    SUDOERS.write_text(re.sub(r"^#(?=\S)", "", text, flags=re.MULTILINE), encoding="utf-8")
    SUDOERS.chmod(0o440)
    facts["visudo"] = inside.run("visudo", "-cf", str(SUDOERS)).code
    facts["sample"] = inside.run("visudo", "-cf", str(sample)).code
    facts["allowed"] = {command: _permitted(*command.split()) for command in ALLOWED}
    facts["denied"] = {command: _permitted(*command.split()) for command in DENIED}
    only_upgrade = ("apt-get", "install", "-y", "--only-upgrade")
    facts["packages"] = {name: _permitted(*only_upgrade, name) for name in PACKAGES}
    facts["no_packages"] = {name: _permitted(*only_upgrade, name) for name in NO_PACKAGES}
    facts["apt"] = _what_apt_would_do()
    facts["frontend"] = {
        value: inside.run("sudo", "-n", f"DEBIAN_FRONTEND={value}", "apt-get", "upgrade", "-y",
                          user=USER).err
        for value in ("readline", "noninteractive; BEGIN { system(q(id)) } #")
    }  # fmt: skip
    return facts


def _permitted(*command: str) -> bool:
    return inside.run("sudo", "-n", "-l", *command, user=USER).code == 0


def _what_apt_would_do() -> dict[str, list[str]]:
    """Return what apt would install and remove for each package, from an archive of our own.

    The archive has newer versions of nothing but procps, and a package that is not installed.
    """
    archive = Path("/srv/archive")
    archive.mkdir(exist_ok=True)
    stanza = (
        "Package: {}\nVersion: 99:1\nArchitecture: all\nFilename: ./x.deb\nSize: 1\n"
        f"SHA256: {'0' * 64}\nDescription: x\n\n"
    )
    packages = "".join(map(stanza.format, ("procps", "absent")))
    (archive / "Packages").write_text(packages, encoding="utf-8")
    sources = archive / "sources.list"
    sources.write_text(f"deb [trusted=yes] file:{archive} ./\n", encoding="utf-8")
    places = (f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=-")
    options = [each for place in places for each in ("-o", place)]
    inside.must("apt-get", *options, "update", "-qq")
    found = {}
    for name in (*PACKAGES, "procps-"):
        argv = ("apt-get", *options, "-s", "install", "-y", "--only-upgrade", name)
        words = [line.split() for line in inside.run(*argv).out.splitlines()]
        found[name] = [" ".join(each[:2]) for each in words if each[:1] in (["Inst"], ["Remv"])]
    return found


def _pager() -> dict[str, Any]:
    """Call journalctl with two arguments in one, on a terminal, where it wants a pager."""
    pager, ran = Path("/usr/local/bin/less"), Path("/tmp/pager")
    pager.write_text(f"#!/bin/sh\nid -un >>{ran}\nexec cat\n", encoding="utf-8")
    pager.chmod(0o755)
    tricked = 'sudo -n journalctl -u "mast -f" -n 200 --output=cat'
    said = inside.run("timeout", "20", "script", "-qec", tricked, "/dev/null", user=USER)
    pager.unlink()
    return {"said": said.out, "ran": ran.exists()}


def _analyze() -> dict[str, Any]:
    verified = inside.run("systemd-analyze", "verify", "--man=no", _UNIT)
    return {"verify": verified.out + verified.err, "exposure": lifecycle.exposure(_UNIT)}


def _enroll_again(before: dict[str, Any]) -> dict[str, Any]:
    """Delete the row: Mast makes a new key, which takes the place of the old one."""
    inside.psql("DELETE FROM servers")
    stale = inside.status()
    inside.must("systemctl", "restart", "mast-agent")
    inside.until(lambda: _file() not in ({}, before), seconds=30, what="another key")
    return {
        "stale": stale,
        "file": _file(),
        "key": _public_key(),
        "mast": _mast_logs_in(),
        "old_key": _ssh("echo ok"),
    }


def _silent_sshd() -> dict[str, Any]:
    inside.must("systemctl", "stop", "ssh")
    facts = {"status": inside.status(), "check": inside.run("mast-agent", "check").out}
    inside.must("systemctl", "start", "ssh")
    return facts


def _revoke_through_a_link() -> dict[str, Any]:
    """Move the directory away and leave a link: sshd follows it, and revoking closes the door."""
    elsewhere = Path("/srv/keys")
    DIRECTORY.rename(elsewhere)
    DIRECTORY.symlink_to(elsewhere)
    facts: dict[str, Any] = {"before": _ssh("echo ok"), "said": _access("--revoke")}
    facts |= {"after": _ssh("echo ok"), "link": DIRECTORY.is_symlink()}
    facts["untouched"] = (elsewhere / USER).exists()
    facts["allowed"] = [_access(), _ssh("echo ok")]
    return facts


def _revoke_while_sshd_looks_elsewhere() -> dict[str, Any]:
    """Have sshd read another file for the user, with the same key in it."""
    rule = Path("/etc/ssh/sshd_config.d/00-elsewhere.conf")
    rule.write_text(
        f"Match User {USER}\n  AuthorizedKeysFile /srv/keys/%u\nMatch all\n", encoding="utf-8"
    )
    inside.must("systemctl", "reload", "ssh")
    facts: dict[str, Any] = {"said": _access("--revoke"), "after": _ssh("echo ok")}
    Path("/srv/keys", USER).unlink()
    facts["again"] = [_access("--revoke"), _ssh("echo ok")]
    rule.unlink()
    inside.must("systemctl", "reload", "ssh")
    _access()
    return facts


def _revoke_what_is_mounted() -> dict[str, Any]:
    """Mount the key over itself, and the directory read-only: neither can be removed."""
    facts: dict[str, Any] = {}
    key = str(DIRECTORY / USER)
    inside.must("mount", "--bind", key, key)
    facts["file"] = [_access("--revoke"), _ssh("echo ok")]
    inside.must("umount", key)
    inside.must("mount", "--bind", str(DIRECTORY), str(DIRECTORY))
    inside.must("mount", "-o", "remount,bind,ro", str(DIRECTORY))
    facts["directory"] = [_access("--revoke"), _ssh("echo ok")]
    inside.must("umount", str(DIRECTORY))
    facts["again"] = [_access("--revoke"), _ssh("echo ok")]
    _access()
    return facts


def _access(*options: str) -> dict[str, Any]:
    ran = inside.run("mast-agent", "access", *options)
    return {"code": ran.code, "said": ran.err}


def _revoke() -> dict[str, Any]:
    """Revoke, and start everything that could bring the key back."""
    facts = {
        "said": _access("--revoke")["said"],
        "mast": _mast_logs_in(),
        "file": _file(),
        "status": inside.status(),
        "status_nobody": inside.status(user="nobody"),
    }
    inside.must("systemctl", "restart", "mast-agent")
    inside.must("systemctl", "start", _UNIT)
    facts["started"] = {"file": _file(), "unit": inside.show(_UNIT, "Result", "StatusText")}
    return facts


def _allow() -> dict[str, Any]:
    """Ask for access by hand."""
    return {"said": _access(), "mast": _mast_logs_in(), "status": inside.status()}


def _mask() -> dict[str, Any]:
    """With the unit masked the host stays enrolled, and no start opens the door again."""
    (DIRECTORY / USER).unlink()
    inside.must("systemctl", "mask", _UNIT)
    inside.must("systemctl", "restart", "mast-agent")
    return {
        "agent": inside.await_state("exited"),
        "file": _file(),
        "status": inside.status(),
        "mast": _mast_logs_in(),
    }


def _unmask() -> dict[str, Any]:
    inside.must("systemctl", "unmask", _UNIT)
    inside.must("systemctl", "restart", "mast-agent")
    _await_key()
    return {"mast": _mast_logs_in()}


def _remove() -> dict[str, Any]:
    """Remove the package while Mast goes on running elsewhere, so to speak: its key is tried."""
    _take_private_key()
    works = _ssh("echo ok")
    removed = inside.run("apt-get", "remove", "-y", "mast-agent")
    facts = {
        "worked_before": works["code"],
        "code": removed.code,
        "ssh": _ssh("echo ok"),
        "directory": DIRECTORY.exists(),
        "rule": Path("/etc/ssh/sshd_config.d/mast-agent.conf").is_symlink(),
        "effective": inside.must("sshd", "-T", "-C", f"user={USER},host=localhost,addr=127.0.0.1"),
    }
    purged = inside.run("apt-get", "purge", "-y", "mast-agent")
    facts["purge_code"] = purged.code
    facts["rules"] = [str(path) for path in Path("/etc/ssh").rglob("mast-agent*")]
    facts["account"] = inside.run("getent", "passwd", USER).out
    facts["enabled"] = [str(path) for path in Path("/etc/systemd/system").rglob("mast-agent*")]
    return facts


if __name__ == "__main__":
    inside.main(first_boot, second_boot, short)
