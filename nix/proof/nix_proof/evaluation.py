"""Asks Nix for one attribute of default.nix at a time. What the answers mean is left to others."""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


class NixError(Exception):
    """Nix refused; the text is the line that says why."""


LOG_LINES = 12
"""How much of a builder's log goes with the news that it failed."""

# In the words of Nix 2.8 to 2.29, and of those since.
_CONSEQUENCE = re.compile(
    r"\s*\d+ dependencies of derivation '.+' failed"
    r"|\s*Cannot build '.+'\.\s+Reason: \d+ dependenc"
)


def reason(printed: str) -> str:
    """Return what Nix gives as the cause: its last `error:` that is one, in a line, and where.

    Of a builder that failed the end of its log comes first, which is the cause in its own words.
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", printed).strip()
    errors = text.split("error:")[1:]
    causes = [each for each in errors if not _CONSEQUENCE.match(each)] or [text]
    # Below the cause stand the lines of the file, with their numbers.
    said, _, rest = causes[-1].partition("\n       at ")
    place = re.match(r"\S+?(?=:?\s|:?$)", rest)
    line = " ".join(said.split())
    if line.startswith("builder for "):
        log = text[: text.rindex(causes[-1])].removesuffix("error:").strip()
        line = " | ".join([*log.splitlines()[-LOG_LINES:], line])
    return f"{line} ({place.group()})" if place else line


class Evaluation:
    """default.nix with its arguments."""

    def __init__(self, proof: Path, arguments: dict[str, str]) -> None:
        self.proof = proof
        self.arguments = [
            word for name, value in arguments.items() for word in ("--argstr", name, value)
        ]

    def __call__(self, attribute: str) -> Any:
        """Return the value of an attribute; raises NixError.

        Derivations are written to the store, unless it is a dummy: what NixOS asks Nix about
        paths (filterSource) has no answer otherwise.
        """
        dummy = os.environ.get("NIX_REMOTE", "").startswith("dummy:")
        mode = [] if dummy else ["--read-write-mode"]
        return json.loads(
            self.run("nix-instantiate", "--eval", "--strict", "--json", *mode, "-A", attribute)
        )

    def realise(self, attribute: str, link: Path) -> Path:
        """Build an attribute and return its path; raises NixError."""
        self.run("nix-build", "--out-link", str(link), "-A", attribute)
        return link

    def run(self, *command: str) -> str:
        """Return what a command of Nix's prints about default.nix; raises NixError."""
        done = subprocess.run(
            [*command, str(self.proof), *self.arguments],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise NixError(reason(done.stderr))
        return done.stdout

    @cached_property
    def plan(self) -> Any:
        """What can be asked for, by name; raises NixError."""
        return self("plan")
