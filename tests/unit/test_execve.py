"""Why a program is not started, told apart; starting one is an integration test's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.host import execve
from mast_agent.host.execve import Obstacle, StartError

PROGRAM, DIRECTORY = Path("/opt/mast/bin/mast"), Path("/run/mast-agent/eval")
CANARY = "canary-value"


@pytest.mark.parametrize(
    ("number", "path", "obstacle", "cause"),
    [
        (errno.EACCES, DIRECTORY, Obstacle.DIRECTORY, causes.EVAL_DIRECTORY_DENIED),
        (errno.ENOENT, DIRECTORY, Obstacle.DIRECTORY, causes.EVAL_DIRECTORY_DENIED),
        (errno.EACCES, PROGRAM, Obstacle.PROGRAM, causes.EVAL_NOT_EXECUTABLE),
        (errno.EPERM, PROGRAM, Obstacle.PROGRAM, causes.EVAL_NOT_EXECUTABLE),
        (errno.E2BIG, PROGRAM, Obstacle.ENVIRONMENT, causes.ENVIRONMENT_TOO_LARGE),
        (errno.EAGAIN, None, Obstacle.RESOURCES, causes.EVAL_CROWDED_OUT),
        (errno.ENOMEM, None, Obstacle.RESOURCES, causes.EVAL_CROWDED_OUT),
        (errno.ENOENT, PROGRAM, Obstacle.OTHER, causes.EVAL_UNSTARTABLE),
        (errno.ENOEXEC, PROGRAM, Obstacle.OTHER, causes.EVAL_UNSTARTABLE),
    ],
)
def test_each_obstacle_has_its_cause(
    number: int, path: Path | None, obstacle: Obstacle, cause: object
) -> None:
    """Directory, program, variables and resources are different causes."""
    error = OSError(number, os.strerror(number), *([str(path)] if path else []))
    found = StartError.of(error, DIRECTORY)
    assert found.obstacle is obstacle
    failure = found.failure(PROGRAM, DIRECTORY)
    assert failure.cause is cause
    assert os.strerror(number) in failure.message


def test_a_variable_as_long_as_linux_takes() -> None:
    """Name, value and the two bytes between and behind them may have 32 pages, and no more."""
    most = 32 * os.sysconf("SC_PAGE_SIZE")
    fits = "x" * (most - len("LONG") - 2)
    execve.require_fitting({"LONG": fits, "SHORT": ""})
    with pytest.raises(Failure) as caught:
        execve.require_fitting({"LONG": CANARY + fits[len(CANARY) - 1 :], "SHORT": ""})
    assert caught.value.cause is causes.ENVIRONMENT_TOO_LARGE
    assert caught.value.code == Code.CONFIG
    assert f"LONG has {most + 1} bytes" in caught.value.message
    assert caught.value.remedy.startswith("Shorten LONG")
    assert CANARY not in str(caught.value)


def test_bytes_count() -> None:
    """It is the bytes that count, not the characters."""
    with pytest.raises(Failure, match="LONG has"):
        execve.require_fitting({"LONG": "é" * 20 * os.sysconf("SC_PAGE_SIZE")})


def test_too_many() -> None:
    """Variables that are short enough may be too many."""
    with pytest.raises(Failure, match="all variables together") as caught:
        execve.require_fitting({f"V{number}": "x" * 100_000 for number in range(100)})
    assert caught.value.cause is causes.ENVIRONMENT_TOO_LARGE
