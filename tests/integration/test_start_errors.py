"""What keeps an eval from being started: each obstacle is a cause of its own, with its remedy."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest
from mast_agent.host import process
from mast_agent.host.execve import Obstacle, StartError
from support.expect import assert_failed, assert_no_secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.agent import Agent

LONG = "long-value-canary" * 12_000
"""Some 200 kB: more than Linux passes in one variable."""


def start(program: Path, directory: Path, **environment: str) -> Obstacle:
    """Start a program that cannot be started and return why."""
    with pytest.raises(StartError) as caught:
        asyncio.run(
            process.run(
                [str(program)],
                environment=environment,
                directory=directory,
                seconds=5,
                kill_after=1,
                on_line=lambda _: None,
            )
        )
    return caught.value.obstacle


def test_what_the_kernel_says(tmp_path: Path) -> None:
    """Directory, program and variables are told apart by what execve(2) and chdir(2) answer."""
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    assert start(program, tmp_path) is Obstacle.PROGRAM
    program.chmod(0o755)
    assert start(program, tmp_path / "nowhere") is Obstacle.DIRECTORY
    assert start(program, tmp_path, LONG=LONG) is Obstacle.ENVIRONMENT
    program.write_text("#!/no/such/interpreter\n")
    assert start(program, tmp_path) is Obstacle.OTHER
    program.write_bytes(b"\x7fELF of nothing")
    assert start(program, tmp_path) is Obstacle.OTHER


def test_a_program_that_may_not_be_executed(scripted_agent: Callable[[str], Agent]) -> None:
    """An interpreter without its mode is no reason to reinstall the release."""
    agent = scripted_agent("exit 0")
    interpreter = agent.state.parent / "interpreter"
    interpreter.write_text("#!/bin/sh\n")
    script = agent.environment["MAST_BIN"]
    with open(script, "w", encoding="utf-8") as file:  # noqa: PTH123 - a name
        file.write(f"#!{interpreter}\n")
    result = agent.enroll()
    assert_failed(
        agent, result, code=78, cause="eval-not-executable", phase="enroll", remedy="a+rX"
    )


def test_a_program_of_the_release_that_may_not_be_executed(
    scripted_agent: Callable[[str], Agent], tmp_path: Path
) -> None:
    """A shell's 126 and "Permission denied" are the same cause as the kernel's EACCES."""
    (tmp_path / "erl").write_text("#!/bin/sh\n")
    agent = scripted_agent(f"LC_ALL=C exec {tmp_path}/erl")
    result = agent.enroll()
    assert_failed(
        agent, result, code=78, cause="eval-not-executable", phase="enroll", remedy="a+rX"
    )


def test_a_program_of_the_release_that_is_missing(scripted_agent: Callable[[str], Agent]) -> None:
    """A shell's 127 is another cause: there the release is not whole."""
    agent = scripted_agent("exec /no/such/erl")
    result = agent.enroll()
    assert_failed(
        agent, result, code=78, cause="eval-unstartable", phase="enroll", remedy="Unpack a release"
    )


@pytest.mark.parametrize("command", ["check", "enroll"])
def test_a_variable_that_is_too_long(agent: Agent, tmp_path: Path, command: str) -> None:
    """One variable of 200 kB is found before anything is waited for or started."""
    file = tmp_path / "mast.env"
    file.write_text(f"MAST_BANNER={LONG}\n")
    agent.environment["MAST_AGENT_ENV_FILE"] = str(file)
    agent.environment["DATABASE_URL"] = "ecto://mast:mast-canary@127.0.0.1:1/mast"
    result = agent.run(command)
    assert result.code == 78, result
    assert "[environment-too-large, exit 78]" in result.stderr, result
    assert "Shorten MAST_BANNER" in result.stderr, result
    assert_no_secret(result.stdout + result.stderr, LONG[:17])
    assert agent.eval_count() == 0


@pytest.mark.root
@pytest.mark.parametrize("content", ["", "file"])
def test_a_directory_that_another_user_has_left(agent: Agent, content: str) -> None:
    """The eval's directory of an earlier run by somebody else is moved away, and it enrolls."""
    left = agent.runtime / "eval"
    left.mkdir(parents=True)
    if content:
        (left / content).touch()
    os.chown(left, 12345, 12345)
    result = agent.enroll()
    assert result.code == 0, result
    assert "is not a directory of this user's" in result.stderr, result
    assert left.stat().st_uid == os.geteuid()
