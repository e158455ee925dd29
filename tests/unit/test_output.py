"""What an eval prints: what is logged of it, and what its line to the agent claims."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.enroll.output import Claim, read_claim
from mast_agent.host.process import LINE_BYTES, Line, _Splitter
from mast_agent.text.redact import MASK
from support.canaries import CANARY
from unit.builders import SERVER_ID, output

OTHER_ID = "1b0f5f0a-9d0e-4c55-9f6e-6d0a8a1c2b3d"


def _logged(*lines: tuple[str, bytes]) -> list[tuple[str, str]]:
    logged: list[tuple[str, str]] = []
    output(*lines, secrets=[CANARY], logged=logged)
    return logged


def test_lines_are_logged() -> None:
    """Each line of both streams is logged at once, blank ones are not."""
    logged = _logged(("stdout", b"one"), ("stderr", b"two\r"), ("stdout", b"  "))
    assert logged == [("stdout", "one"), ("stderr", "two")]


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
    assert _logged(("stderr", content)) == [("stderr", shown)]


def test_cut_lines() -> None:
    """A line that was cut off in the middle of a secret shows no beginning of it."""
    logged: list[tuple[str, str]] = []
    collected = output(secrets=[CANARY], logged=logged)
    collected.take(Line(stream="stdout", content=b"it is " + CANARY[:5].encode(), cut=True))
    assert logged == [("stdout", f"it is {MASK}")]


def test_long_output() -> None:
    """Of many lines the first and the last are logged, and the rest counted."""
    logged: list[tuple[str, str]] = []
    collected = output(*(("stdout", b"%d" % number) for number in range(1000)), logged=logged)
    collected.close(dropped=7)
    texts = [text for _, text in logged]
    assert texts[:200] == [str(number) for number in range(200)]
    assert texts[200] == "(750 lines dropped)"
    assert texts[201:251] == [str(number) for number in range(950, 1000)]
    assert "7 bytes dropped" in texts[251]


def _line(**special: object) -> bytes:
    plain = {
        "mast_bootstrap": 1,
        "server": {"id": SERVER_ID.upper(), "name": "web1"},
        "created": True,
        "public_key": "ssh-ed25519 AAAA",
    }
    return json.dumps({**plain, **special}).encode()


def test_contract() -> None:
    """The line's claim is read, with the id in the form that PostgreSQL prints."""
    assert read_claim(_line()) == Claim(server_id=SERVER_ID, public_key="ssh-ed25519 AAAA")


@pytest.mark.parametrize("key", [None, 7, ["ssh-ed25519 AAAA"], {}])
def test_contract_without_a_key(key: object) -> None:
    """A key that is no text counts as one that was not told; the id counts all the same."""
    assert read_claim(_line(public_key=key)) == Claim(server_id=SERVER_ID)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b":ok", id="text"),
        pytest.param(b"{", id="half"),
        pytest.param(b"[" * 5000, id="nested"),
        pytest.param(b"\xff", id="bytes"),
        pytest.param(_line(mast_bootstrap=2), id="later-version"),
        pytest.param(_line(mast_bootstrap=True), id="no-number"),
        pytest.param(_line(mast_bootstrap=1.0), id="no-integer"),
        pytest.param(_line(server=None), id="no-server"),
        pytest.param(b"[" + _line() + b"]", id="inside-an-array"),
        pytest.param(b'{"message": ' + json.dumps(_line().decode()).encode() + b"}", id="quoted"),
        pytest.param(b'{"message": ' + _line() + b"}", id="inside-a-log-line"),
        pytest.param(b"[info] " + _line(), id="behind-a-prefix"),
        pytest.param(_line() + b" and more", id="before-more"),
        pytest.param(_line(server={"id": "'; DROP TABLE", "name": "x"}), id="no-uuid"),
        pytest.param(_line(server={}), id="no-id"),
        # What Python's own reader of UUIDs takes for one.
        pytest.param(_line(server={"id": f"{{{SERVER_ID}}}"}), id="braces"),
        pytest.param(_line(server={"id": f"urn:uuid:{SERVER_ID}"}), id="urn"),
        pytest.param(_line(server={"id": "1_" * 15 + "11"}), id="underscores"),
        pytest.param(_line(server={"id": SERVER_ID.replace("0", "\u0660")}), id="other-digits"),
        pytest.param(_line(server={"id": int("1" * 32)}), id="number"),
    ],
)
def test_no_contract(line: bytes) -> None:
    """Anything else says nothing, and nothing is what is made of it."""
    assert (read_claim(line) or Claim()).server_id is None


@given(st.binary(max_size=100))
def test_any_line(line: bytes) -> None:
    """Whatever a line is, it is read or passed over."""
    assert read_claim(line) is None
    assert read_claim(line + b'"mast_bootstrap"') is None


@pytest.mark.parametrize(
    "after",
    [
        pytest.param([b'{"severity": "info", "message": "flushed"}'], id="log"),
        pytest.param([b"", b":ok"], id="text"),
        pytest.param([b'{"message": ' + json.dumps(_line().decode()).encode() + b"}"], id="quoted"),
        pytest.param([b"\xff\x00"], id="bytes"),
        pytest.param([b"x"] * 1000, id="many"),
    ],
)
def test_claim_that_is_not_the_last_line(after: list[bytes]) -> None:
    """What is printed behind the contract's line takes nothing away from it."""
    lines = [b'{"severity": "info", "message": "first"}', _line(), *after]
    claim = output(*(("stdout", line) for line in lines)).claim
    assert claim == Claim(server_id=SERVER_ID, public_key="ssh-ed25519 AAAA")


@pytest.mark.parametrize("end", [b"\r", b"\0", b"\r\0", b" \t"])
def test_end_of_the_claims_line(end: bytes) -> None:
    """An end of line of another system, or a NUL, is no part of the line."""
    assert output(("stdout", _line() + end)).claim.server_id == SERVER_ID


@pytest.mark.parametrize(
    "line",
    [
        b"SIGTERM received - shutting down",
        b'{"severity": "notice", "message": "SIGTERM received - shutting down\\n"}',
    ],
)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_stopped_by_sigterm(stream: str, line: bytes) -> None:
    """That a BEAM ends because of SIGTERM is known from what it says, in whatever form."""
    assert output((stream, b"=INFO REPORT==== 1-Jan-2026 ==="), (stream, line)).stopped
    assert not output((stream, b"SIGTERM")).stopped


def test_several_claims() -> None:
    """The last one counts, and that there were others is logged."""
    logged: list[tuple[str, str]] = []
    other = _line(server={"id": OTHER_ID, "name": "x"}, public_key=None)
    collected = output(("stdout", other), ("stdout", _line()), logged=logged)
    collected.close(0)
    assert collected.claim.server_id == SERVER_ID
    assert f"2 servers were reported; the last one counts: {SERVER_ID}" in logged[-1][1]
    logged.clear()
    output(("stdout", _line()), ("stdout", _line()), logged=logged).close(0)
    assert not any("reported" in text for _, text in logged)


def test_claim_where_it_does_not_count() -> None:
    """What is said on stderr, or was cut off, claims nothing."""
    assert output(("stderr", _line())).claim == Claim()
    collected = output()
    collected.take(Line(stream="stdout", content=_line(), cut=True))
    assert collected.claim == Claim()


@pytest.mark.parametrize("secret", ["Zq7_Canary", "pässwörd-☃"])
def test_secret_across_the_end_of_what_is_kept(secret: str) -> None:
    """Wherever the bound of a line falls in a secret, and however it is read, nothing is left."""
    data = secret.encode()
    for kept in range(1, len(data) + 1):
        logged: list[tuple[str, str]] = []
        splitter = _Splitter("stdout", output(secrets=[secret], logged=logged).take)
        splitter.feed(b"." * (LINE_BYTES - kept) + data[:kept])
        splitter.feed(data[kept:] + b" and more")
        splitter.feed(b" of it\n")
        assert logged == [("stdout", "." * (LINE_BYTES - kept) + MASK)], kept
