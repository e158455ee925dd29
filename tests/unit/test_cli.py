"""The command line: help, usage errors, and the way from options to commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from mast_agent import __version__
from mast_agent.access import authorized_keys
from mast_agent.cli import execute
from mast_agent.report import record
from unit import builders

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = ("enroll", "status", "check", "reset", "access")
_ALL = {
    "--mast-bin": "MAST_BIN",
    "--env-file": "MAST_AGENT_ENV_FILE",
    "--timeout": "MAST_AGENT_TIMEOUT",
    "--state-directory": "STATE_DIRECTORY",
    "--runtime-directory": "RUNTIME_DIRECTORY",
}
_LOGIN_DIRECTORY = {"--login-directory": "MAST_AGENT_LOGIN_DIRECTORY"}
_ACCESS_DIRECTORY = {"--access-directory": "MAST_AGENT_ACCESS_DIRECTORY"}
_DIRECTORIES = {
    **{flag: _ALL[flag] for flag in ("--state-directory", "--runtime-directory")},
    **_ACCESS_DIRECTORY,
}
_USER = {"--user": "MAST_AGENT_USER"}
_OF_ACCESS = {
    **{flag: _ALL[flag] for flag in ("--env-file", "--state-directory")},
    **_LOGIN_DIRECTORY,
    **_ACCESS_DIRECTORY,
}


def _help(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert execute([*arguments, "--help"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


@pytest.mark.parametrize("columns", ["80", "200"])
@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_fits(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    columns: str,
) -> None:
    """Each help fits into 80 columns, has no markup, and ends each of its sentences."""
    monkeypatch.setenv("COLUMNS", columns)
    text = _help(capsys, *command)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert text.startswith("Usage: mast-agent")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("enroll", {**_ALL, **_USER, "--access": "MAST_AGENT_ACCESS"}),
        ("status", {**_ALL, **_USER, **_ACCESS_DIRECTORY, **_LOGIN_DIRECTORY}),
        ("check", {**_ALL, **_USER, **_ACCESS_DIRECTORY}),
        ("reset", _DIRECTORIES),
        ("access", _OF_ACCESS),
    ],
)
def test_help_names_the_variables(
    capsys: pytest.CaptureFixture[str], command: str, options: dict[str, str]
) -> None:
    """The help names the environment variable of each option that has one."""
    text = " ".join(_help(capsys, command).split())
    found = re.findall(r"(--[a-z-]+) (?:[A-Z]+|yes\|no) (?:(?!--).)*?\[env: (\w+)\]", text)
    assert dict(found) == options


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """The first help lists all commands, and says where the secrets come from."""
    text = _help(capsys)
    for command in COMMANDS:
        assert re.search(rf"^  {command}  +[A-Z]", text, re.MULTILINE)
    assert "never from the command line" in " ".join(text.split())


@pytest.mark.parametrize(
    ("command", "codes"),
    [
        ("enroll", {"0", "1", "2", "69", "70", "75", "77", "78"}),
        ("status", {"0", "1", "2", "3", "4", "5", "6"}),
        ("reset", {"0", "75", "77"}),
        ("access", {"0", "70", "75", "77", "78"}),
    ],
)
def test_help_lists_the_codes(
    capsys: pytest.CaptureFixture[str], command: str, codes: set[str]
) -> None:
    """The help of a command lists all its exit codes."""
    text = _help(capsys, command).partition("Exit codes:")[2].partition("\n\n")[0]
    assert set(re.findall(r"\d+", text)) == codes


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is the package's."""
    assert execute(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["--nonsense"],
        ["enroll", "--nonsense"],
        ["enroll", "extra"],
        ["enroll", "--json"],
        ["status", "--force"],
        ["reset", "--timeout", "5"],
        ["access", "--timeout", "5"],
        ["enroll", "--access", "perhaps"],
        ["enroll", "--access", ""],
        ["enroll", "--timeout"],
        ["enroll", "--timeout", ""],
        ["enroll", "--timeout", "soon"],
        ["enroll", "--timeout", "0"],
        ["enroll", "--timeout", "-5"],
        ["enroll", "--timeout", "infinity"],
        ["status", "--timeout", "nan"],
        ["check", "--timeout", "5x"],
    ],
    ids=" ".join,
)
def test_usage_errors(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """Wrong usage ends with 2 and a message on stderr, and nothing on stdout."""
    assert execute(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Error" in shown.err
    assert "Traceback" not in shown.err
    assert len(shown.err.splitlines()) <= 5


@pytest.mark.parametrize(
    "option", [("--timeout", "soon"), ("--timeout", "infinity"), ("--access", "maybe")], ids=str
)
def test_a_refusal_quotes_the_value(
    capsys: pytest.CaptureFixture[str], option: tuple[str, str]
) -> None:
    """Wrong usage says which option, and what stood there."""
    flag, value = option
    assert execute(["enroll", flag, value]) == 2
    assert f"Invalid value for '{flag}': '{value}' is " in capsys.readouterr().err


@pytest.mark.parametrize("by", ["option", "variable"])
def test_directories(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    by: str,
) -> None:
    """A setting reaches its command by the option and by the variable, and the option wins."""
    state, runtime, other = tmp_path / "state", tmp_path / "run", tmp_path / "other"
    for directory in (state, runtime, other):
        directory.mkdir()
        record.save(directory, builders.record())
    monkeypatch.setenv("STATE_DIRECTORY", str(other if by == "option" else state))
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(other if by == "option" else runtime))
    key, foreign = tmp_path / "access", tmp_path / "other-access"
    for directory in (key, foreign):
        authorized_keys.install(directory, "mast-managed", "a key\n")
    monkeypatch.setenv("MAST_AGENT_ACCESS_DIRECTORY", str(foreign if by == "option" else key))
    options = ["--state-directory", str(state), "--runtime-directory", str(runtime)]
    options += ["--access-directory", str(key)]
    assert execute(["reset", *(options if by == "option" else [])]) == 0
    removed = [key / "mast-managed", state / record.FILE_NAME]
    assert capsys.readouterr().out.splitlines() == [f"removed {path}" for path in removed]
    assert (foreign / "mast-managed").exists()
    assert not (state / record.FILE_NAME).exists()
    assert (other / record.FILE_NAME).exists()
