"""The man page and the completions, as they are made from the command line, in the real shells."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest
from support.releases import ROOT

if TYPE_CHECKING:
    from pathlib import Path

MADE = {
    "mast-agent.1": ("manpage.py", "1.2.3"),
    "mast-agent.bash": ("completions.py", "bash"),
    "_mast-agent": ("completions.py", "zsh"),
    "mast-agent.fish": ("completions.py", "fish"),
}
#: What stands on the command line, and words of which each has to be offered next.
OFFERED = {
    "": ("enroll", "status", "check", "reset", "access"),
    "status --": ("--wait", "--json", "--timeout"),
    "enroll --access ": ("yes", "no"),
    "enroll --timeout ": ("30s", "5min"),
    "status --user roo": ("root",),
    "check --env-file /etc/hostna": ("hostname",),
    "enroll --state-directory /etc/syst": ("systemd",),
    "enroll --access=": ("yes", "no"),
    "enroll --env-file=/etc/hostna": ("hostname",),
}


def make(python: str, name: str) -> str:
    """Return one of the files, made with the libraries of an interpreter."""
    program, argument = MADE[name]
    return subprocess.run(
        [python, ROOT / "packaging" / program, argument],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/agent:{ROOT}/packaging"},
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with all of them."""
    directory = tmp_path_factory.mktemp("made")
    for name in MADE:
        (directory / name).write_text(make(sys.executable, name))
    return directory


@pytest.mark.parametrize("name", MADE)
def test_every_typer_makes_the_same(made: Path, name: str) -> None:
    """A package is the same, whichever typer the machine has on which it is built."""
    assert make("/usr/bin/python3", name) == (made / name).read_text()


@pytest.mark.parametrize("width", ["80", "120"])
def test_the_man_page(made: Path, width: str) -> None:
    """It has the sections that a man page has to have, and is plain where it is piped."""
    shown = subprocess.run(
        ["man", "--warnings", "-l", made / "mast-agent.1"],
        env={"MANWIDTH": width, "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert shown.stderr == ""
    sections = dict(re.findall(r"^([A-Z ]+)\n(.*?)(?=^\S)", shown.stdout, re.MULTILINE | re.DOTALL))
    assert [each for each in sections if each != "MAST-AGENT"] == [
        *("NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES"),
        *("EXAMPLES", "SEE ALSO"),
    ]
    codes = re.findall(r"^       (\d+)  +\S", sections["EXIT STATUS"], re.MULTILINE)
    assert {"0", "1", "2", "3", "4", "5", "6", "69", "70", "75", "77", "78"} <= set(codes)
    for name in ("MAST_BIN", "MAST_AGENT_TIMEOUT", "STATE_DIRECTORY", "DATABASE_URL"):
        assert re.search(rf"^       {name}", sections["ENVIRONMENT"], re.MULTILINE)
    assert "$ mast-agent status --wait" in sections["EXAMPLES"]
    assert "reference.md" in sections["FILES"]
    assert "troubleshooting.md" in sections["FILES"]
    assert "…" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= int(width)


@pytest.mark.parametrize("line", OFFERED)
def test_bash_offers(made: Path, line: str) -> None:
    """Bash completes commands, options and values."""
    # As bash takes a line apart: an equals sign is a word, and so is nothing after a blank.
    words = ["mast-agent", *re.findall(r"=|[^ =]+", line)]
    words += [""] if line == "" or line.endswith(" ") else []
    script = f"""
        . {made / "mast-agent.bash"}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _mast_agent
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words], check=True, capture_output=True, text=True
    )
    assert done.stderr == ""
    offered = {each.rpartition("/")[2] for each in done.stdout.splitlines()}
    assert set(OFFERED[line]) <= offered
    assert "access" not in offered or line == ""


@pytest.mark.parametrize("line", OFFERED)
def test_fish_offers(made: Path, line: str) -> None:
    """Fish completes commands, options and values."""
    script = f"source {made / 'mast-agent.fish'}; complete -C 'mast-agent {line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script],
        env={"PATH": os.environ["PATH"], "HOME": str(made), "LC_ALL": "C.UTF-8"},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    offered = " ".join(each.partition("\t")[0] for each in done.stdout.splitlines())
    for word in OFFERED[line]:
        assert word in offered


@pytest.mark.parametrize("line", OFFERED)
def test_zsh_offers(made: Path, line: str) -> None:
    """Zsh completes commands, options and values, on a terminal, as it does nowhere else."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    shell = subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        env={"PATH": os.environ["PATH"], "HOME": str(made), "TERM": "dumb", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    os.close(theirs)
    try:
        start = f"fpath=({made} $fpath); autoload -Uz compinit; compinit -u -D; PS1="
        os.write(ours, f"{start}; bindkey '^I' list-choices; echo READY$((40+2))\n".encode())
        _read_until(ours, "READY42")
        os.write(ours, f"mast-agent {line}\t".encode())
        _read_until(ours, *OFFERED[line])
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def _read_until(terminal: int, *words: str, seconds: float = 60) -> None:
    """Read until all words have been seen."""
    seen, end = "", time.monotonic() + seconds
    while not all(word in seen for word in words):
        assert time.monotonic() < end, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536).decode(errors="replace")
