"""What an eval gets as its environment, and what its end amounts to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mast_agent.config.release import Release
from mast_agent.enroll import evaluation
from mast_agent.enroll.evaluation import _failure
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host.deadline import Deadline
from mast_agent.text.redact import MASK
from unit.builders import output

RELEASE = Release(
    executable=Path("/opt/mast/bin/mast"),
    root=Path("/opt/mast"),
    version="0.5.0",
    migrations=frozenset({1}),
    has_bootstrap=True,
)


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The eval gets Mast's variables and what is made for it, and nothing of the agent's own."""
    monkeypatch.setenv("LD_PRELOAD", "x")
    monkeypatch.setenv("NOTIFY_SOCKET", "x")
    environment = evaluation.environment(RELEASE, {"DATABASE_URL": "url"}, Path("/run/x/eval"))
    assert environment["DATABASE_URL"] == "url"
    assert environment["RELEASE_TMP"] == environment["HOME"] == "/run/x/eval"
    assert environment["ERL_CRASH_DUMP_SECONDS"] == "0"
    assert environment["RELEASE_DISTRIBUTION"] == "none"
    assert environment["PATH"]
    assert not {"LD_PRELOAD", "NOTIFY_SOCKET"} & environment.keys()


@pytest.mark.parametrize(
    "name", ["HOME", "RELEASE_TMP", "RELEASE_COOKIE", "RELEASE_ROOT", "ERL_CRASH_DUMP_SECONDS"]
)
def test_what_must_be_so(name: str) -> None:
    """What keeps the eval from leaving something behind cannot be overridden by the file."""
    environment = evaluation.environment(RELEASE, {name: "x"}, Path("/run/x/eval"))
    assert environment[name] != "x"


def test_cookie() -> None:
    """The cookie, which shows in argv, is another one each time."""
    cookies = {evaluation.environment(RELEASE, {}, Path("/x"))["RELEASE_COOKIE"] for _ in range(20)}
    assert len(cookies) == 20
    assert all(len(cookie) >= 32 for cookie in cookies)


@pytest.mark.parametrize(
    ("left", "allotted"), [(300, 120 - 3), (20, 17), (6, 3), (4, 2), (2.5, 1.25), (2, 1)]
)
def test_seconds(monkeypatch: pytest.MonkeyPatch, left: float, allotted: float) -> None:
    """An eval gets what is left of the deadline without what ending it may take."""
    monkeypatch.setattr("mast_agent.host.deadline.time.monotonic", lambda: 1000.0)
    assert evaluation.allotted(Deadline(left)) == allotted


@pytest.mark.parametrize("left", [0, 0.5, 1.9])
@pytest.mark.parametrize("last", ["", "the eval ended with 3"])
def test_too_few_seconds(monkeypatch: pytest.MonkeyPatch, left: float, last: str) -> None:
    """No eval is started for so little that it could only be killed, and what is left is said."""
    now = [1000.0]
    monkeypatch.setattr("mast_agent.host.deadline.time.monotonic", lambda: now[0])
    deadline = Deadline(30)
    now[0] += 30 - left
    with pytest.raises(Failure) as caught:
        evaluation.allotted(deadline, last)
    assert caught.value.cause is causes.EVAL_UNSTARTED
    assert f"{left:.1f} s are left of 30 s" in caught.value.message
    assert last in caught.value.message
    assert "MAST_AGENT_TIMEOUT" in caught.value.remedy


_GENERIC = b"** (DBConnection.ConnectionError) connection not available"
_UNDEFINED = (
    b"** (UndefinedFunctionError) function Mast.Bootstrap.self_enroll!/0 is undefined "
    b"(module Mast.Bootstrap is not available)"
)
_MISSING = b"** (RuntimeError) environment variable MAST_NEW_SECRET is missing."

_VAULT = b"** (RuntimeError) MAST_VAULT_KEY is not the key that the SSH keys are encrypted with"
_MATERIAL = b"** (MatchError) no match of right hand side value: {:error, :missing_body}"
_IPV6 = (
    b"** (RuntimeError) MAST_SELF_HOST is an IPv6 address (::1), and Mast logs in over IPv4 alone"
)
_NAMESAKE = b"** (RuntimeError) the server a (id) has this host's name, but its address is 10.9.9.9"


@pytest.mark.parametrize(
    ("code", "stderr", "slug", "word"),
    [
        (1, _GENERIC, "eval-failed", "connection not available"),
        (1, b"", "eval-failed", "nothing on stderr"),
        (3, b"some text", "eval-failed", "ended with 3"),
        (1, _UNDEFINED, "bootstrap-missing", "self_enroll!/0"),
        (1, _MISSING, "eval-misconfigured", "MAST_NEW_SECRET"),
        (1, _VAULT, "vault-key-wrong", "MAST_VAULT_KEY"),
        (1, _MATERIAL, "vault-key-wrong", "MAST_VAULT_KEY"),
        (1, _IPV6, "self-host-ipv6", "IPv4 alone"),
        (1, _NAMESAKE, "name-taken", "10.9.9.9"),
        (1, b"mkdir: Operation not permitted", "eval-denied", "not permitted"),
        (126, b"Exec format error", "eval-unstartable", "126"),
        (127, b"sed: not found", "eval-unstartable", "sed: not found"),
        (-9, b"", "eval-killed", "SIGKILL"),
        (137, b"", "eval-killed", "SIGKILL"),
        (143, b"", "eval-killed", "SIGTERM"),
        (-11, b"", "eval-killed", "SIGSEGV"),
        (-31, b"", "eval-denied", "system call"),
        (159, b"", "eval-denied", "system call"),
    ],
)
def test_failures(code: int, stderr: bytes, slug: str, word: str) -> None:
    """Exit code and output tell the cause, and the message has what was said."""
    failure = _failure(code, output(("stderr", stderr)))
    assert failure.cause.slug == slug
    assert word in failure.message


@pytest.mark.parametrize("secret", ["0", "function", "environment", "is", "Operation", "missing"])
@pytest.mark.parametrize(
    ("stderr", "slug"),
    [
        (_UNDEFINED, "bootstrap-missing"),
        (_MISSING, "eval-misconfigured"),
        (b"mkdir: Operation not permitted", "eval-denied"),
    ],
)
def test_causes_do_not_depend_on_secrets(secret: str, stderr: bytes, slug: str) -> None:
    """A password that is a word of what tells the cause hides it from nobody but the reader."""
    collected = output(("stderr", stderr), secrets=[secret])
    assert _failure(1, collected).cause.slug == slug


@pytest.mark.parametrize("secret", ["severity", "error", "message"])
def test_logged_error_does_not_depend_on_secrets(secret: str) -> None:
    """A JSON line is read before it is masked."""
    log = b'{"severity": "error", "message": "FATAL 28P01, with a canary-1"}'
    collected = output(("stdout", log), ("stderr", _GENERIC), secrets=[secret, "canary-1"])
    message = _failure(1, collected).message
    assert f"before that: FATAL 28P01, with a {MASK}" in message


def test_cause_on_stdout() -> None:
    """The error that Mast logged on stdout is quoted beside the generic one on stderr."""
    log = {"severity": "error", "message": "FATAL 28P01 (invalid_password)"}
    collected = output(
        ("stdout", b"plain"),
        ("stdout", b'{"severity": "info", "message": "not this"}'),
        ("stdout", json.dumps(log).encode()),
        ("stderr", _GENERIC),
    )
    message = _failure(1, collected).message
    assert "connection not available" in message
    assert "28P01" in message
    assert "not this" not in message


def test_variable_missing_on_stdout() -> None:
    """A BEAM may end before its stderr is written: its term on stdout tells the variable too."""
    said = b'message=><<"environment variable MAST_X is missing.">>'
    term = b'{"init terminating in do_boot",{#{' + said + b"},[]}}"
    collected = output(("stdout", term), ("stderr", b"ERROR! Config provider failed with:"))
    failure = _failure(1, collected)
    assert failure.cause is causes.EVAL_MISCONFIGURED
    assert "MAST_X" in failure.message


def test_quotes_are_bounded() -> None:
    """However long a line is, a message quotes a piece of it."""
    assert len(_failure(1, output(("stderr", b"x" * 8000))).message) < 400
