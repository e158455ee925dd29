"""Scenarios: the situation of NixOS, with dbus-broker, DynamicUser= and a socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import inside
import lifecycle

#: Remedies, as they are printed.
LET_THE_UNIT = "systemctl restart --no-block mast-agent && mast-agent status --wait"
HAVE_THE_USER = "systemd-run -p Type=exec -p DynamicUser=yes -p User=mast sleep 60"


def first_boot() -> dict[str, Any]:
    """Enroll at boot, and look at it as root and as nobody."""
    return {
        "agent": inside.await_state("exited"),
        "unit": inside.show("mast-agent.service", "DynamicUser", "User", "PrivateNetwork"),
        "bus": inside.show("dbus.service", "Id")["Id"],
        "static_user": "mast:" in Path("/etc/passwd").read_text(encoding="utf-8"),
        "state_is_private": Path("/var/lib/mast-agent").resolve().parts[:4],
        "mast": inside.show("mast.service", "ActiveState")["ActiveState"],
        "cookie": _cookie(),
        "servers": inside.servers(),
        "evals": inside.evals(),
        "status": inside.status(),
        "status_nobody": inside.status(user="nobody"),
        "leaks": lifecycle.leaks([]),
        "journal": inside.journal("-t", "mast-agent", "-u", "mast-agent.service"),
        "check": inside.run("mast-agent", "check"),
        "by_hand": inside.run("mast-agent", "enroll"),
        "let_the_unit": inside.run("sh", "-c", LET_THE_UNIT),
    }


def second_boot() -> dict[str, Any]:
    """Look at it after a reboot; then let it fail, for nobody to see why."""
    facts = {
        "agent": inside.await_state("exited"),
        "cookie": _cookie(),
        "servers": inside.servers(),
        "evals": inside.evals(),
        "status": inside.status(),
    }
    inside.drop_in("broken", "[Service]\nEnvironment=MAST_BIN=/opt/nowhere/bin/mast\n")
    inside.run("systemctl", "restart", "mast-agent")
    facts["failed"] = inside.await_state("failed")
    facts["failed_nobody"] = inside.status(user="nobody")
    inside.drop_in("broken", "")
    inside.must("systemctl", "restart", "mast-agent")
    inside.psql("DELETE FROM servers")
    facts["stale"] = inside.status_json()
    facts["without_user"] = _without_user()
    return facts


def _without_user() -> dict[str, Any]:
    """Stop the units, and with them the user; ask, and do what is said."""
    inside.must("systemctl", "stop", "mast-agent", "mast")
    facts: dict[str, Any] = {
        "user": inside.run("getent", "passwd", "mast").code,
        "check": inside.run("mast-agent", "check"),
        "status": inside.status(),
    }
    facts["remedy"] = inside.run("sh", "-c", HAVE_THE_USER)
    facts["check_with_it"] = inside.run("mast-agent", "check")
    facts["status_with_it"] = inside.status_json()
    return facts


def _cookie() -> list[str]:
    """Return the cookie that was made for this boot, and the mode of its file; [] for none."""
    path = Path("/run/mast/cookie.env")
    if not path.exists():
        return []
    text = path.read_text(encoding="ascii")
    return [text.partition("=")[2].strip(), oct(path.stat().st_mode & 0o777)]


if __name__ == "__main__":
    inside.main(first_boot, second_boot)
