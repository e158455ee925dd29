"""The blocks of commands in the documents: where they stand, and what is said of running them.

Before a block, or before the first one of a page, an HTML comment says which test runs it or why
none does: `<!-- run by: PATH -->`, `<!-- not run: REASON -->`; `<!-- all run by: PATH -->` counts
for the rest of the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: Languages of blocks that are no commands; tests of their own read them, where there are any.
NO_COMMANDS = {"nix", "json", "ini", "text", "mermaid"}
_MARK = re.compile(r"<!-- (run by|not run|all run by): (.+?) -->", re.DOTALL)
_PIECE = re.compile(
    r"^(?P<heading>#+ .*)$"
    r"|^(?P<mark><!--[^\0]*?-->)$"
    r"|^ *```(?P<language>\w*)\n(?P<fenced>[^\0]*?)^ *```$"
    r"|(?:(?<=\n\n)|\A)(?P<indented>(?: {4}.*\n+)+)"
    r"|^(?P<text>.*\S.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of commands: page (relative), heading above it, line, and what is said of it.

    `runner` is the path of the test that runs it, relative to the repository, "" for none;
    `reason` is why none does.
    """

    page: str
    heading: str
    line: int
    commands: str
    runner: str
    reason: str

    def __str__(self) -> str:
        """Where it is."""
        return f"{self.page}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return the blocks of commands of a page, in its order."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    heading, mark, whole_page = "", ("", ""), ("", "")
    for piece in _PIECE.finditer(text):
        if piece["heading"]:
            heading = piece["heading"].lstrip("# ")
        elif piece["mark"]:
            for kind, said in _MARK.findall(piece["mark"]):
                said_once = " ".join(said.split())
                if kind == "all run by":
                    whole_page = (said_once, "")
                else:
                    mark = (said_once, "") if kind == "run by" else ("", said_once)
        elif piece["text"]:
            mark = ("", "")
        elif piece["language"] not in NO_COMMANDS:
            runner, reason = mark if any(mark) else whole_page
            found.append(
                Block(
                    page=str(page.relative_to(ROOT)),
                    heading=heading,
                    line=text.count("\n", 0, piece.start()) + 1,
                    commands=_commands(piece["fenced"] or piece["indented"]),
                    runner=runner,
                    reason=reason,
                )
            )
            mark = ("", "")
    return found


def by_heading(page: Path) -> dict[str, list[str]]:
    """Return the commands of a page under their headings, but those that are not to be run."""
    found: dict[str, list[str]] = {}
    for block in blocks(page):
        if not block.reason:
            found.setdefault(block.heading, []).append(block.commands)
    return found


def _commands(block: str) -> str:
    """Return what is typed: where some lines have a prompt, those alone."""
    lines = [line.removeprefix("    ") for line in block.splitlines()]
    typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return "\n".join(typed or lines).strip("\n") + "\n"
