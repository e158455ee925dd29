"""This host's row in Mast's database, as those find it who only ask.

What makes a row this host's is decided in `servers`, and what is to be said of it in `concerns`;
here is what the files of this host know of it. An enrollment has `own_row`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent import access, concerns, login, servers, sought

if TYPE_CHECKING:
    from mast_agent.failure import Failure
    from mast_agent.host import Host
    from mast_agent.local import Files
    from mast_agent.settings import Settings
    from mast_agent.snapshot import Identity, Server, Snapshot
    from mast_agent.sought import Sought


class OwnServer:
    """Which row is looked for, and which one it is in a snapshot."""

    def __init__(self, config: Settings, files: Files, this: Host) -> None:
        self._files = files
        self._this = this
        told = files.published.login if files.published is not None else {}
        self._wanted = login.wanted({**told, **access.variables(config.mast)})

    def sought(self) -> Sought:
        """Return which rows to ask for: its own by its id, and what may be this host as well."""
        return sought.with_doubles(self._known_id, self._this, self._wanted)

    def find(self, snapshot: Snapshot) -> tuple[Server | None, list[Failure]]:
        """Return this host's row, and what is to be said of it."""
        rows, this = snapshot.servers or (), self._this
        row = servers.known(rows, self._known_id(snapshot.identity), this, self._wanted)
        return row, concerns.of(rows, row, this, self._wanted) if row is not None else []

    def _known_id(self, database: Identity) -> str | None:
        recorded, last = self._files.record, self._files.published
        if recorded is not None:
            return recorded.server_id if recorded.is_about(self._this.machine, database) else None
        # Without the right to read the record, what the last run published names the row.
        return last.server["id"] if last is not None and last.server is not None else None
