"""What the command line says besides its options: examples, the next step, and suggestions.

typer's own words for these differ from version to version; here they are the same with Debian 12's
(0.7) and today's. The commands and their options are in `cli` and `options`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

from mast_agent.commands import options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Example = tuple[str, str]

HELP = """Make the machine that runs Mast its own first managed server.

It is no monitoring agent: it runs once, after mast.service, and is done when the database
confirms the enrollment.
"""

NEXT = """\
mast-agent makes the machine that runs Mast its own first managed server.

Next:
  mast-agent status         is this host enrolled? If not: why, and what to do
  mast-agent check          is all there that enrolling needs? Changes nothing
  systemctl start mast      start Mast, and after it the unit that enrolls
  journalctl -t mast-agent  what the unit has done so far

More:
  mast-agent --help         all commands; COMMAND --help: its options
  man mast-agent            the manual, with exit codes and files"""

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "enroll": (
        ("mast-agent enroll", "what the unit does, by hand"),
        ("mast-agent enroll --timeout 10min", "with more patience"),
        ("mast-agent enroll --force", "ask Mast again, also when enrolled"),
    ),
    "status": (
        ("mast-agent status", "the verdict, and what it rests on"),
        ("mast-agent status --wait --timeout 2min", "for a script that needs the host"),
        ("mast-agent status --watch", "for whoever looks on"),
        ("mast-agent status --managed", "also: does Mast reach this host"),
        ("mast-agent status --json", "for a program; docs: reference.md"),
    ),
    "check": (
        ("mast-agent check", "before the first start"),
        ("mast-agent check --env-file ./mast.env", "before the file is put in place"),
        ("mast-agent check --mast-bin ./bin/mast", "a release, before the switch"),
    ),
    "reset": (("mast-agent reset", "before the image of a template is taken"),),
    "access": (
        ("mast-agent access", "let Mast log in"),
        ("mast-agent access --revoke", "Mast may not log in any more"),
    ),
}
"""By command: command lines, and for what each of them is."""

# Words that people try and that are options here.
_MEANT = {"help": "--help", "version": "--version", "-v": "--version", "-V": "--version"}


def examples(*commands: str) -> str:
    """Return the examples of some commands as an epilog, which click does not wrap."""
    rows = [row for command in commands for row in EXAMPLES[command]]
    width = max(len(line) for line, _ in rows)
    lines = [f"  {line:{width}}  # {purpose}" for line, purpose in rows]
    return "\n".join(["\b", "Examples:", *lines])


EPILOG = f"""DATABASE_URL, SECRET_KEY_BASE and MAST_VAULT_KEY come from the environment or the
environment file, never from the command line.

{examples("status", "check")}"""


class Commands(options.AsGiven, TyperGroup):
    """The commands in the order in which they are written, none of their help lines cut."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names; click would sort them."""
        del ctx
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the first sentence of each command's help; click would cut it with dots."""
        del ctx
        rows = [(name, _first_sentence(command.help)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that `args` begin with; for one that is none, say what is near."""
        if self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command '{_shown(args[0])}'.{_suggestion(args[0], self.commands)}")
        return super().resolve_command(ctx, args)


def show(error: Any) -> None:
    """Print a usage error of click's to stderr. Raises OSError where that cannot be written."""
    if hasattr(error, "possibilities"):  # no such option
        error.message = (
            f"No such option '{_shown(error.option_name)}'."
            f"{_owners(error) or _suggestion(error.option_name, error.possibilities or ())}"
        )
        error.possibilities = None
    if sys.stderr is not None:  # closed before the start; click would take stdout for it
        error.show()


def _first_sentence(text: str | None) -> str:
    """Return the first sentence of a help text, with its full stop."""
    return " ".join((text or "").split("\n\n")[0].split()).partition(". ")[0].rstrip(".") + "."


def _suggestion(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean …?", or "" where nothing is near."""
    import difflib  # noqa: PLC0415 - only after a mistake

    near = [_MEANT[word]] if word in _MEANT else difflib.get_close_matches(word, list(known))
    return f" Did you mean {_either(near)}?" if near else ""


def _owners(error: Any) -> str:
    """Say which commands have an option that stands where it does not belong."""
    commands = getattr(error.ctx.find_root().command, "commands", {})
    found = [
        name
        for name, command in commands.items()
        if any(error.option_name in parameter.opts for parameter in command.params)
    ]
    return f" It is an option of {_either(found)}." if found else ""


def _either(words: Sequence[str]) -> str:
    quoted = [f"'{word}'" for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def _shown(word: str) -> str:
    from mast_agent.text.escaping import escape  # noqa: PLC0415 - only after a mistake

    return escape(word)
