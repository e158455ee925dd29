"""What an operator has to know about the row of this host. Pure functions.

None of it prevents an enrollment. `enroll` corrects what it can: `needs` has the differences
between the row and MAST_SELF_*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.enroll import needs, servers
from mast_agent.enroll.servers import Place
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mast_agent.config.login import Wanted
    from mast_agent.host.identity import Host
    from mast_agent.postgres.snapshot import Server

_NAMED = 2
"""How many other rows are named: where hosts share a database there may be many."""
_FOREIGN = (Place.OURS, Place.ELSEWHERE, Place.NOWHERE)


def of(rows: Sequence[Server], row: Server, this: Host, want: Wanted) -> list[Failure]:
    """Return what there is to say of `row`, which is this host's, among all `rows`."""
    found = [
        Failure(causes.ROW_DIFFERS, f"its row in Mast still has {each}")
        for each in needs.differences(row, want)
    ]
    others = [*servers.candidates(rows, this, want), *servers.leading_here(rows, this, want)]
    doubles = {each.id: each for each in others if each.id != row.id}
    found += [
        Failure(
            causes.ROW_DOUBLED,
            f"the row {each.name!r} ({each.id}) with the address {each.host} is this host as well",
        )
        for each in [*doubles.values()][:_NAMED]
    ]
    if not this.is_called(row.name) and servers.place(row, this, want) in _FOREIGN:
        # By the record alone, which a clone with the same machine id has too.
        names = ", ".join(sorted(this.names)) or "nothing"
        found.append(
            Failure(
                causes.ROW_NAMED_OTHERWISE,
                f"its row in Mast is called {row.name!r} at {row.host}, and this host {names}",
            )
        )
    return found
