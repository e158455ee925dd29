"""Fixtures of the integration tests: agents that need no BEAM, and what they share."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from support.agent import Agent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def new_agent(tmp_path_factory: pytest.TempPathFactory, reference: Path) -> Callable[[str], Agent]:
    """Make an agent for the database at a URL, with directories of its own."""

    def make(url: str, mast_bin: Path | str = reference / "bin" / "mast") -> Agent:
        directory = tmp_path_factory.mktemp(f"agent{next(_numbers)}")
        return Agent(directory / "agent", mast_bin=mast_bin, url=url)

    return make
