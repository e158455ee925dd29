"""What the command line says beyond its options: suggestions, examples, and the next step."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer.main
from mast_agent import cli
from mast_agent.cli import execute
from mast_agent.commands import commands, usage

HELPS = [(), *((name,) for name in usage.EXAMPLES)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stauts"], "No such command 'stauts'. Did you mean 'status'?"),
        (["rest"], "No such command 'rest'. Did you mean 'reset'?"),
        (["help"], "No such command 'help'. Did you mean '--help'?"),
        (["version"], "No such command 'version'. Did you mean '--version'?"),
        (["frobnicate"], "No such command 'frobnicate'."),
        (["\x1b[31mred\n"], r"No such command '\x1b[31mred\x0a'."),
        (["enroll", "--timout", "5"], "No such option '--timout'. Did you mean '--timeout'?"),
        (["--verson"], "No such option '--verson'. Did you mean '--version'?"),
        (["-V"], "No such option '-V'. Did you mean '--version'?"),
        (["status", "--force"], "No such option '--force'. It is an option of 'enroll'."),
        (["--json"], "No such option '--json'. It is an option of 'status'."),
        (["enroll", "--zzz"], "No such option '--zzz'."),
        (["status", "--\x1b[31mred\n"], r"No such option '--\x1b[31mred\x0a'."),
    ],
    ids=str,
)
def test_what_was_meant(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    """A mistake is met with what is near, or with where it belongs; nothing that is not."""
    assert execute(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[-1] == f"Error: {said}"


def test_several_are_near(capsys: pytest.CaptureFixture[str]) -> None:
    """Where more than one is near, all of them are said."""
    assert execute(["enroll", "--e-directory"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert re.search(r"Did you mean '--[a-z-]+' or '--[a-z-]+'\?$", said), said


def test_alone_it_says_what_comes_next(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command there are the next ones, in few lines, and the code of wrong usage."""
    assert execute([]) == 2
    shown = capsys.readouterr()
    assert shown.err == ""
    lines = shown.out.splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 79
    for command in ("mast-agent status", "mast-agent check", "systemctl start mast", "--help"):
        assert command in shown.out


@pytest.mark.parametrize("columns", ["40", "80", "120"])
@pytest.mark.parametrize("command", HELPS)
def test_no_line_of_help_is_cut(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    columns: str,
) -> None:
    """Nothing ends in dots but the usage's own `[ARGS]...`, and no path is broken at a hyphen."""
    monkeypatch.setenv("COLUMNS", columns)
    assert execute([*command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "..." not in text.replace("[ARGS]...", "")
    assert "…" not in text
    if columns != "40":
        assert [line for line in text.splitlines() if line.endswith("-")] == []
        assert max(map(len, text.splitlines())) <= 80


def test_commands_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    """The commands are listed as an operator meets them, with every word of their summaries."""
    assert execute(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:\n")[2].partition("\n\n")[0]
    assert re.findall(r"^  (\w+)  ", listed, re.MULTILINE) == list(usage.EXAMPLES)
    assert all(line.endswith(".") for line in listed.splitlines())


@pytest.mark.parametrize("command", HELPS)
def test_help_has_examples(capsys: pytest.CaptureFixture[str], command: tuple[str, ...]) -> None:
    """Each help ends with examples, each on a line of its own."""
    assert execute([*command, "--help"]) == 0
    shown = capsys.readouterr().out.partition("\n  Examples:\n")[2]
    assert shown.splitlines() == [
        line for line in shown.splitlines() if line.startswith("    mast-agent ")
    ]
    assert shown


@pytest.mark.parametrize("line", [line for rows in usage.EXAMPLES.values() for line, _ in rows])
def test_examples_are_command_lines(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """Each example is one that the command line takes, and that reaches its command."""
    called: list[str] = []

    def remember(name: str) -> Any:
        def command(*_: object, **__: object) -> int:
            called.append(name)
            return 0

        return command

    for name in usage.EXAMPLES:
        monkeypatch.setattr(commands, name, remember(name))
    program, *arguments = shlex.split(line)
    assert program == "mast-agent"
    assert execute(arguments) == 0
    assert called == arguments[:1]


def test_every_command_has_examples() -> None:
    """No command is without."""
    group: Any = typer.main.get_command(cli.app)
    assert list(group.commands) == list(usage.EXAMPLES)
