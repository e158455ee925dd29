"""What an eval gets as its environment, and what its end and its last line amount to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent import causes, evaluation
from mast_agent.deadline import Deadline
from mast_agent.evaluation import Report, _contract, _failure, _Output
from mast_agent.failure import Failure
from mast_agent.process import Line
from mast_agent.redact import MASK, Redactor
from mast_agent.release import Release
from unit.builders import SERVER_ID

CANARY = "Zq7_Canary"
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
    environment = evaluation.environment(RELEASE, {name: CANARY}, Path("/run/x/eval"))
    assert environment[name] != CANARY


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
    monkeypatch.setattr("mast_agent.deadline.time.monotonic", lambda: 1000.0)
    assert evaluation.allotted(Deadline(left)) == allotted


@pytest.mark.parametrize("left", [0, 0.5, 1.9])
@pytest.mark.parametrize("last", ["", "the eval ended with 3"])
def test_too_few_seconds(monkeypatch: pytest.MonkeyPatch, left: float, last: str) -> None:
    """No eval is started for so little that it could only be killed, and what is left is said."""
    now = [1000.0]
    monkeypatch.setattr("mast_agent.deadline.time.monotonic", lambda: now[0])
    deadline = Deadline(30)
    now[0] += 30 - left
    with pytest.raises(Failure) as caught:
        evaluation.allotted(deadline, last)
    assert caught.value.cause is causes.EVAL_UNSTARTED
    assert f"{left:.1f} s are left of 30 s" in caught.value.message
    assert last in caught.value.message
    assert "MAST_AGENT_TIMEOUT" in caught.value.remedy


class _Collected:
    """An `_Output` with what it logged."""

    def __init__(self, *lines: tuple[str, bytes]) -> None:
        self.logged: list[tuple[str, str]] = []
        self.output = _Output(
            Redactor([CANARY]), lambda stream, text: self.logged.append((stream, text))
        )
        for stream, content in lines:
            self.output.take(Line(stream=stream, content=content, cut=False))


def test_lines_are_logged() -> None:
    """Each line of both streams is logged at once, blank ones are not."""
    collected = _Collected(("stdout", b"one"), ("stderr", b"two\r"), ("stdout", b"  "))
    assert collected.logged == [("stdout", "one"), ("stderr", "two")]


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        pytest.param(f"it is {CANARY}!".encode(), f"it is {MASK}!", id="secret"),
        pytest.param(b"\x1b[31mred\x00", "\\x1b[31mred\\x00", id="control"),
        pytest.param(b"bad \xff byte", "bad \\xff byte", id="bad-utf8"),
        pytest.param("\u202edriver".encode(), "\\u202edriver", id="bidi"),
        pytest.param(b"<0>urgent", "<0>urgent", id="priority-prefix"),
    ],
)
def test_lines_are_cleaned(content: bytes, shown: str) -> None:
    """What a line shows is masked and escaped."""
    assert _Collected(("stderr", content)).logged == [("stderr", shown)]


def test_cut_lines() -> None:
    """A line that was cut off in the middle of a secret shows no beginning of it."""
    collected = _Collected()
    line = Line(stream="stdout", content=b"it is " + CANARY[:5].encode(), cut=True)
    collected.output.take(line)
    assert collected.logged == [("stdout", f"it is {MASK}")]


def test_long_output() -> None:
    """Of many lines the first and the last are logged, and the rest counted."""
    collected = _Collected(*(("stdout", b"%d" % number) for number in range(1000)))
    collected.output.close(dropped=7)
    texts = [text for _, text in collected.logged]
    assert texts[:200] == [str(number) for number in range(200)]
    assert texts[200] == "(750 lines dropped)"
    assert texts[201:251] == [str(number) for number in range(950, 1000)]
    assert "7 bytes dropped" in texts[251]


_GENERIC = b"** (DBConnection.ConnectionError) connection not available"
_UNDEFINED = (
    b"** (UndefinedFunctionError) function Mast.Bootstrap.self_enroll!/0 is undefined "
    b"(module Mast.Bootstrap is not available)"
)
_MISSING = b"** (RuntimeError) environment variable MAST_NEW_SECRET is missing."


@pytest.mark.parametrize(
    ("code", "stderr", "slug", "word"),
    [
        (1, _GENERIC, "eval-failed", "connection not available"),
        (1, b"", "eval-failed", "nothing on stderr"),
        (3, b"some text", "eval-failed", "ended with 3"),
        (1, _UNDEFINED, "bootstrap-missing", "self_enroll!/0"),
        (1, _MISSING, "eval-misconfigured", "MAST_NEW_SECRET"),
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
    failure = _failure(code, _Collected(("stderr", stderr)).output)
    assert failure.cause.slug == slug
    assert word in failure.message


def test_cause_on_stdout() -> None:
    """The error that Mast logged on stdout is quoted beside the generic one on stderr."""
    log = {"severity": "error", "message": "FATAL 28P01 (invalid_password)"}
    collected = _Collected(
        ("stdout", b"plain"),
        ("stdout", b'{"severity": "info", "message": "not this"}'),
        ("stdout", json.dumps(log).encode()),
        ("stderr", _GENERIC),
    )
    message = _failure(1, collected.output).message
    assert "connection not available" in message
    assert "28P01" in message
    assert "not this" not in message


def test_variable_missing_on_stdout() -> None:
    """A BEAM may end before its stderr is written: its term on stdout tells the variable too."""
    said = b'message=><<"environment variable MAST_X is missing.">>'
    term = b'{"init terminating in do_boot",{#{' + said + b"},[]}}"
    collected = _Collected(("stdout", term), ("stderr", b"ERROR! Config provider failed with:"))
    failure = _failure(1, collected.output)
    assert failure.cause is causes.EVAL_MISCONFIGURED
    assert "MAST_X" in failure.message


def test_quotes_are_bounded() -> None:
    """However long a line is, a message quotes a piece of it."""
    assert len(_failure(1, _Collected(("stderr", b"x" * 8000)).output).message) < 400


def _line(**special: object) -> bytes:
    plain = {
        "mast_bootstrap": 1,
        "server": {"id": SERVER_ID.upper(), "name": "web1"},
        "created": True,
        "public_key": "ssh-ed25519 AAAA",
    }
    return json.dumps({**plain, **special}).encode()


def test_contract() -> None:
    """The last line's claim is read, with the id in the form that PostgreSQL prints."""
    assert _contract(_line(public_key="ssh-ed25519 AAAA"), 1.5) == Report(
        server_id=SERVER_ID, public_key="ssh-ed25519 AAAA", seconds=1.5
    )


@pytest.mark.parametrize("key", [None, 7, ["ssh-ed25519 AAAA"], {}])
def test_contract_without_a_key(key: object) -> None:
    """A key that is no text counts as one that was not told; the id counts all the same."""
    report = _contract(_line(public_key=key), 1.5)
    assert (report.server_id, report.public_key) == (SERVER_ID, None)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b":ok", id="text"),
        pytest.param(b"{", id="half"),
        pytest.param(b"[" * 5000, id="nested"),
        pytest.param(b"\xff", id="bytes"),
        pytest.param(_line(mast_bootstrap=2), id="later-version"),
        pytest.param(_line(server=None), id="no-server"),
        pytest.param(_line(server={"id": "'; DROP TABLE", "name": "x"}), id="no-uuid"),
        pytest.param(_line(server={}), id="no-id"),
    ],
)
def test_no_contract(line: bytes) -> None:
    """Anything else says nothing, and nothing is what is made of it."""
    assert _contract(line, 1.5).server_id is None


@given(st.binary(max_size=100))
def test_any_last_line(line: bytes) -> None:
    """Whatever the last line is, it is read or passed over."""
    assert _contract(line, 0.0) == Report()
