"""This host's own row: the record and the settings, compared with a snapshot.

`servers` decides which row is this host's, `needs` what it still needs, and `record` what the
record is worth; here one enrollment asks them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.config import login
from mast_agent.enroll import needs, servers
from mast_agent.postgres.sought import Sought
from mast_agent.report import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from mast_agent.enroll.needs import Needs
    from mast_agent.enroll.plan import Plan
    from mast_agent.postgres.snapshot import Identity, Server, Snapshot
    from mast_agent.report.record import Key, Record


class OwnRow:
    """The record as it is now, and this host's row by it."""

    def __init__(
        self, plan: Plan, problem: Callable[[str], None], unrecorded: Callable[[str], None]
    ) -> None:
        """`problem` is told what is wrong with the record, `unrecorded` why none is written."""
        self._plan = plan
        self._unrecorded = unrecorded
        self._wanted = login.wanted(plan.settings.mast)
        self._recorded = record.load_or_report(plan.settings.state_directory, problem)

    def sought(self) -> Sought:
        """Return which row there is to look for: where it has an id, no other counts."""
        return Sought(known_id=self._id_in)

    def find(self, snapshot: Snapshot) -> Server | None:
        """Return this host's row, None where it has none.

        Raises Failure (70) where it has none because its name is another host's.
        """
        rows, this = snapshot.servers or (), self._plan.host
        row = servers.known(rows, self._recorded_id(snapshot), this, self._wanted)
        if row is None:
            servers.require_no_namesake(rows, this, self._wanted)
        return row

    def find_after(
        self, before: Snapshot, after: Snapshot, reported_id: str | None
    ) -> Server | None:
        """Return this host's row after an eval that reported `reported_id`, None for none."""
        return servers.enrolled(
            before.servers or (),
            after.servers or (),
            (reported_id, self._recorded_id(after)),
            self._plan.host,
            self._wanted,
        )

    def needs(self, row: Server, snapshot: Snapshot) -> Needs:
        """Return what the row needs an eval for, as far as an eval would find the row.

        One that neither has this host's name nor leads here is found by its id alone, and a
        Mast.Bootstrap that does not know it would make another.
        """
        this = self._plan.host
        if not this.is_called(row.name) and not servers.leading_here([row], this, self._wanted):
            return needs.NONE
        return needs.of(
            row,
            self._believed(snapshot),
            self._wanted,
            access=self._plan.settings.access,
            vault=self._vault(row),
        )

    def differences(self, row: Server) -> list[str]:
        """Return in what the row is not as MAST_SELF_* have it."""
        return needs.differences(row, self._wanted)

    def save(self, row: Server, snapshot: Snapshot, asked: Key | None) -> None:
        """Record the row. `asked` is the key that an eval has told just now, None without one.

        Only an eval shows that Mast can use MAST_VAULT_KEY: without one the record keeps what it
        has of that.
        """
        old = self._believed(snapshot)
        vault = old.vault if old is not None and old.server_id == row.id else None
        self._recorded = record.save_changed(
            self._plan.settings.state_directory,
            record.Record(
                server_id=row.id,
                server_name=row.name,
                machine=self._plan.host.machine,
                database=snapshot.identity,
                enrolled_at=record.now(),
                key=asked or needs.key(row, old),
                vault=self._vault(row) if asked is not None else vault,
                hostname=self._hostname(row, old),
            ),
            self._recorded,
            self._unrecorded,
        )

    def _hostname(self, row: Server, old: Record | None) -> str | None:
        """Return what this host was called when it got the row: a clone has another name."""
        this = self._plan.host
        present = min(this.names, default=None)
        if old is None or old.server_id != row.id or this.is_called(row.name):
            return present
        return old.hostname or present

    def _believed(self, snapshot: Snapshot) -> Record | None:
        """Return the record, if it is about this machine and this database."""
        return self._believed_of(snapshot.identity)

    def _believed_of(self, identity: Identity) -> Record | None:
        found = self._recorded
        if found is None or not found.is_about(self._plan.host.machine, identity):
            return None
        return found

    def _id_in(self, identity: Identity) -> str | None:
        believed = self._believed_of(identity)
        return believed.server_id if believed is not None else None

    def _recorded_id(self, snapshot: Snapshot) -> str | None:
        return self._id_in(snapshot.identity)

    def _vault(self, row: Server) -> str | None:
        return needs.vault_digest(self._plan.settings.mast.get(needs.VAULT_KEY), row.id)
