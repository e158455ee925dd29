"""Prints mast-agent(1), made from the command line's own help.

What the help does not say, and a man page must, stands here: the files.
Usage: manpage.py VERSION
"""

# ruff: noqa: INP001 - not a package: package.mk runs these with packaging/ on the path

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import command_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXIT_CODES = "Exit codes:"
_FILES = (
    ("/etc/mast.env", "Mast's variables, for mast.service and for the agent: 0640 root:mast"),
    ("/var/lib/mast-agent/enrollment.json", "the record of this host's enrollment"),
    ("/run/mast-agent/status.json", "what the last run has to tell, readable by everybody"),
    ("/var/lib/mast-agent-access/mast-managed", "the key with which Mast logs in, for sshd"),
    ("/usr/share/mast-agent/systemd", "drop-ins for the units, and a sample for sudo"),
)


def page(program: command_tree.Program, version: str) -> str:
    """Return the page as roff source."""
    return "\n".join(_lines(program, version)) + "\n"


def _lines(program: command_tree.Program, version: str) -> Iterator[str]:
    name = program.name
    yield f'.TH {name.upper()} 1 "" "{name} {_text(version)}" "User Commands"'
    yield ".SH NAME"
    yield f"{_text(name)} \\- {_text(program.summary[:1].lower() + program.summary[1:])}"
    yield ".SH SYNOPSIS"
    for command in program.commands:
        yield f".B {_text(name)} {_text(command.name)}"
        yield "[\\fIOPTION\\fR]..."
        yield ".br"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(program.paragraphs)
    yield from _options(program.options)
    yield ".SH COMMANDS"
    for command in program.commands:
        yield f".SS {_text(name)} {_text(command.name)}"
        yield from _paragraphs(_prose(command.paragraphs))
        yield from _options(command.options)
    yield ".SH EXIT STATUS"
    for command in program.commands:
        yield f".SS {_text(name)} {_text(command.name)}"
        yield from _paragraphs(_codes(command.paragraphs))
    yield "A stop signal ends the agent by that signal, with nothing recorded."
    yield ".SH FILES"
    yield from _table(_FILES)
    yield ".SH SEE ALSO"
    yield ".BR journalctl (1),"
    yield ".BR systemd.exec (5),"
    yield ".BR sshd_config (5)"


def _paragraphs(paragraphs: tuple[str, ...]) -> Iterator[str]:
    for text in filter(None, paragraphs):
        yield ".PP"
        yield _text(text)


def _codes(paragraphs: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the help says of exit codes, which has a section of its own."""
    return tuple(each[each.index(_EXIT_CODES) :] for each in paragraphs if _EXIT_CODES in each)


def _prose(paragraphs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the help without its exit codes."""
    return tuple(each.partition(_EXIT_CODES)[0].strip() for each in paragraphs)


def _options(options: tuple[command_tree.Option, ...]) -> Iterator[str]:
    for option in options:
        yield ".TP"
        spelled = ", ".join(f"\\fB{_text(each)}\\fR" for each in option.names)
        yield spelled + (f" \\fI{_text(option.metavar)}\\fR" if option.metavar else "")
        yield _text(option.help)
        if option.variable:
            yield f"Also by the environment variable \\fB{_text(option.variable)}\\fR."
    yield ".PP"


def _table(rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for key, meaning in rows:
        yield ".TP"
        yield f"\\fB{_text(key)}\\fR"
        yield _text(meaning)
    yield ".PP"


def _text(text: str) -> str:
    """Escape what roff would take as markup: backslashes, dashes, a leading dot or quote."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


if __name__ == "__main__":
    sys.stdout.write(page(command_tree.read("mast-agent"), sys.argv[1]))
