"""What `mast-agent status` could learn: facts, and which of them still count.

They are collected by `status` and judged by `verdict`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.status import evidence

if TYPE_CHECKING:
    from mast_agent.failures.failure import Failure
    from mast_agent.host.units import Unit
    from mast_agent.postgres.snapshot import Server, Snapshot
    from mast_agent.report.published import Published
    from mast_agent.report.record import Record


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What Mast's database told. Without a `snapshot` it was not asked, or `failure` says why not.

    `server` is this host's row in the snapshot, and `found` is what is to be said of that row.
    """

    snapshot: Snapshot | None = None
    failure: Failure | None = None
    server: Server | None = None
    found: tuple[Failure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What could be learned. None means absent; the `…_readable` say whether one could look.

    `published` is of this boot, and `alive` says whether its process is there (None: hidden).
    `foreign` says that the record is another machine's. `link` is the present invocation of the
    agent's unit where the bus is silent (`units.present_invocation`). `now` is the wall clock, in
    seconds. `looked` is True when the database was asked and answered in full: then `server` is
    this host's row, or None because there is none. `concerns` are what an operator has to be told
    whatever the verdict is, the most important one first.
    """

    published: Published | None
    published_readable: bool
    record: Record | None
    record_readable: bool
    agent_unit: Unit | None
    looked: bool
    server: Server | None
    failure: Failure | None
    now: float
    mast_unit: Unit | None = None
    alive: bool | None = False
    foreign: bool = False
    link: str | None = None
    concerns: tuple[Failure, ...] = ()

    @property
    def at_work(self) -> bool | None:
        """Whether the run that published is still at work; None where that cannot be told."""
        if self.published is None:
            return False
        told = evidence.alive(self.published, self.alive, self.agent_unit)
        # What is outdated needs no process of its own to be so.
        return False if told is None and not self._counts(self.published) else told

    @property
    def last_word(self) -> Published | None:
        """What was published, if it says something of now."""
        published = self.published
        if published is None or self.at_work is not False:
            return published
        return published if self._counts(published) else None

    def _counts(self, published: Published) -> bool:
        return evidence.counts(published, self.agent_unit, self.mast_unit, self.link)

    @property
    def own_record(self) -> Record | None:
        """The record, if it is this machine's."""
        return None if self.foreign else self.record
