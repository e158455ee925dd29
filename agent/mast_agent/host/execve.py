"""Why a program cannot be started: what the kernel reported, and what it would report.

Each reason is a cause of its own, with its own remedy. `process` starts programs.
"""

from __future__ import annotations

import enum
import errno
import os
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_POINTER_BYTES = 8
_ARGUMENT_BYTES = 16384
"""What is left for arguments: a release's script executes others, with longer ones."""


class Obstacle(enum.Enum):
    """What kept a child from being started."""

    DIRECTORY = "its working directory cannot be entered"
    PROGRAM = "the program may not be executed"
    ENVIRONMENT = "arguments and environment are too large"
    RESOURCES = "there is no room for another process"
    OTHER = "anything else, a file that is no program included"


_OBSTACLES = {
    errno.EACCES: Obstacle.PROGRAM,
    errno.EPERM: Obstacle.PROGRAM,
    errno.E2BIG: Obstacle.ENVIRONMENT,
    **dict.fromkeys((errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE), Obstacle.RESOURCES),
}


class StartError(Exception):
    """A child was not started. `obstacle` says why, `strerror` in the system's words."""

    def __init__(self, obstacle: Obstacle, strerror: str) -> None:
        super().__init__(strerror)
        self.obstacle = obstacle
        self.strerror = strerror

    @classmethod
    def of(cls, error: OSError, directory: Path) -> StartError:
        """Return what `subprocess` failed at; it names the directory when that was chdir(2)."""
        obstacle = _OBSTACLES.get(error.errno or 0, Obstacle.OTHER)
        if error.filename is not None and os.fspath(error.filename) == os.fspath(directory):
            obstacle = Obstacle.DIRECTORY
        return cls(obstacle, error.strerror or str(error))

    def failure(self, program: Path, directory: Path) -> Failure:
        """Return what it means for an eval."""
        match self.obstacle:
            case Obstacle.DIRECTORY:
                cause, what = causes.EVAL_DIRECTORY_DENIED, f"{directory} cannot be entered"
            case Obstacle.PROGRAM:
                cause, what = causes.EVAL_NOT_EXECUTABLE, f"{program} may not be executed"
            case Obstacle.ENVIRONMENT:
                cause, what = causes.ENVIRONMENT_TOO_LARGE, "the eval cannot be given its variables"
            case Obstacle.RESOURCES:
                cause, what = causes.EVAL_CROWDED_OUT, "no process can be made for the eval"
            case Obstacle.OTHER:
                cause, what = causes.EVAL_UNSTARTABLE, f"{program} cannot be started"
        return Failure(cause, f"{what}: {self.strerror}")


def require_fitting(environment: Mapping[str, str]) -> None:
    """Raise Failure (78) for an environment that no program can be started with.

    Linux takes no string of more than 32 pages, its end included, whatever else there is
    (MAX_ARG_STRLEN), and ARG_MAX for all together: execve(2). The message contains no value.
    """
    sizes = {
        name: len(os.fsencode(name)) + len(os.fsencode(value)) + len("=\0")
        for name, value in environment.items()
    }
    name = max(sizes, key=lambda each: sizes[each])
    longest = 32 * os.sysconf("SC_PAGE_SIZE")
    if sizes[name] > longest:
        raise Failure(
            causes.ENVIRONMENT_TOO_LARGE,
            f"{name} has {sizes[name]} bytes, and Linux passes no variable of more than {longest}",
            known={"name": name},
        )
    total = sum(sizes.values()) + _POINTER_BYTES * len(sizes)
    most = os.sysconf("SC_ARG_MAX") - _ARGUMENT_BYTES
    if total > most:
        raise Failure(
            causes.ENVIRONMENT_TOO_LARGE,
            f"all variables together have {total} bytes, and Linux passes {most}; "
            f"{name} is the longest",
            known={"name": name},
        )
