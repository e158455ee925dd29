"""What the files of this host tell `mast-agent status`: the release, the last run, the record.

Nothing here fails: what cannot be read is a fact too. What the files mean is `evidence`'s and
`verdict`'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.config import release
from mast_agent.failures.failure import Failure
from mast_agent.host import storage
from mast_agent.report import published, record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mast_agent.config.release import Release
    from mast_agent.config.settings import Settings
    from mast_agent.host.identity import Host
    from mast_agent.report.published import Published
    from mast_agent.report.record import Record


@dataclass(frozen=True, kw_only=True)
class Files:
    """What the file system tells; None for what is absent or cannot be read.

    `record_state` is "present", "absent", "unreadable", "unusable" or "foreign", which is another
    machine's.
    """

    release: Release | None
    release_failure: Failure | None
    published: Published | None
    published_readable: bool
    record: Record | None
    record_state: str


def read(config: Settings, this_host: Host, known: Mapping[str, str]) -> Files:
    """Read them; `known` is what there is to know for a remedy."""
    found_release, release_failure = _release(config, known)
    last, readable = _published(config.runtime_directory)
    recorded, record_state = _record(config.state_directory)
    if recorded is not None and recorded.machine != this_host.machine:
        record_state = "foreign"
    return Files(
        release=found_release,
        release_failure=release_failure,
        published=last,
        published_readable=readable,
        record=recorded,
        record_state=record_state,
    )


def _release(config: Settings, known: Mapping[str, str]) -> tuple[Release | None, Failure | None]:
    try:
        return release.read(config.mast_bin), None
    except Failure as failure:
        return None, failure.knowing(known)


def _published(directory: Path) -> tuple[Published | None, bool]:
    """Return what was published in this boot, and whether one could look."""
    try:
        found = published.load(directory)
    except (storage.UnusableError, OSError):
        return None, False
    return (found if found is None or found.is_of_this_boot() else None), True


def _record(directory: Path) -> tuple[Record | None, str]:
    try:
        found = record.load(directory)
    except storage.UnusableError:
        return None, "unusable"
    except OSError:
        return None, "unreadable"
    return found, "absent" if found is None else "present"
