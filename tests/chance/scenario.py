"""What happens in one run of the soak: drawn from a seed and a number, before anything is started.

Pure data. How a change or a happening is brought about is `changes`' and `happenings`'.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SWITCHES: tuple[dict[str, str], ...] = (
    {"MAST_REFERENCE_JSON": "0"},
    {"MAST_REFERENCE_ENROLL": "raise"},
    {"MAST_REFERENCE_ENROLL": "halt"},
    {"MAST_REFERENCE_ENROLL": "nothing"},
    {"MAST_REFERENCE_ENROLL": "phantom"},
    {"MAST_REFERENCE_EVAL_SLEEP": "2"},
    {"MAST_REFERENCE_AFTER_INSERT_SLEEP": "2"},
    {"MAST_REFERENCE_EVAL_SLEEP": "60"},
    {"MAST_REFERENCE_JSON": "0", "MAST_REFERENCE_AFTER_INSERT_SLEEP": "1"},
)
"""What the reference release may do out of the ordinary."""

WRONG = (
    "password", "database", "port", "malformed URL", "no vault key", "short vault key",
    "no secret", "no release", "a directory for a release", "no environment file",
    "malformed boolean", "malformed port",
)  # fmt: skip
"""Wrong settings."""

CHANGES = (
    "delete row", "delete all rows", "restore backup", "lose record", "copy record",
    "record of another database", "spoil record", "full state directory",
    "full runtime directory", "no inodes in the runtime directory", "wrong setting", "namesake",
    "reset",
)  # fmt: skip
"""What may be different when a round begins."""

TO_THE_AGENT = ("TERM", "KILL", "TERM to the group", "KILL to the group")
TO_THE_EVAL = tuple(f"{kind} of the eval" for kind in TO_THE_AGENT)
TO_THE_SERVER = (
    "restart", "crash", "down", "pause", "pause of the postmaster", "cut", "lock servers",
    "lock migrations", "unmigrated", "crowded", "delete row meanwhile", "clock",
)  # fmt: skip
LASTING = frozenset({"wrong setting", "namesake", "delete row", "delete row meanwhile"})
"""What an operator does, or has to do something about; a row may go while it is being verified."""
_SECONDS = {
    "down": 4.0, "pause": 4.0, "pause of the postmaster": 4.0, "lock servers": 4.0,
    "lock migrations": 4.0, "unmigrated": 4.0, "crowded": 4.0, "clock": 2.0,
}  # fmt: skip
"""Of what lasts for a while, the longest."""
_TIMEOUTS = (2.0, 4.0, 8.0, 15.0)


@dataclass(frozen=True, kw_only=True)
class Happening:
    """Something that happens `after` seconds, from the start or from when an eval begins.

    `kind` is one of the above, or "ask" for a `status`; `seconds` is how long it lasts.
    """

    kind: str
    with_eval: bool
    after: float
    seconds: float
    host: int

    def __str__(self) -> str:
        """For a report."""
        since = "an eval" if self.with_eval else "the start"
        lasting = f" for {self.seconds:.1f} s" if self.seconds else ""
        return f"{self.kind}{lasting} {self.after:.2f} s after {since} (host {self.host})"


@dataclass(frozen=True, kw_only=True)
class Change:
    """Something that is different from the beginning of a round on. `what` is of WRONG."""

    kind: str
    host: int
    what: str = ""

    def __str__(self) -> str:
        """For a report."""
        return f"{self.kind}{': ' if self.what else ''}{self.what} (host {self.host})"


@dataclass(frozen=True, kw_only=True)
class Round:
    """One `enroll` on each of some hosts, together, and what goes wrong meanwhile."""

    hosts: tuple[int, ...]
    timeout: float
    force: bool
    switches: dict[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    happenings: tuple[Happening, ...] = ()

    def is_lasting(self, host: int) -> bool:
        """Tell whether something is wrong for `host` that does not pass by itself."""
        return (
            self.switches.get("MAST_REFERENCE_ENROLL") in ("nothing", "phantom")
            or any(each.host == host and each.kind in LASTING for each in self.changes)
            or any(each.host == host and each.kind in LASTING for each in self.happenings)
        )

    def __str__(self) -> str:
        """For a report."""
        said = [f"hosts {self.hosts}, timeout {self.timeout:.0f} s"]
        said += ["force"] if self.force else []
        said += [f"{name}={value}" for name, value in self.switches.items()]
        return "; ".join([*said, *map(str, self.changes), *map(str, self.happenings)])


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One run: some hosts that share a database, in several rounds."""

    seed: int
    number: int
    hosts: int
    foreign_rows: int
    rounds: tuple[Round, ...]

    def __str__(self) -> str:
        """For a report, with how to have it again."""
        head = (
            f"run {self.number} of seed {self.seed}: {self.hosts} hosts, "
            f"{self.foreign_rows} rows of others "
            f"(again: make soak SEED={self.seed} FIRST={self.number} RUNS=1)"
        )
        return "\n".join([head, *(f"  {each}" for each in self.rounds)])


def draw(seed: int, number: int) -> Scenario:
    """Return the run with that number; each is drawn by itself, so that it can be had alone."""
    chance = random.Random(f"{seed}/{number}")  # noqa: S311 - it has to come again
    hosts = chance.choice((1, 1, 2))
    rounds = tuple(
        _round(chance, hosts, is_first=index == 0) for index in range(chance.choice((1, 2, 2, 3)))
    )
    return Scenario(
        seed=seed, number=number, hosts=hosts, foreign_rows=chance.randrange(3), rounds=rounds
    )


def _round(chance: random.Random, hosts: int, *, is_first: bool) -> Round:
    of_this_round = tuple(sorted(chance.sample(range(hosts), chance.randint(1, hosts))))
    changes: list[Change] = []
    if chance.random() < (0.3 if is_first else 0.7):
        kind = chance.choice(CHANGES)
        what = chance.choice(WRONG) if kind == "wrong setting" else ""
        changes.append(Change(kind=kind, host=chance.choice(of_this_round), what=what))
    return Round(
        hosts=of_this_round,
        timeout=chance.choice(_TIMEOUTS),
        force=chance.random() < 0.15,
        switches=chance.choice(SWITCHES) if chance.random() < 0.4 else {},
        changes=tuple(changes),
        happenings=tuple(_happenings(chance, of_this_round)),
    )


def _happenings(chance: random.Random, hosts: Sequence[int]) -> list[Happening]:
    """At most one to the agents, one to the evals, one to the server, and a question."""
    found = []
    for kinds, likely in (
        (TO_THE_AGENT, 0.45),
        (TO_THE_EVAL, 0.3),
        (TO_THE_SERVER, 0.55),
        (("ask",), 0.3),
    ):
        if chance.random() >= likely:
            continue
        kind = chance.choice(kinds)
        with_eval = kinds is TO_THE_EVAL or chance.random() < 0.4
        found.append(
            Happening(
                kind=kind,
                with_eval=with_eval,
                after=chance.uniform(0, 1.2 if with_eval else 2.5),
                seconds=chance.uniform(0.2, _SECONDS[kind]) if kind in _SECONDS else 0.0,
                host=chance.choice(hosts),
            )
        )
    return found
