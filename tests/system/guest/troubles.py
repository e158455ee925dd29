"""The faults of docs/troubleshooting.md: how each is made, and how it is seen that it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import inside

if TYPE_CHECKING:
    from collections.abc import Callable


def _database_down() -> None:
    inside.must("systemctl", "stop", "postgresql", "postgresql@*")


def _unreadable() -> None:
    inside.must("chown", "root:root", str(inside.ENV_FILE))
    inside.must("chmod", "0600", str(inside.ENV_FILE))


def _role_missing() -> None:
    inside.psql("ALTER ROLE mast RENAME TO other", database="postgres")


def _role_back() -> None:
    """Make what is missing, which the page leaves to the reader."""
    inside.psql("ALTER ROLE other RENAME TO mast", database="postgres")


def _not_migrated() -> None:
    inside.must("systemctl", "stop", "mast", "mast-agent")
    inside.psql("DROP DATABASE mast WITH (FORCE)", database="postgres")
    inside.psql("CREATE DATABASE mast OWNER mast", database="postgres")


def _row_lost() -> None:
    # A status is "enrolled" as soon as the row is there; the run that made it has to see it too.
    inside.must("systemctl", "start", "mast-agent")
    inside.psql("DELETE FROM servers")


def _revoked() -> None:
    inside.must("mast-agent", "access", "--revoke")


def _sshd_stopped() -> None:
    inside.must("systemctl", "stop", "ssh")


#: By the page's heading: what makes the fault, and what the reader is left to do after its blocks.
FAULTS: dict[str, tuple[Callable[[], None], Callable[[], None] | None]] = {
    "The database does not answer": (_database_down, None),
    "The environment file cannot be read": (_unreadable, None),
    "A password, a role or a database is wrong": (_role_missing, _role_back),
    "The migrations do not come": (_not_migrated, None),
    "The dashboard has lost its own host": (_row_lost, None),
    "Enrolled, but Mast cannot log in": (_revoked, None),
    "Nothing listens for Mast's login": (_sshd_stopped, None),
}


def follow(blocks: dict[str, list[str]]) -> dict[str, dict[str, object]]:
    """Make each fault, run the blocks under its heading, and return what they and `status` say."""
    found: dict[str, dict[str, object]] = {}
    for heading, commands in blocks.items():
        provoke, rest = FAULTS.get(heading, (None, None))
        if provoke:
            provoke()
        ran = [inside.run("bash", "-c", f"cd /root\n{block}") for block in commands]
        if rest:
            rest()
        found[heading] = {"ran": ran}
        if provoke:
            wait = ("--wait", "--timeout", "1min")
            found[heading]["after"] = inside.run("mast-agent", "status", *wait, seconds=90)
    return found
