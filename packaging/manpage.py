"""Prints mast-agent(1), made from the command line's own help.

What the help does not say, and a man page must, stands here: the files, and Mast's own variables.
Usage: manpage.py VERSION
"""

# ruff: noqa: INP001 - not a package: package.mk runs these with packaging/ on the path

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import command_tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FILES = (
    ("/etc/mast.env", "Mast's variables, for mast.service and for the agent: 0640 root:mast"),
    ("/var/lib/mast-agent/enrollment.json", "the record of this host's enrollment"),
    ("/run/mast-agent/status.json", "what the last run has to tell, readable by everybody"),
    ("/var/lib/mast-agent-access/mast-managed", "the key with which Mast logs in, for sshd"),
    ("/var/lib/mast-agent-access/.revoked", "the mark of access --revoke; access removes it"),
    ("/usr/share/mast-agent/systemd", "drop-ins for the units, and a sample for sudo"),
    (
        "/usr/share/doc/mast-agent",
        (
            "troubleshooting.md: from a symptom to what to do; reference.md: all causes by their "
            "words, the keys of the JSON document, the fields of the journal; access.md: what "
            "Mast's login opens"
        ),
    ),
)
_WHERE_SET = (
    "The option wins over the variable, and the variable over a line of the environment file, "
    "which may have all of the agent's own but MAST_AGENT_ENV_FILE, STATE_DIRECTORY and "
    "RUNTIME_DIRECTORY. For Mast's variables the file wins, as systemd has it."
)
_MASTS_VARIABLES = (
    ("DATABASE_URL", "Mast's database, as Ecto reads it."),
    ("SECRET_KEY_BASE, MAST_VAULT_KEY", "Mast's secrets, which every eval needs."),
    (
        "MAST_SELF_HOST, MAST_SELF_PORT, MAST_SELF_USER",
        "Where and as whom Mast logs in to its own host; else 127.0.0.1, 22, mast-managed.",
    ),
)
_SEE_ALSO = (
    ("systemctl", 1),
    ("journalctl", 1),
    ("systemd.exec", 5),
    ("systemd.time", 7),
    ("sshd_config", 5),
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
        yield from _paragraphs(command.paragraphs)
        yield from _options(command.options)
    yield ".SH EXIT STATUS"
    for command in program.commands:
        yield f".SS {_text(name)} {_text(command.name)}"
        yield from _exit_codes(command)
    yield ".PP"
    yield "A stop signal ends the agent by that signal, with nothing recorded."
    yield "What each failure means is in reference.md, by the word in its brackets: see FILES."
    yield ".SH ENVIRONMENT"
    yield _text(_WHERE_SET)
    yield from _table((*_variables(program), *_MASTS_VARIABLES))
    yield ".SH FILES"
    yield from _table(_FILES)
    yield ".SH EXAMPLES"
    for command in program.commands:
        yield from _table(
            (f"$ {line}", f"{_upper(purpose)}.") for line, purpose in command.examples
        )
    yield ".SH SEE ALSO"
    yield ", ".join(f"\\fB{_text(page)}\\fR({section})" for page, section in _SEE_ALSO)


def _exit_codes(command: command_tree.Command) -> Iterator[str]:
    for code, meaning in command.exit_codes:
        if code:
            yield ".TP 4"
            yield f"\\fB{code}\\fR"
        yield _text(f"{_upper(meaning)}.")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _variables(program: command_tree.Program) -> Iterator[tuple[str, str]]:
    """Return what each variable of the agent's is, by the option that is the same."""
    seen = set()
    for command in program.commands:
        for option in command.options:
            if option.variable and option.variable not in seen:
                seen.add(option.variable)
                yield option.variable, f"The same as {option.names[-1]}. {option.help}"


def _paragraphs(paragraphs: tuple[str, ...]) -> Iterator[str]:
    for text in filter(None, paragraphs):
        yield ".PP"
        yield _text(text)


def _options(options: tuple[command_tree.Option, ...]) -> Iterator[str]:
    for option in options:
        yield ".TP"
        spelled = ", ".join(f"\\fB{_text(each)}\\fR" for each in option.names)
        yield spelled + (f" \\fI{_text(option.metavar)}\\fR" if option.metavar else "")
        yield _text(option.help)
        if option.variable:
            yield f"Also by the environment variable \\fB{_text(option.variable)}\\fR."
    yield ".PP"


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
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
