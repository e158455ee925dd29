"""What remedies look like: one sentence, and behind it the commands that carry it out.

    Let the role log in: runuser -u postgres -- psql -c 'ALTER ROLE "mast" LOGIN'; then: …

The commands are root's, simple ones without any of the shell's operators, so that `sudo` before
each is all that another reader needs. What a cause's template leaves open is filled in here, and
quoted; the facts for it are found where a failure is raised, and in `surroundings`. What is not
known is left out, and never printed as a word that the reader has to replace.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mast_agent.failures.cause import Cause

#: What a command begins with: nothing else behind a colon is one.
PROGRAMS = (
    "chgrp", "chmod", "chown", "env", "journalctl", "mast-agent", "mount", "mv", "rm", "runuser",
    "sudo", "systemctl", "systemd-run", "systemd-sysusers", "umount", "usermod",
)  # fmt: skip
#: What everybody may run, or has to run as himself.
_FOR_ALL = ("env ", "journalctl ", "mast-agent status", "sudo ")

# Verbatim, in SQL, and in SQL inside Mast's own database: how a command's template may begin.
VERBATIM, SQL, SQL_HERE = "=", "SQL ", "SQL_HERE "
_COMMAND = re.compile(rf"((?:[;,] then)?: )(?=(?:{'|'.join(PROGRAMS)})(?:[ ;]|$))")

#: What a sentence says where nothing better is known.
_UNKNOWN = {
    "env_file": "the environment file (MAST_AGENT_ENV_FILE)",
    "name": "the variable",
    "path": "the file",
    "place": "the server that DATABASE_URL names",
    "release": "the release",
}


class _Sentence(dict[str, str]):
    """The facts for a sentence, which can do without any of them."""

    def __missing__(self, key: str) -> str:
        return _UNKNOWN.get(key, "it")


class _Identifiers(dict[str, str]):
    """The facts for SQL: each is quoted as an identifier."""

    def __getitem__(self, key: str) -> str:
        return '"' + super().__getitem__(key).replace('"', '""') + '"'


def fill(cause: Cause, known: Mapping[str, str]) -> str:
    """Return the remedy of `cause` with what is known of this host and this failure."""
    if "nixos" in known and cause.nixos:
        return cause.nixos.format_map(_Sentence(known))
    try:
        commands = [_command(template, known) for template in cause.run]
        begin = cause.remedy
    except _ElsewhereError as elsewhere:
        if cause.otherwise:
            return cause.otherwise.format_map(_Sentence(known))
        sql = str(elsewhere).replace("{", "{{").replace("}", "}}")
        commands, begin = [], f"{cause.remedy}, as a superuser there: {sql}"
    except KeyError:
        commands, begin = [], cause.otherwise or cause.remedy
    return sentence(begin.format_map(_Sentence(known)), commands)


class _ElsewhereError(Exception):
    """The server is not this host's: its text is the SQL to run there."""


def _command(template: str, known: Mapping[str, str]) -> str:
    """Return a command in the words of a shell. Raises KeyError for a fact that is not known."""
    if template.startswith(VERBATIM):
        return template.removeprefix(VERBATIM).format_map(known)
    for begin in (SQL, SQL_HERE):
        if template.startswith(begin):
            return _psql(template.removeprefix(begin), known, here=begin == SQL_HERE)
    return shlex.join(word.format_map(known) for word in template.split())


def _psql(template: str, known: Mapping[str, str], *, here: bool) -> str:
    """Return psql with each part of the template, as the superuser of this host's server."""
    if "$$" in template and any("$" in value for value in known.values()):
        raise KeyError("$")
    parts = [part.format_map(_Identifiers(known)) for part in template.split(" | ")]
    if "psql" not in known:
        raise _ElsewhereError("; ".join(part for part in parts if not part.startswith("\\")))
    database = ["-d", known["database"]] if here else []
    each = [word for part in parts for word in ("-c", part)]
    return shlex.join([*shlex.split(known["psql"]), *database, *each])


def followed(text: str, *commands: str) -> str:
    """Return a remedy that goes on with commands which it has not yet."""
    present = split(text)[1]
    return "; then: ".join([text, *(each for each in commands if each not in present)])


def sentence(text: str, commands: Sequence[str]) -> str:
    """Return the remedy that begins so, and is carried out by these commands."""
    return followed(": ".join([text, *commands[:1]]), *commands[1:])


def split(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the sentence and the commands of a remedy."""
    begin, *more = _COMMAND.split(text)
    return begin, tuple(more[1::2])


def addressed(text: str, *, root: bool) -> str:
    """Return a remedy for the one who reads it: another than root needs sudo."""
    begin, *more = _COMMAND.split(text)
    more[1::2] = [_for(command, root=root) for command in more[1::2]]
    return "".join([begin, *more])


def _for(command: str, *, root: bool) -> str:
    if root:
        return command.removeprefix("sudo ")
    return command if command.startswith(_FOR_ALL) else f"sudo {command}"
