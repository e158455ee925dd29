"""The command line of mast-agent as plain data, for the man page and the completions.

Only attributes that every click has had are used: typer brings its own copy of click since 0.26.
How the data is printed is left to `manpage` and `completions`.
"""

# ruff: noqa: INP001 - not a package: package.mk runs these with packaging/ on the path

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# The help names the variables itself, since the agent and not click reads them.
_VARIABLE = re.compile(r"\s*\[env: (\w+)\]")
_EXIT_CODES = "Exit codes:"
# Where a code begins in the sentence about them.
_CODE = re.compile(r"[,;] (?=\d+ [A-Za-z])")
_EXAMPLES = "Examples:"
_USUAL_TIMES = ("30s", "5min", "10min", "1h")


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option: its spellings, what its value is called ("" for a flag), where else it is set."""

    names: tuple[str, ...]
    metavar: str
    variable: str
    help: str

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that can be offered as words; for a time span, some that are usual."""
        if self.metavar == "TIME":
            return _USUAL_TIMES
        return tuple(self.metavar.split("|")) if "|" in self.metavar else ()


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command: its name, its help text in paragraphs, its options, and what there is beside.

    `exit_codes` has the code and its meaning, in the order of the codes; without a code, "", what
    the help says of them otherwise. `examples` has command lines with their purposes.
    """

    name: str
    paragraphs: tuple[str, ...]
    options: tuple[Option, ...]
    exit_codes: tuple[tuple[str, str], ...] = ()
    examples: tuple[tuple[str, str], ...] = ()

    @property
    def summary(self) -> str:
        """The first sentence of the help, without its full stop."""
        return self.paragraphs[0].partition(". ")[0].removesuffix(".")


@dataclass(frozen=True, kw_only=True)
class Program(Command):
    """The program itself, with its commands."""

    commands: tuple[Command, ...]


def read(name: str) -> Program:
    """Return the command line of mast-agent, called `name`."""
    import typer.main  # noqa: PLC0415 - what is built without it should not need it
    from mast_agent.cli import app  # noqa: PLC0415

    return walk(typer.main.get_command(app), name)


def walk(group: Any, name: str) -> Program:
    """Return a click group as data."""
    return Program(
        name=name,
        paragraphs=(*_paragraphs(group.help), *_paragraphs(group.epilog)),
        options=_options(group),
        commands=tuple(
            _command(each, command)
            for each, command in group.commands.items()
            if not command.hidden
        ),
    )


def _command(name: str, command: Any) -> Command:
    from mast_agent.commands.usage import EXAMPLES  # noqa: PLC0415 - as above

    paragraphs = _paragraphs(command.help)
    return Command(
        name=name,
        paragraphs=tuple(each for each in paragraphs if not each.startswith(_EXIT_CODES)),
        options=_options(command),
        exit_codes=_exit_codes(paragraphs),
        examples=EXAMPLES.get(name, ()),
    )


def _exit_codes(paragraphs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Take apart a paragraph like "Exit codes: 0 enrolled, 69 database unreachable"."""
    told = [each for each in paragraphs if each.startswith(_EXIT_CODES)]
    rows = [
        row
        for each in told
        for row in _CODE.split(each.removeprefix(_EXIT_CODES).strip().removesuffix("."))
    ]
    found = [re.fullmatch(r"(?:(\d+) )?(.+)", row) for row in rows]
    codes = [(match[1] or "", match[2]) for match in found if match]
    return tuple(sorted(codes, key=lambda row: int(row[0] or -1)))


def _options(command: Any) -> tuple[Option, ...]:
    found = [
        Option(
            names=tuple(sorted((*each.opts, *each.secondary_opts), key=len)),
            metavar="" if each.is_flag else each.metavar or str(each.type.name).upper(),
            variable=_variable(each.help),
            help=_VARIABLE.sub("", each.help or ""),
        )
        for each in command.params
        if each.param_type_name == "option" and not each.hidden
    ]
    found.append(
        Option(names=("-h", "--help"), metavar="", variable="", help="Show help and exit.")
    )
    return tuple(found)


def _variable(text: str | None) -> str:
    """Return the variable that the help of an option names, "" when it names none."""
    found = _VARIABLE.search(text or "")
    return found[1] if found else ""


def _paragraphs(text: str | None) -> tuple[str, ...]:
    """Split a help text at its empty lines, without click's marks for the layout and examples."""
    clean = (text or "").partition("\f")[0].replace("\b", "")
    parts = tuple(" ".join(part.split()) for part in clean.split("\n\n") if part.strip())
    return tuple(part for part in parts if not part.startswith(_EXAMPLES))
