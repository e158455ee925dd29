"""The account as which Mast logs in, out of the files that say what it may do."""

from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING

import pytest
from mast_agent.access import account

if TYPE_CHECKING:
    from pathlib import Path

USER = "mast-managed"


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The shell of the one account that there is, executable."""
    path = tmp_path / "sh"
    path.write_text("")
    path.chmod(0o755)

    def getpwnam(name: str) -> pwd.struct_passwd:
        return pwd.struct_passwd(({USER: USER}[name], "x", 998, 5, "", "/", str(path)))

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    monkeypatch.setattr(os, "getgrouplist", lambda *_: [5, 6, 7])
    groups = {5: USER, 6: "systemd-journal"}
    monkeypatch.setattr(grp, "getgrgid", lambda gid: grp.struct_group((groups[gid], "x", gid, [])))
    return path


def _shadow(tmp_path: Path, line: str) -> Path:
    path = tmp_path / "shadow"
    path.write_text(f"root:*:20000:0:99999:7:::\n{line}\n")
    return path


def test_groups_without_a_name_are_passed_over(shell: Path, tmp_path: Path) -> None:
    """What sshd compares with its lists are names."""
    found = account.look(USER, _shadow(tmp_path, ""))
    assert found.groups == {USER, "systemd-journal"}
    assert (found.shell, found.shell_problem) == (str(shell), "")


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize(
    ("line", "locked", "expired"),
    [
        (f"{USER}:!*:20000::::::", True, False),
        (f"{USER}:!:20000::::::", True, False),
        (f"{USER}:*:20000::::::", False, False),
        (f"{USER}:$y$hash:20000::::::", False, False),
        (f"{USER}:*:20000:::::1:", False, True),
        (f"{USER}:*:20000:::::99999:", False, False),
        ("other:!:20000::::::", None, None),
        (f"{USER}:!", None, None),
    ],
)
def test_shadow(tmp_path: Path, line: str, *, locked: bool | None, expired: bool | None) -> None:
    """An exclamation mark locks, a star does not; a day that has come is an end."""
    found = account.look(USER, _shadow(tmp_path, line))
    assert (found.locked, found.expired) == (locked, expired)


@pytest.mark.usefixtures("shell")
def test_shadow_that_may_not_be_read(tmp_path: Path) -> None:
    """What this user may not see is not held against the account."""
    found = account.look(USER, tmp_path / "absent")
    assert (found.locked, found.expired) == (None, None)


def test_shells(shell: Path, tmp_path: Path) -> None:
    """A shell that is missing, not executable, or there to refuse, runs no command."""
    shadow = _shadow(tmp_path, "")
    shell.chmod(0o644)
    # Root, too, executes nothing that nobody may execute.
    assert account.look(USER, shadow).shell_problem == "cannot be executed"
    shell.unlink()
    assert account.look(USER, shadow).shell_problem == "does not exist"


@pytest.mark.parametrize("name", ["nologin", "false"])
def test_shells_that_refuse(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """They are told by their names."""
    entry = pwd.struct_passwd((USER, "x", 998, 5, "", "/", f"/usr/sbin/{name}"))
    monkeypatch.setattr(pwd, "getpwnam", lambda _: entry)
    monkeypatch.setattr(os, "getgrouplist", lambda *_: [])
    assert account.look(USER, tmp_path / "absent").shell_problem == "lets nobody log in"
