"""Turns bytes into choices, so that a fuzzer of bytes can search among cases of any shape.

The same bytes are the same case, with and without a fuzzer. What they run out of is zero.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CANARY = "Zq7-Canary!"
"""Neither a variable's name nor a scheme, which messages may show, nor in any of their words."""

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Target:
    """One thing to fuzz: `check` raises AssertionError. `words` are what cases are made of."""

    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...]


class Draw:
    """Takes choices from the beginning of some bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, most: int) -> int:
        """Return a number from 0 to `most`; of two bytes where one cannot reach it."""
        size = 1 if most <= 0xFF else 2
        return int.from_bytes(self.take(size), "big") % (most + 1)

    def one_of(self, options: Sequence[_T]) -> _T:
        """Return one of `options`."""
        return options[self.number(len(options) - 1)]

    def chance(self) -> bool:
        """Return yes or no."""
        return bool(self.number(1))

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end."""
        found = self._data[self._at : self._at + size]
        self._at += size
        return found

    def piece(self, most: int) -> bytes:
        """Return some bytes, at most `most`."""
        return self.take(self.number(most))

    def text(self, most: int) -> str:
        """Return a text as os.environ has it: bytes that are not UTF-8 are surrogates, no NUL."""
        return self.piece(most).replace(b"\0", b"").decode("utf-8", "surrogateescape")

    def rest(self) -> bytes:
        """Return everything that is left."""
        return self.take(len(self._data))


def assert_one_line(shown: str) -> None:
    """Assert that a terminal would act on nothing in `shown`: it is one line, in its own order."""
    kinds = {unicodedata.category(char) for char in shown}
    assert not [kind for kind in kinds if kind[0] == "C" or kind in ("Zl", "Zp")], shown
