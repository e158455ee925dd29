"""Prevents libraries from importing optional dependencies that they do not need here.

typer and structlog import rich if it is installed, for help and tracebacks that the agent has made
plain. That alone doubles the time that a command takes. Both work without it, and to them it is
not installed.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def without(name: str) -> Iterator[None]:
    """Have `import name` raise ImportError for a while, unless it has been imported already.

    By None in sys.modules, as Python's documentation has it: reference, the import system.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
