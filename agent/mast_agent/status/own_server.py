"""This host's row in Mast's database, for `status`.

`servers` decides which row is this host's, and `concerns` what has to be said of it; here is what
the files of this host know of it. An enrollment has `own_row`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.access import access
from mast_agent.config import login
from mast_agent.enroll import concerns, servers
from mast_agent.postgres import sought
from mast_agent.status import asking
from mast_agent.status.facts import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mast_agent.config.service_user import ServiceUser
    from mast_agent.config.settings import Settings
    from mast_agent.failures.failure import Failure
    from mast_agent.host.deadline import Deadline
    from mast_agent.host.identity import Host
    from mast_agent.postgres.parameters import ConnectionParameters
    from mast_agent.postgres.snapshot import Identity, Server, Snapshot
    from mast_agent.postgres.sought import Sought
    from mast_agent.status.local import Files


class OwnServer:
    """Which row is looked for, and which one it is in a snapshot."""

    def __init__(self, config: Settings, files: Files, this: Host) -> None:
        self._files = files
        self._this = this
        told = files.published.login if files.published is not None else {}
        self._wanted = login.wanted({**told, **access.variables(config.mast)})

    def ask(
        self,
        parameters: ConnectionParameters,
        deadline: Deadline,
        user: ServiceUser | None,
        known: Mapping[str, str],
    ) -> Answer:
        """Ask the database for it, as `user`. Never fails: why not is in the answer."""
        snapshot, failure = asking.look(parameters, deadline, user, known, self.sought())
        if snapshot is None:
            return Answer(failure=failure)
        server, found = self.find(snapshot)
        return Answer(snapshot=snapshot, failure=failure, server=server, found=tuple(found))

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
