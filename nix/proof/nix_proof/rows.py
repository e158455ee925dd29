"""The table: claim, result, seconds. What is claimed is left to others."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from nix_proof.evaluation import NixError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TextIO

WIDTH = 84
"""Columns of the claim; a longer one moves its result to the right."""

Result = Literal["ok", "too old", "FAILED"]


def claim_of(output: str, platform: str) -> str:
    """Return the claim about an output of the flake."""
    return f"flake output {output} for {platform}"


@dataclass
class Row:
    """One claim, what came of it, why, and the seconds that it took."""

    claim: str
    subject: str
    result: Result = "ok"
    why: list[str] = field(default_factory=list)
    detail: str = ""
    seconds: float | None = None

    def fail(self, why: list[str]) -> None:
        """Take in what is wrong, if anything is."""
        if why:
            self.result, self.why = "FAILED", why


@dataclass
class Table:
    """The rows so far, printed as they come, and what the tree is known to have and to lack."""

    out: TextIO
    rows: list[Row] = field(default_factory=list)
    known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._print("claim", "result", "seconds")

    def _print(self, claim: str, result: str, seconds: str) -> None:
        print(f"{claim:<{WIDTH}}  {result:<7}  {seconds:>7}".rstrip(), file=self.out, flush=True)

    def add(self, row: Row) -> None:
        """Take in a row and print it."""
        self.rows.append(row)
        claim = f"{row.claim} ({row.detail})" if row.detail else row.claim
        self._print(claim, row.result, "" if row.seconds is None else f"{row.seconds:.1f}")
        for each in row.why:
            print(f"      {' '.join(each.split())}", file=self.out, flush=True)

    @contextmanager
    def timed(self, claim: str, subject: str) -> Iterator[Row]:
        """Time what a row takes; what Nix refuses within is its result."""
        row = Row(claim, subject)
        begun = time.monotonic()
        try:
            yield row
        except NixError as refused:
            row.fail([str(refused)])
            self.excuse(row, self.named(str(refused)))
        row.seconds = time.monotonic() - begun
        self.add(row)

    def lacking(self, names: list[str]) -> list[str]:
        """Return those of the needs that the tree is known to lack."""
        return [name for name in names if name in self.known and not self.known[name]["present"]]

    def named(self, message: str) -> list[str]:
        """Return the needs that the tree lacks and that Nix's message is about.

        It quotes an attribute by its last name; a unit stands in it by its whole one.
        """
        words = set(re.findall(r"['\"`]([^'\"`\s]+)['\"`]", message))
        return [
            name
            for name in self.lacking([*self.known])
            if name.rsplit(".", 1)[-1] in words or ("." in name and name in message)
        ]

    def excuse(self, row: Row, needs: list[str]) -> None:
        """Make a failure one of the tree's age, if it stands on what the tree lacks.

        Too old is only what the tree demonstrably lacks, and is older than: what a tree that is
        new enough lacks has moved.
        """
        lacking = self.lacking(needs)
        if row.result == "FAILED" and lacking:
            old = all(self.known[name]["old"] for name in lacking)
            row.result = "too old" if old else "FAILED"
            row.why = [self.absence(name) for name in lacking]

    def absence(self, name: str) -> str:
        """Return the sentence about a need that the tree lacks."""
        need = self.known[name]
        return f"the tree, of {need['release']}, has no {name}, of {need['since']}"

    @property
    def ok(self) -> bool:
        """Whether no row failed."""
        return not any(row.result == "FAILED" for row in self.rows)

    def closing(self) -> str:
        """Return the counts, in a sentence."""
        count = {word: sum(row.result == word for row in self.rows) for word in RESULTS}
        return f"{len(self.rows)} rows: {', '.join(f'{n} {word}' for word, n in count.items())}"


RESULTS: list[Result] = ["ok", "too old", "FAILED"]
