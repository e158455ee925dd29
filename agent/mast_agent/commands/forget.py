"""`mast-agent reset`: removes what this host knows of its enrollment; the database keeps its row.

The key is removed with the record: a machine that is made from this one is another host. The mark
that access was revoked stays, so that a reset opens nothing that somebody has closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mast_agent.access import closing, revocation
from mast_agent.enroll import locks
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.report import published, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def run(state_directory: Path, runtime_directory: Path, access_directory: Path) -> Iterator[str]:
    """Remove record, published status and key, yielding a line for each file that was there.

    Raises Failure: 75 while an enroll holds the lock, 77 when a file may not be removed.
    """
    if runtime_directory.is_dir():
        with locks.host_lock(runtime_directory):
            yield from _remove(state_directory, runtime_directory, access_directory)
    else:
        yield from _remove(state_directory, runtime_directory, access_directory)


def _close(access_directory: Path, state_directory: Path) -> list[Path]:
    try:
        return closing.close(access_directory, state_directory, again="sudo mast-agent reset")
    except Failure as failure:
        raise Failure(causes.RESET_DENIED, failure.message, remedy=failure.remedy) from failure


def _remove(
    state_directory: Path, runtime_directory: Path, access_directory: Path
) -> Iterator[str]:
    files = (
        state_directory / record.FILE_NAME,
        state_directory / f"{record.FILE_NAME}.unusable",
        runtime_directory / published.FILE_NAME,
    )
    removed = 0
    # The open door first.
    for path in _close(access_directory, state_directory):
        removed += 1
        yield f"removed {path}"
    for path in files:
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except NotADirectoryError:
            continue
        except OSError as error:
            raise Failure(
                causes.RESET_DENIED, f"{path} cannot be removed: {error.strerror}"
            ) from error
        removed += 1
        yield f"removed {path}"
    if not removed:
        yield "nothing to forget"
    if found := revocation.find(access_directory):
        yield f"Mast's access stays {found}"
