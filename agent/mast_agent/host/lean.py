"""Keeps libraries from importing what they only like to have, and make no use of here.

typer and structlog take rich where it is there, for help and tracebacks that the agent has made
plain. That alone doubles the time that a command takes. Both do without it where it is missing,
and to them it is.
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
