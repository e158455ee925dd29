"""Judges the migrations: the set of files in the release against the set that is applied.

Sets, never the greatest version: a gap in the middle is a migration that has not run.
"""

from __future__ import annotations

from dataclasses import dataclass

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure

_NAMED = 5
"""How many versions a message lists."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the migrations are: `applied` of `total` that the release has."""

    applied: int
    total: int

    def __str__(self) -> str:
        """N of m."""
        return f"{self.applied} of {self.total}"


def progress(wanted: frozenset[int], applied: frozenset[int] | None) -> Progress:
    """Count. `applied` is None where there is no table schema_migrations yet."""
    return Progress(applied=len(wanted & (applied or frozenset())), total=len(wanted))


def retired(wanted: frozenset[int], applied: frozenset[int] | None) -> frozenset[int]:
    """Return the applied versions that are older than every file of the release.

    A release that comes before them would have older files too: such a version is of a migration
    that has been taken out since, and no sign of a downgrade.
    """
    oldest = min(wanted, default=0)
    return frozenset(version for version in applied or () if version < oldest)


def say_retired(versions: frozenset[int]) -> str:
    """Return what to say of them."""
    return f"the database has {_list(versions)} of migrations that this release no longer ships"


def require_complete(
    wanted: frozenset[int], applied: frozenset[int] | None, *, migrating: bool
) -> None:
    """Raise Failure unless the wanted migrations are applied, and at most `retired` ones besides.

    78 when the database has versions that the release does not know; 75 when some are missing,
    saying how many, and whether a migration is running (`migrating`: Ecto's lock is held).
    """
    ahead = (applied or frozenset()) - wanted - retired(wanted, applied)
    if ahead:
        raise Failure(
            causes.SCHEMA_AHEAD,
            f"the database is ahead of the release by {_list(ahead)}",
        )
    if applied is not None and wanted <= applied:
        return
    count = progress(wanted, applied)
    table = "" if applied is not None else " (there is no table schema_migrations yet)"
    cause = causes.MIGRATIONS_RUNNING if migrating else causes.MIGRATIONS_PENDING
    state = "a migration is running" if migrating else "none is running"
    raise Failure(
        cause,
        f"{count} migrations are applied{table}, {state}",
        progress=str(count),
    )


def _list(versions: frozenset[int]) -> str:
    shown = [str(version) for version in sorted(versions)[:_NAMED]]
    if len(versions) > _NAMED:
        shown.append(f"and {len(versions) - _NAMED} more")
    noun = "version" if len(versions) == 1 else "versions"
    return f"{noun} {', '.join(shown)}"
