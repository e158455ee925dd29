"""Checks of values that somebody else may have written: types, ranges, lengths.

The state and runtime directories belong to the service's user, and root reads them too. What a
field means is left to its reader.
"""

from __future__ import annotations

MAX_TEXT = 1000
"""Characters of the longest text that is taken over, and that the agent itself writes."""


def text(value: object) -> str:
    """Return `value` if it is a text of at most MAX_TEXT characters. Raises ValueError."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError
    return value


def optional_text(value: object) -> str | None:
    """Return `value` if it is None or such a text. Raises ValueError."""
    return None if value is None else text(value)


def number(value: object, *, most: int) -> int:
    """Return `value` if it is a whole number from 0 to `most`. Raises ValueError otherwise."""
    # JSON's true and false are ints to Python.
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError
    return value


def table(value: object) -> dict[str, object]:
    """Return `value` if it is a JSON object. Raises ValueError otherwise."""
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 - one kind of error for one kind of fault
    return value
