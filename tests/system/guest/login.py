"""Scenarios: Mast reaches its host, or is kept out, and the agent says by what.

The remedies are carried out as they are printed, where they are commands.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import access
import inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USER = access.USER
_UNIT = "mast-agent-access.service"
_LOGIN = Path("/run/mast-agent-access/login.json")
_CONFIG = Path("/etc/ssh/sshd_config")
_RULES = Path("/etc/ssh/sshd_config.d")
_OURS = _RULES / "mast-agent.conf"
#: Before all others: of several values of a setting sshd takes the first.
_FIRST = _RULES / "00.conf"
_ADDRESS = "10.231.9.1"
_KILLS = 50
#: The reference Mast checks its servers this often here, instead of every 30 s.
CHECK = {"MAST_REFERENCE_CHECK_SECONDS": "1"}


def first_boot() -> dict[str, Any]:
    """Wait until Mast has come, as a script would; then keep it out in every way."""
    facts: dict[str, Any] = {"wait": _status("--wait", "--timeout", "90")}
    facts["row"] = inside.psql("SELECT status, last_seen_at IS NOT NULL FROM servers")
    facts["report"] = json.loads(_LOGIN.read_text(encoding="utf-8"))
    facts["left"] = _left()
    facts["json"] = inside.status_json()["access"]
    facts["nobody"] = inside.run("mast-agent", "status", "--managed", user="nobody").code
    facts["setups"] = {name: _set_up(*setup) for name, setup in _setups().items()}
    facts["address"] = _own_address()
    facts["foreign"] = _foreign_address()
    facts["client"] = _without_client()
    facts["kills"] = _killed()
    facts["server"] = inside.servers()
    return facts


def _setups() -> dict[str, tuple[Callable[[], object], Callable[[str], object]]]:
    """Return what keeps Mast out, and how its remedy is carried out: by a command, or by hand."""

    def rule(line: str) -> Callable[[], object]:
        return lambda: _FIRST.write_text(f"{line}\n", encoding="utf-8")

    def edited(_: str) -> None:
        """Do what the remedy says of a line in the configuration."""
        text = _FIRST.read_text(encoding="utf-8")
        if text.startswith("Allow"):
            _FIRST.write_text(text.replace("bob", f"bob {USER}"), encoding="utf-8")
        else:
            _FIRST.unlink()

    return {
        "no-include": (
            lambda: _CONFIG.write_text(
                re.sub("^Include", "#Include", _CONFIG.read_text(), flags=re.MULTILINE)
            ),
            _carry_out,
        ),
        "no-rule": (_OURS.unlink, _carry_out),
        "allow-users": (rule("AllowUsers bob"), edited),
        "allow-groups": (rule("AllowGroups bob"), edited),
        "deny-users": (rule(f"DenyUsers {USER}"), edited),
        "deny-groups": (rule("DenyGroups systemd-journal"), edited),
        "no-pubkey": (rule(f"Match User {USER}\nPubkeyAuthentication no"), edited),
        "use-pam-no": (rule("UsePAM no"), _carry_out),
        "force-command": (rule(f"Match User {USER}\nForceCommand /bin/false"), edited),
        "methods": (
            rule(f"Match User {USER}\nAuthenticationMethods publickey,password"), edited,
        ),
        "nologin": (
            lambda: inside.must("usermod", "-s", "/usr/sbin/nologin", USER), _carry_out,
        ),
        "expired": (lambda: inside.must("usermod", "-e", "1", USER), _carry_out),
        "silent": (lambda: inside.must("systemctl", "stop", "ssh"), _carry_out),
    }  # fmt: skip


def _set_up(change: Callable[[], object], mend: Callable[[str], object]) -> dict[str, Any]:
    """Keep Mast out, ask what is said of it, carry the remedy out, and wait until Mast comes."""
    change()
    _reload()
    before = inside.run("mast-agent", "check")
    _try()
    broken = _status()
    remedy = broken["json"]["remedy"]
    mend(remedy)
    _reload()
    mended = _status("--wait", "--timeout", "60")
    with contextlib.suppress(FileNotFoundError):
        _FIRST.unlink()
    _reload()
    return {"check": before.out, "broken": broken, "left": _left(), "mended": mended}


def _carry_out(remedy: str) -> None:
    """Run the command in a remedy as it is printed: behind the first colon, up to a comma."""
    match = re.search(
        r": ((?:sed|ln|usermod|systemctl) .*?)(?:, which| \(on NixOS|; or |$)", remedy
    )
    command = match[1] if match else "false"
    inside.must("sh", "-c", command)


def _reload() -> None:
    """Have sshd read its configuration, if it runs."""
    if inside.show("ssh.service", "ActiveState")["ActiveState"] == "active":
        inside.must("systemctl", "reload", "ssh")
        time.sleep(0.3)  # it answers before it has done so


def _try() -> None:
    inside.run("systemctl", "reset-failed", _UNIT)
    inside.must("systemctl", "start", _UNIT)


def _status(*options: str) -> dict[str, Any]:
    ran = inside.run("mast-agent", "status", "--managed", "--json", *options, seconds=120)
    document = json.loads(ran.out)
    text = inside.run("mast-agent", "status", "--managed")
    return {
        "code": ran.code,
        "json": {key: document[key] for key in ("summary", "remedy", "code", "verdict")},
        "access": document["access"],
        "first": text.out.splitlines()[0],
        "plain_code": inside.run("mast-agent", "status").code,
    }


def _left() -> dict[str, Any]:
    """Return what is there of a trial: nothing, if all is well."""
    text = (access.DIRECTORY / USER).read_text(encoding="utf-8")
    return {
        "lines": text.count("\n"),
        "trial": "mast-agent-trial" in text,
        "login": sorted(path.name for path in _LOGIN.parent.iterdir()),
        "keys": sorted(path.name for path in access.DIRECTORY.iterdir()),
    }


def _own_address() -> dict[str, Any]:
    """Have Mast come by the address that the host has in its network."""
    inside.must("ip", "link", "add", "lan", "type", "veth", "peer", "name", "far")
    inside.must("ip", "address", "add", f"{_ADDRESS}/24", "dev", "lan")
    for end in ("lan", "far"):
        inside.must("ip", "link", "set", end, "up")
    with _self_host(_ADDRESS):
        # As Mast.Bootstrap does it; the reference's leaves the row as it is.
        inside.psql(f"UPDATE servers SET host = '{_ADDRESS}'")  # noqa: S608 - a constant
        managed = _status("--wait", "--timeout", "60")
        text = (access.DIRECTORY / USER).read_text(encoding="utf-8")
        return {"managed": managed, "row": inside.psql("SELECT host FROM servers"), "key": text}


def _foreign_address() -> dict[str, Any]:
    """Set an address that is not this host's."""
    with _self_host("10.231.9.77", wait=False):
        ran = inside.run("mast-agent", "access", "--env-file", str(inside.ENV_FILE))
        return {"code": ran.code, "error": ran.err, "left": _left()}


@contextlib.contextmanager
def _self_host(address: str, *, wait: bool = True) -> Iterator[None]:
    """Set MAST_SELF_HOST for Mast, the agent and the access unit, and put it back."""
    inside.write_environment({"MAST_SELF_HOST": address, **CHECK})
    if wait:
        inside.must("systemctl", "restart", "mast-agent")
        inside.await_state("exited")
    try:
        yield
    finally:
        inside.write_environment({"MAST_SELF_HOST": "127.0.0.1", **CHECK})
        if wait:
            inside.must("systemctl", "restart", "mast-agent")
            inside.await_state("exited")
            inside.psql("UPDATE servers SET host = '127.0.0.1'")
            inside.write_environment(CHECK)
        else:
            inside.write_environment(CHECK)


def _without_client() -> dict[str, Any]:
    """Take OpenSSH's client away: it cannot be tried, and that is said."""
    client = Path("/usr/bin/ssh")
    hidden = client.rename("/usr/bin/ssh.hidden")
    ran = inside.run("mast-agent", "access")
    hidden.rename(client)
    return {"code": ran.code, "said": ran.err, "report": json.loads(_LOGIN.read_text())}


def _killed() -> dict[str, Any]:
    """Kill a trial at random moments: by turns its process alone, and the whole unit."""
    _try()
    begin = time.monotonic()
    _try()
    whole = time.monotonic() - begin
    seed = time.time_ns() % 10**6
    chance = random.Random(seed)  # noqa: S311 - chance, and no secret
    left = []
    for number in range(_KILLS):
        inside.run("systemctl", "reset-failed", _UNIT)
        inside.must("systemctl", "start", "--no-block", _UNIT)
        time.sleep(chance.uniform(0.05, whole))
        whom = "main" if number % 2 else "all"
        inside.run("systemctl", "kill", "--signal=KILL", f"--kill-whom={whom}", _UNIT)
        # It starts again by itself.
        inside.until(
            lambda: inside.show(_UNIT, "ActiveState")["ActiveState"] == "inactive",
            seconds=30, what="the end of the killed unit",
        )  # fmt: skip
        left.append(_left())
    inside.run("systemctl", "reset-failed", _UNIT)
    return {"seed": seed, "left": left, "users": inside.must("getent", "passwd").count("trial")}


if __name__ == "__main__":
    inside.main(first_boot)
