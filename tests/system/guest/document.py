"""Scenarios: a person follows docs/install/lxc.md, block by block, and other pages on the way.

The page truncates machine ids and drops databases: it is run in a container, or not at all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import inside
import troubles

#: Written by the test: headings and their blocks of shell, in the page's order.
PAGE = Path("/opt/page.json")
#: The same of other pages, by their names.
OTHERS = Path("/opt/others.json")
#: README's heading of the commands that are all that it takes, on an empty machine.
QUICK_START = "Quick start: Debian"
#: The commands of a remedy, in one line.
READABLE = "chown root:mast /etc/mast.env && chmod 0640 /etc/mast.env"


def original() -> dict[str, Any]:
    """Go from the empty machine to the template image."""
    page = _Page()
    page.follow("Packages", "The release", "The database", "The configuration", "Starting")
    facts: dict[str, Any] = {
        "servers": _rows(),
        "status": inside.status(),
        "environment": _mode(inside.ENV_FILE),
    }
    facts["asked"] = _asked()
    facts["by_hand"] = _by_hand()
    facts["left_by_root"] = _left_by_root()
    facts["others"] = _others()
    page.follow("A tighter sandbox, with a local socket")
    facts["tight"] = _unit()
    page.follow("In a container without nesting")
    facts["reduced"] = _unit()
    facts["reduced_servers"] = _rows()
    page.follow("Taking a template image")
    facts["template"] = {
        "tables": inside.psql("SELECT count(*) FROM pg_tables WHERE tablename = 'servers'"),
        "record": inside.RECORD.exists(),
        "environment": inside.ENV_FILE.exists(),
        "machine_id": Path("/etc/machine-id").read_text(encoding="ascii"),
    }
    return facts | {"ran": page.ran}


def clone() -> dict[str, Any]:
    """Go on with a machine that was made from the template; remove everything in the end."""
    page = _Page()
    facts: dict[str, Any] = {
        "machine_id": Path("/etc/machine-id").read_text(encoding="ascii").strip(),
        "before": inside.status(),
    }
    page.follow("A machine made from the template", "The configuration", "Starting")
    facts["servers"] = _rows()
    facts["host_keys"] = len(list(Path("/etc/ssh").glob("ssh_host_*_key")))
    page.follow("Removing")
    facts["left"] = inside.run("systemctl", "is-active", "mast", "mast-agent").out.split()
    facts["quick"] = _quick_start()
    return facts | {"ran": page.ran}


def _asked() -> dict[str, Any]:
    """Ask as root and as the service's user, before and after the row is lost; have it back."""
    users = {"root": None, "mast": "mast"}
    facts: dict[str, Any] = {
        "check": {
            name: inside.run("mast-agent", "check", user=user) for name, user in users.items()
        },
        "status": {who: inside.status_json(user=user) for who, user in users.items()},
    }
    inside.psql("DELETE FROM servers")
    facts["stale"] = {who: inside.status_json(user=user) for who, user in users.items()}
    inside.must("systemctl", "restart", "mast-agent")
    facts["again"] = inside.status_json()
    inside.ENV_FILE.chmod(0o600)
    facts["unreadable"] = inside.run("mast-agent", "check")
    inside.must("sh", "-c", READABLE)
    facts["readable"] = inside.run("mast-agent", "check")
    return facts


def _by_hand() -> dict[str, Any]:
    """Enroll as root by hand on a machine whose unit has never run, then start the unit."""
    inside.must("systemctl", "stop", "mast-agent")
    inside.psql("DELETE FROM servers")
    inside.must("rm", "-rf", "/run/mast-agent", str(inside.STATE))
    ran = inside.run("mast-agent", "enroll", "--timeout", "60")
    found = [path for path in (inside.STATE, inside.STATUS.parent) if path.exists()]
    owners = {str(path): path.owner() for each in found for path in (each, *each.rglob("*"))}
    inside.must("systemctl", "start", "mast-agent")
    return {"ran": ran, "owners": owners, "agent": inside.agent(), "servers": _rows()}


def _left_by_root() -> dict[str, Any]:
    """Leave root's directory where the eval's is to be, as hand runs once did, and enroll."""
    inside.must("systemctl", "stop", "mast-agent")
    inside.psql("DELETE FROM servers")
    left = inside.STATUS.parent / "eval"
    inside.must("rm", "-rf", str(left))
    left.mkdir(mode=0o700)
    (left / "file").touch()
    inside.must("systemctl", "start", "mast-agent")
    return {"agent": inside.agent(), "owner": left.owner(), "servers": _rows()}


def _others() -> dict[str, Any]:
    """Run what the other pages say, on the machine as it is after the first one's start."""
    pages: dict[str, dict[str, list[str]]] = json.loads(OTHERS.read_text(encoding="utf-8"))
    return {
        "README.md": troubles.follow(
            {name: blocks for name, blocks in pages["README.md"].items() if name != QUICK_START}
        ),
        "access.md": troubles.follow(pages["access.md"]),
        "troubleshooting.md": troubles.follow(pages["troubleshooting.md"]),
    }


def _quick_start() -> dict[str, Any]:
    """Remove what purging leaves, and follow README instead of the page."""
    inside.must("rm", "-rf", "/opt/mast", str(inside.ENV_FILE), "/var/lib/mast")
    inside.must("runuser", "-u", "postgres", "--", "dropdb", "mast")
    inside.must("runuser", "-u", "postgres", "--", "dropuser", "mast")
    pages: dict[str, dict[str, list[str]]] = json.loads(OTHERS.read_text(encoding="utf-8"))
    (block,) = pages["README.md"][QUICK_START]
    inside.must("bash", "-euo", "pipefail", "-c", f"cd /root\n{block}", seconds=120)
    return {
        "servers": _rows(),
        "status": inside.status(),
        "environment": _mode(inside.ENV_FILE),
    }


class _Page:
    """The blocks of the page, run as they are by a shell that stops at the first error."""

    def __init__(self) -> None:
        inside.must("systemd-detect-virt", "--container")
        self._blocks: dict[str, list[str]] = json.loads(PAGE.read_text(encoding="utf-8"))
        self.ran: list[str] = []

    def follow(self, *headings: str) -> None:
        """Run all blocks under the headings."""
        for heading in headings:
            for block in self._blocks[heading]:
                inside.must("bash", "-euo", "pipefail", "-c", f"cd /root\n{block}", seconds=120)
            self.ran.append(heading)


def _rows() -> list[str]:
    return inside.psql("SELECT name FROM servers")


def _mode(path: Path) -> list[str]:
    return inside.must("stat", "-c", "%a %U %G", str(path)).split()


def _unit() -> dict[str, str]:
    return inside.await_state("exited") | inside.show(
        "mast-agent.service", "PrivateNetwork", "ProtectSystem", "PrivateTmp"
    )


if __name__ == "__main__":
    inside.main(original, clone)
