"""What holds for all unit tests: no process, no network, and how much Hypothesis tries."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psycopg  # noqa: F401 - now: its import may start ldconfig to find libpq
import pytest
from hypothesis import settings
from unit import guard

if TYPE_CHECKING:
    from collections.abc import Iterator

# Without a deadline, since the machine may be busy; the same examples each time in CI.
settings.register_profile(
    "unit", max_examples=60, deadline=None, derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _guard() -> Iterator[None]:
    with guard.armed():
        yield
