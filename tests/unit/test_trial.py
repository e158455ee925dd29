"""What the end of a login by ssh means."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from mast_agent.access import trial
from mast_agent.access.access import Login
from mast_agent.host import tool
from mast_agent.host.tool import Ended
from mast_agent.text.redact import Redactor

LOGIN = Login(host="127.0.0.1", port=22, user="mast-managed")
TOKEN = "0123456789abcdef"
LOG = """\
Connection from 127.0.0.1 port 40000 on 127.0.0.1 port 22
User mast-managed from 127.0.0.1 not allowed because listed in DenyUsers
Connection closed by invalid user mast-managed 127.0.0.1 port 40000 [preauth]
"""


def _judged(monkeypatch: pytest.MonkeyPatch, ended: Ended, log: str = LOG) -> tuple[str, str]:
    monkeypatch.setattr(tool, "find", lambda name: f"/bin/{name}")
    monkeypatch.setattr(tool, "run", lambda *_, **__: Ended(code=0, out=log, err=""))
    began = dt.datetime.now(dt.UTC)
    failure = trial.judge(ended, LOGIN, TOKEN, began, Redactor(()))
    return failure.cause.slug, failure.message


def test_refusal_quotes_the_line_that_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what sshd says of this user, the line with the reason is quoted."""
    ended = Ended(code=255, out="", err="mast-managed@127.0.0.1: Permission denied (publickey).")
    cause, message = _judged(monkeypatch, ended)
    assert cause == "login-refused"
    assert "not allowed because listed in DenyUsers" in message


def test_refusal_without_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where sshd's log cannot be read, the client's own words are what there is."""
    ended = Ended(code=255, out="", err="warning\nPermission denied (publickey).")
    assert "Permission denied" in _judged(monkeypatch, ended, log="")[1]


def test_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection is no refused login."""
    ended = Ended(code=255, out="", err="ssh: connect to host …: Connection refused")
    assert _judged(monkeypatch, ended)[0] == "sshd-silent"


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (Ended(code=1, out="This account is currently not available.", err=""), "not available"),
        (Ended(code=0, out=f"Welcome!\n{TOKEN}", err=""), "prints more"),
        (Ended(code=127, out="", err="sh: echo: not found"), "not found"),
        (Ended(code=0, out="something else", err=""), "no command runs"),
    ],
)
def test_shell(monkeypatch: pytest.MonkeyPatch, ended: Ended, said: str) -> None:
    """A login that works and runs no command, or says more than that, is the shell's doing."""
    cause, message = _judged(monkeypatch, ended)
    assert cause == "account-shell"
    assert said in message


def test_what_others_say_is_masked_and_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a secret nor a control character comes through from a foreign program."""
    monkeypatch.setattr(tool, "find", lambda _: None)
    ended = Ended(code=3, out="\x1b[31mcanary-secret", err="")
    failure = trial.judge(ended, LOGIN, TOKEN, dt.datetime.now(dt.UTC), Redactor(["canary-secret"]))
    assert "canary" not in failure.message
    assert "\x1b" not in failure.message


def test_not_tried_without_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where OpenSSH's client is missing it says so, and touches nothing."""
    monkeypatch.setattr(tool, "find", lambda _: None)
    found = trial.run(LOGIN, Path("/nonexistent"), Path("/nonexistent"), (), Redactor(()))
    assert (found.tried, found.failure) == (False, None)
    assert "OpenSSH" in found.why
