"""Remedies: sentences whose commands can be carried out as printed, whatever the names are."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.failures import causes, remedies
from mast_agent.failures.causes import CAUSES

if TYPE_CHECKING:
    from mast_agent.failures.cause import Cause

each = pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES.keys())
# What a Debian host knows of itself and of its own PostgreSQL.
KNOWN = {
    "env_file": "/etc/mast.env",
    "path": "/etc/mast.env",
    "name": "SECRET_KEY_BASE",
    "group": "mast",
    "os_user": "mast",
    "user": "mast-managed",
    "role": "mast",
    "database": "mast",
    "schema": "public",
    "place": "127.0.0.1:5432",
    "postgresql": "postgresql@17-main",
    "stopped": "postgresql@17-main",
    "pg_directory": "/etc/postgresql/17/main",
    "psql": "runuser -u postgres -- psql",
    "migrate": "systemctl restart --no-block mast",
}
AGAIN = "systemctl restart --no-block mast-agent"


@each
def test_commands_are_simple(cause: Cause) -> None:
    """Each is a program with its arguments, which needs no operator of a shell, nor an edit."""
    for command in remedies.split(remedies.fill(cause, KNOWN))[1]:
        words = shlex.split(command)
        assert words[0] in remedies.PROGRAMS
        assert shlex.join(words) == command, "nothing in it means anything to a shell"
        assert not {"…", "USER", "FILE", "ROLE", "NAME"} & set(words), command


@each
@pytest.mark.parametrize(
    "known", [KNOWN, {}, {"nixos": "yes", **KNOWN}], ids=["all", "none", "nix"]
)
def test_nothing_is_left_open(cause: Cause, known: dict[str, str]) -> None:
    """What is not known is left out; no place of a template is ever shown."""
    text = remedies.fill(cause, known)
    assert not re.search(r"\{\w+\}", text), text
    assert not text.endswith((".", ":", " "))


@each
def test_nothing_waits_for_the_agent(cause: Cause) -> None:
    """No command blocks until an enrollment has ended: a start takes as long as it waits."""
    for command in remedies.split(remedies.fill(cause, KNOWN))[1]:
        if re.search(r"^systemctl (re)?start .*\b(mast|mast-agent)$", command):
            assert "--no-block" in command


def test_names_are_quoted() -> None:
    """For SQL and for the shell, each in its way."""
    known = {**KNOWN, "role": """o'b"r ien""", "database": "a;b"}
    assert remedies.fill(causes.CONNECT_DENIED, known) == (
        "Let it connect: runuser -u postgres -- psql -c "
        """'GRANT CONNECT ON DATABASE "a;b" TO "o'"'"'b""r ien"'"""
    )
    known = {**KNOWN, "path": "/etc/my file", "group": "ma st"}
    assert remedies.split(remedies.fill(causes.ENV_FILE_UNREADABLE, known))[1] == (
        "chown 'root:ma st' '/etc/my file'",
        "chmod 0640 '/etc/my file'",
    )


@given(st.text(min_size=1).filter(lambda text: "\0" not in text), st.text(min_size=1))
def test_whatever_the_names_are(role: str, database: str) -> None:
    """A shell gives psql one statement, in which each name is one identifier."""
    known = {**KNOWN, "role": role, "database": database}
    command = remedies.split(remedies.fill(causes.DATABASE_MISSING, known))[1][0]
    *psql, statement = shlex.split(command)
    assert psql == ["runuser", "-u", "postgres", "--", "psql", "-c"]
    names = [name.replace('"', '""') for name in (database, role)]
    assert statement == f'CREATE DATABASE "{names[0]}" OWNER "{names[1]}"'


def test_a_quoting_of_sql_is_not_left() -> None:
    """A name that would end the quoting of a block leaves the sentence alone."""
    known = {**KNOWN, "role": "a$$b"}
    assert remedies.split(remedies.fill(causes.WRONG_PASSWORD, known))[1] == ()


def test_another_hosts_server() -> None:
    """The statement is for its superuser, and no command here."""
    known = {name: value for name, value in KNOWN.items() if name != "psql"}
    text = remedies.fill(causes.ROLE_NOLOGIN, {**known, "role": "a{b}"})
    assert text == """Let it log in, as a superuser there: ALTER ROLE "a{b}" LOGIN"""
    assert remedies.split(text)[1] == ()


def test_a_server_that_is_not_known_to_be_stopped() -> None:
    """It is not started, and what else may be wrong is said."""
    known = {name: value for name, value in KNOWN.items() if name != "stopped"}
    assert remedies.fill(causes.REFUSED, KNOWN) == (
        "Start PostgreSQL: systemctl start postgresql@17-main"
    )
    assert remedies.fill(causes.REFUSED, known) == (
        "Start PostgreSQL at 127.0.0.1:5432, or correct host and port of DATABASE_URL in "
        "/etc/mast.env"
    )


def test_nixos() -> None:
    """What is configured there is said there alone."""
    assert "nixos" not in remedies.fill(causes.ACCESS_USER_MISSING, KNOWN)
    assert "nixos-rebuild switch" in remedies.fill(
        causes.ACCESS_USER_MISSING, {**KNOWN, "nixos": "yes"}
    )


def test_followed() -> None:
    """What has to follow is said once, also behind a sentence without a command."""
    assert remedies.followed("Set it", AGAIN) == f"Set it; then: {AGAIN}"
    assert remedies.followed(f"Do: {AGAIN}", AGAIN) == f"Do: {AGAIN}"
    assert remedies.split(f"Set it; then: {AGAIN}") == ("Set it", (AGAIN,))


@pytest.mark.parametrize(
    ("text", "user"),
    [
        (
            f"Do: {AGAIN}; then: mast-agent status --wait",
            f"Do: sudo {AGAIN}; then: mast-agent status --wait",
        ),
        ("See: journalctl -t mast-agent", "See: journalctl -t mast-agent"),
        ("Ask: sudo mast-agent status", "Ask: sudo mast-agent status"),
        ("Set DATABASE_URL: ecto://x", "Set DATABASE_URL: ecto://x"),
        ("Add it, then: systemctl reload ssh", "Add it, then: sudo systemctl reload ssh"),
    ],
)  # fmt: skip
def test_addressed(text: str, user: str) -> None:
    """Root needs no sudo, anybody else does, but for what everybody may do."""
    assert remedies.addressed(text, root=False) == user
    assert "sudo" not in remedies.addressed(text, root=True)
