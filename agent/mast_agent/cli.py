"""The command line: options, help, and usage errors. What the commands do is `commands`'.

The options that commands share are `options`'; examples and suggestions are `usage`'s. Help and
version cost little more than typer does: everything else is imported when a command begins, or has
ended badly.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mast_agent import __version__
from mast_agent.host import lean

with lean.without("rich"):
    import typer

from mast_agent.commands import options, running, usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mast_agent.config.settings import Options

app = typer.Typer(
    name="mast-agent",
    cls=usage.Commands,
    help=usage.HELP,
    epilog=usage.EPILOG,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - how a callback is called
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    ctx: typer.Context,
    *,
    version: bool = typer.Option(
        False,  # noqa: FBT003 - its default
        "--version",
        callback=_print_version,
        is_eager=True,
        help="Print the version.",
    ),
) -> None:
    del version
    if ctx.invoked_subcommand is None:
        typer.echo(usage.NEXT)
        raise typer.Exit(2)  # nothing was done: a script that meant a command has to notice


@app.command(cls=options.Command, epilog=usage.examples("enroll"))
@options.shared(
    "mast_bin",
    "env_file",
    "timeout",
    "state_directory",
    "runtime_directory",
    "user",
    "access",
)
def enroll(
    given: Options,
    *,
    force: bool = options.flag("--force", "Run the eval also when this host is enrolled."),
    plain: bool = options.flag("--plain", "Print lines also on a terminal, as in a pipe."),
) -> int:
    """Enroll this host, waiting for what is not ready yet.

    Exit codes: 0 enrolled, 69 database unreachable, 70 this Mast cannot do it, 75 try later, 77
    not permitted, 78 configuration, 1 a bug, 2 wrong usage.
    """
    from mast_agent.commands import commands  # noqa: PLC0415 - not for --help

    return commands.enroll(given, os.environ, force=force, plain=plain)


@app.command(cls=options.Command, epilog=usage.examples("status"))
@options.shared(
    "mast_bin",
    "env_file",
    "timeout",
    "state_directory",
    "runtime_directory",
    "user",
    "access_directory",
    "login_directory",
)
def status(
    given: Options,
    *,
    as_json: bool = options.flag("--json", "Print one JSON document."),
    wait: bool = options.flag("--wait", "Wait until it is decided, for at most the timeout."),
    watch: bool = options.flag(
        "--watch", "Like --wait, and show each change; on a terminal in the same place."
    ),
    managed: bool = options.flag(
        "--managed", "Ask also whether Mast reaches this host: 6 where it does not."
    ),
) -> int:
    """Tell whether this host is enrolled, and why not. Works without root.

    Exit codes: 0 enrolled, 1 failed for good, 3 not enrolled yet, 4 unknown, 5 stale (recorded
    here, but the database no longer has it), 6 enrolled, but Mast does not reach this host
    (--managed alone says so), 2 wrong usage.
    """
    from mast_agent.commands import commands  # noqa: PLC0415 - not for --help

    return commands.status(
        given, os.environ, as_json=as_json, wait=wait, watch=watch, managed=managed
    )


@app.command(cls=options.Command, epilog=usage.examples("check"))
@options.shared(
    "mast_bin",
    "env_file",
    "timeout",
    "state_directory",
    "runtime_directory",
    "user",
    "access_directory",
)
def check(
    given: Options,
) -> int:
    """Look once whether enrolling could begin; change nothing.

    It looks at release, database and migrations, and for this host's row, each of them also where
    an earlier one is not ready, if it can.

    Exit codes: those of enroll, of the first that is not ready; 0 says that all are.
    """
    from mast_agent.commands import commands  # noqa: PLC0415 - not for --help

    return commands.check(given, os.environ)


@app.command(cls=options.Command, epilog=usage.examples("reset"))
@options.shared("state_directory", "runtime_directory", "access_directory")
def reset(
    given: Options,
) -> int:
    """Forget this host's record, published status and key.

    It is what to run before the image of a template is taken. The database is left alone.

    Exit codes: 0 done, 75 an enroll is running, 77 not permitted.
    """
    from mast_agent.commands import commands  # noqa: PLC0415 - not for --help

    return commands.reset(given, os.environ)


@app.command(cls=options.Command, epilog=usage.examples("access"))
@options.shared("env_file", "state_directory", "access_directory", "login_directory")
def access(
    given: Options,
    *,
    revoke: bool = options.flag(
        "--revoke",
        "Take the key away; Mast is kept out until access is run again by hand.",
    ),
    unless_revoked: bool = options.flag(
        "--unless-revoked", "Do nothing where access was revoked; what the unit does."
    ),
    tidy: bool = options.flag(
        "--tidy", "Only take away what a trial login that was killed may have left."
    ),
) -> int:
    """Let Mast log in to this host.

    It installs the public key that Mast reported, and needs root.

    The login is tried with a key of its own, which is gone afterwards; what keeps Mast out is
    said and published, and changes no exit code.

    Exit codes: 0 done, 70 Mast reported no key, 75 not enrolled yet, 77 not permitted, 78 the key
    or what stands in its way is refused, and nothing was written; or, with --revoke, sshd would
    still find a key.
    """
    from mast_agent.commands import commands  # noqa: PLC0415 - not for --help

    return commands.access(
        given, os.environ, revoke=revoke, unless_revoked=unless_revoked, tidy=tidy
    )


def execute(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code; die by the signal that stopped it."""
    return running.execute(typer.main.get_command(app), arguments)
