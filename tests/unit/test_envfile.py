"""The environment file by systemd's rules, and against systemd's own reader where there is one."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent import causes, envfile
from mast_agent.failure import Code, Failure
from unit import systemd_parser

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mast_agent.failure import Cause

    Reader = Callable[[str], dict[str, str]]

CANARY = "Zq7_Canary"

READERS = [pytest.param(envfile.parse, id="agent")]
if systemd_parser.AVAILABLE:
    READERS.append(pytest.param(systemd_parser.parse, id="systemd"))
readers = pytest.mark.parametrize("read", READERS)


@readers
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {}, id="empty"),
        pytest.param("\n\n  \n\t\n", {}, id="blank-lines"),
        pytest.param("A=1", {"A": "1"}, id="no-newline-at-end"),
        pytest.param("A=1\nB=2\n", {"A": "1", "B": "2"}, id="two"),
        pytest.param("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}, id="crlf"),
        pytest.param("A=1\rB=2\r", {"A": "1", "B": "2"}, id="cr"),
        pytest.param("A=1\nA=2\n", {"A": "2"}, id="later-wins"),
        pytest.param("A=\n", {"A": ""}, id="empty-value"),
        pytest.param("A=''\nB=\"\"\n", {"A": "", "B": ""}, id="empty-quotes"),
        pytest.param("  A \t=  b  \n", {"A": "b"}, id="blanks-around"),
        pytest.param("A=b  c\n", {"A": "b  c"}, id="blanks-inside"),
        pytest.param("# c\n; c\n  # c\nA=1\n", {"A": "1"}, id="comments"),
        pytest.param("A=1 # no comment\n", {"A": "1 # no comment"}, id="hash-in-value"),
        pytest.param("A=;1\n", {"A": ";1"}, id="semicolon-in-value"),
        pytest.param("A=b=c==\n", {"A": "b=c=="}, id="equals-in-value"),
        pytest.param("A='b c'\n", {"A": "b c"}, id="single-quotes"),
        pytest.param("A='b\\c\"d'\n", {"A": 'b\\c"d'}, id="nothing-escapes-in-single-quotes"),
        pytest.param("A='b\nc'\n", {"A": "b\nc"}, id="newline-in-single-quotes"),
        pytest.param('A="b\nc"\n', {"A": "b\nc"}, id="newline-in-double-quotes"),
        pytest.param('A="\\"\\\\\\`\\$"\n', {"A": '"\\`$'}, id="escapes-in-double-quotes"),
        pytest.param('A="\\n\\t\\x"\n', {"A": "\\n\\t\\x"}, id="no-escapes-in-double-quotes"),
        pytest.param('A="b\\\nc"\n', {"A": "bc"}, id="continued-in-double-quotes"),
        pytest.param("A=b\\\nc\n", {"A": "bc"}, id="continued"),
        pytest.param("A=b\\\n   c\n", {"A": "b   c"}, id="continued-with-blanks"),
        pytest.param("A=b\\\r\nB=2\n", {"A": "b", "B": "2"}, id="backslash-before-crlf"),
        pytest.param("A=\\b\\ \\#\\\\\n", {"A": "b #\\"}, id="escapes"),
        pytest.param("A=b\\ \n", {"A": "b "}, id="escaped-blank-at-end"),
        pytest.param("A=b\\", {"A": "b"}, id="backslash-at-end"),
        pytest.param("A=\\\n'b'\n", {"A": "'b'"}, id="quote-after-continuation-is-plain"),
        pytest.param('A="b"\'c\'"d"\n', {"A": "bcd"}, id="quotes-side-by-side"),
        pytest.param("A='b' 'c'\n", {"A": "bc"}, id="quotes-apart"),
        pytest.param("A='b'c d \n", {"A": "bc d"}, id="plain-after-quotes"),
        pytest.param("A=b'c'\n", {"A": "b'c'"}, id="quotes-after-plain"),
        pytest.param("A='b'c\"d\"\n", {"A": 'bc"d"'}, id="quotes-after-quotes-and-plain"),
        pytest.param("A=$B ${B} `b`\n", {"A": "$B ${B} `b`"}, id="no-expansion"),
        pytest.param("A=é☃\n", {"A": "é☃"}, id="utf8"),
        pytest.param("_A1=x\n", {"_A1": "x"}, id="name"),
    ],
)
def test_reading(read: Reader, text: str, expected: dict[str, str]) -> None:
    """Each form is read as systemd reads it."""
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        pytest.param(f"A=1\nB='{CANARY}\nC=2\n", 2, "B", id="single-quote-open"),
        pytest.param(f'A="{CANARY}\n', 1, "A", id="double-quote-open"),
        pytest.param(f"A='b'\"{CANARY}", 1, "A", id="second-quote-open"),
        pytest.param(f"# c\n{CANARY}\nB=2\n", 2, "", id="no-equals"),
        pytest.param(f"A='1\n2'\n{CANARY}", 3, "", id="no-equals-at-end"),
        pytest.param(f"{CANARY}-x=1\n", 1, "", id="name-with-dash"),
        pytest.param(f"export {CANARY}=1\n", 1, "", id="export"),
        pytest.param(f"\n=({CANARY})\n", 2, "", id="no-name"),
        pytest.param(f"1A={CANARY}\n", 1, "", id="name-with-digit-first"),
        pytest.param(f"Á={CANARY}\n", 1, "", id="name-not-ascii"),
        pytest.param(f"A={CANARY}\0\n", 1, "A", id="nul"),
    ],
)
def test_errors(text: str, line: int, name: str) -> None:
    """What would lose a variable is an error with its line and name, and shows no value."""
    with pytest.raises(SyntaxError) as caught:
        envfile.parse(text)
    assert caught.value.lineno == line
    assert caught.value.msg is not None
    assert CANARY not in caught.value.msg
    assert name in caught.value.msg.split() or not name


def test_byte_order_mark() -> None:
    """A byte order mark is no part of the first name."""
    assert envfile.parse("\ufeffA=1\n") == {"A": "1"}


# systemd refuses code points that Unicode does not assign.
_VALUES = st.text(st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\0"))


def _in_double_quotes(value: str) -> str:
    for special in '\\"`$':
        value = value.replace(special, f"\\{special}")
    return f'"{value}"'


def _in_single_quotes(value: str) -> str:
    """Quote it; a quote in it stands in double quotes between two single-quoted parts."""
    return "'" + value.replace("'", "'\"'\"'") + "'"


@readers
@pytest.mark.parametrize("quote", [_in_double_quotes, _in_single_quotes])
@given(values=st.lists(_VALUES, min_size=1, max_size=3))
def test_round_trip(read: Reader, quote: Callable[[str], str], values: list[str]) -> None:
    """Any value, quoted by the rules, is read back the same, and so are its neighbours."""
    text = "".join(f"V{index}={quote(value)}\n" for index, value in enumerate(values))
    assert read(text) == {f"V{index}": value for index, value in enumerate(values)}


@readers
@given(value=_VALUES.map(lambda text: text.replace("\r", "").replace("\n", "")))
def test_round_trip_escaped(read: Reader, value: str) -> None:
    """A value of one line survives with a backslash before each character."""
    text = "".join(f"\\{char}" for char in value)
    assert read(f"A={text}\nB=2\n") == {"A": value, "B": "2"}


# Without comments: what a backslash does in one has changed in systemd 258.
_SNIPPETS = st.lists(st.sampled_from([*"AB= \t\n\r'\"\\`$x1é", "A=", "\nB="]), max_size=25)


@readers
@given(_SNIPPETS.map("".join))
def test_agreement(read: Reader, text: str) -> None:
    """Whatever the agent takes, systemd takes, and reads the same."""
    expected = _parse_or_none(text)
    if expected is not None:
        assert read(text) == expected
        assert all(name and "=" not in name for name in expected)


def _parse_or_none(text: str) -> dict[str, str] | None:
    try:
        return envfile.parse(text)
    except SyntaxError:
        return None


@given(st.text(st.sampled_from("αβγδ=\n\r'\"\\#; \tA1\0"), max_size=60))
def test_any_text(text: str) -> None:
    """Any text is read, or refused by a SyntaxError that repeats no part of a value."""
    message = ""
    try:
        envfile.parse(text)
    except SyntaxError as error:
        message = f"{error.msg} {error.text}"
        assert 1 <= (error.lineno or 0) <= text.count("\n") + 1  # noqa: PT017 - both ends are right
    assert not set("αβγδ") & set(message)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        pytest.param(b"A=1\nB='zq7canary\n", "line 2", id="quote-open"),
        pytest.param(b"A=1\n\nC=zq7canary\xff\n", "line 3", id="not-utf8"),
        pytest.param(b"A=zq7canary\0", "line 1", id="nul"),
        pytest.param(b"A=zq7canary\n" + b"#" * envfile.MAX_BYTES, "larger", id="too-large"),
    ],
)
def test_malformed_file(tmp_path: Path, content: bytes, line: str) -> None:
    """A malformed file ends with 78, names file and line, and shows no value."""
    path = tmp_path / "mast.env"
    path.write_bytes(content)
    failure = _refusal(path, causes.ENV_FILE_MALFORMED)
    assert str(path) in failure.message
    assert line in failure.message
    assert "zq7canary" not in str(failure)


def _refusal(path: Path, cause: Cause) -> Failure:
    with pytest.raises(Failure) as caught:
        envfile.read(path)
    assert caught.value.cause is cause
    assert caught.value.code == Code.CONFIG
    return caught.value


def test_read(tmp_path: Path) -> None:
    """A file is read, also through a symbolic link, which an operator may have made."""
    (tmp_path / "real").write_bytes("A='é'\n".encode())
    (tmp_path / "mast.env").symlink_to(tmp_path / "real")
    assert envfile.read(tmp_path / "mast.env") == {"A": "é"}


def test_missing_file(tmp_path: Path) -> None:
    """A missing file is a cause of its own, and so is a link that leads nowhere."""
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    assert "nothing" in _refusal(tmp_path / "nothing", causes.ENV_FILE_MISSING).message
    _refusal(tmp_path / "dangling", causes.ENV_FILE_MISSING)


def test_unreadable_file(tmp_path: Path) -> None:
    """A file that cannot be opened ends with the command that makes it readable."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")  # ELOOP holds for root too
    failure = _refusal(tmp_path / "loop", causes.ENV_FILE_UNREADABLE)
    assert f"chmod 0640 {tmp_path / 'loop'}" in failure.remedy


def test_directory(tmp_path: Path) -> None:
    """A directory is refused as such."""
    assert "regular file" in _refusal(tmp_path, causes.ENV_FILE_MALFORMED).message


def test_fifo(tmp_path: Path) -> None:
    """A FIFO that nobody writes to is refused at once."""
    os.mkfifo(tmp_path / "fifo")
    begin = time.monotonic()
    _refusal(tmp_path / "fifo", causes.ENV_FILE_MALFORMED)
    assert time.monotonic() - begin < 1
