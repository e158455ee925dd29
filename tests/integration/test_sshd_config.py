"""Asking sshd which files it reads: it is taken at its word, or it does not tell."""

from __future__ import annotations

import os
import pwd
import time
from pathlib import Path

import pytest
from mast_agent.access import sshd_config, sshd_settings

USER = "nobody"


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of the name, found before all others; what a test writes into it is run."""
    program = tmp_path / "sshd"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return program


def says(program: Path, script: str) -> None:
    """Have sshd run a script."""
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_files(sshd: Path) -> None:
    """Tokens are expanded, what is relative lies in the home; it is asked about this user."""
    line = ".ssh/keys /k/%u /k/%U%% %h/x none"
    says(sshd, f'echo "port 22"; echo "authorizedkeysfile {line}"; echo "$@" >"$0.asked"')
    account = pwd.getpwnam(USER)
    home = Path(account.pw_dir)
    assert sshd_config.key_files(USER) == [
        home / ".ssh/keys",
        Path("/k/nobody"),
        Path(f"/k/{account.pw_uid}%"),
        home / "x",
    ]
    asked = sshd.with_name("sshd.asked").read_text()
    assert asked.startswith("-T -C user=nobody,host=localhost,addr=127.0.0.1,")


@pytest.mark.parametrize(
    "script", ["echo no hostkeys >&2; exit 1", "kill -9 $$", "echo authorizedkeysfile /x; exit 255"]
)
def test_sshd_that_fails(sshd: Path, script: str) -> None:
    """One that ends with an error has not told."""
    says(sshd, script)
    assert sshd_config.key_files(USER) is None


def test_sshd_that_cannot_be_started(sshd: Path) -> None:
    """Nor has one that is no program."""
    says(sshd, "")
    sshd.write_bytes(b"\x7fELF nonsense")
    assert sshd_config.key_files(USER) is None


def test_sshd_that_hangs(sshd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended, with what it has started."""
    monkeypatch.setattr(sshd_settings, "SECONDS", 0.3)
    says(sshd, "sleep 60 & wait")
    begin = time.monotonic()
    assert sshd_config.key_files(USER) is None
    assert time.monotonic() - begin < 30


def test_account_that_is_not_there(sshd: Path) -> None:
    """As nobody's account nobody logs in, and sshd need not be asked."""
    says(sshd, "exit 1")
    assert sshd_config.key_files("no-such-account") == []
