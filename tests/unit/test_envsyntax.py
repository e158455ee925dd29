"""The environment file by systemd's rules, and against systemd's own reader where there is one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.config import envfile, envsyntax
from support.canaries import CANARY
from unit import systemd_parser

if TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[bytes], dict[str, str]]


_parse = functools.partial(envsyntax.parse, comments_continue=False)
READERS: list[Any] = [pytest.param(_parse, id="agent")]
if systemd_parser.VERSION:
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
    assert read(text.encode()) == expected


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
        _parse(text.encode())
    assert caught.value.lineno == line
    assert caught.value.msg is not None
    assert CANARY not in caught.value.msg
    assert name in caught.value.msg.split() or not name


@readers
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"# caf\xe9\nA=1\n", {"A": "1"}, id="latin-1-comment"),
        pytest.param(b"; \xff\xfe\x01\nA=1\n", {"A": "1"}, id="bytes-in-a-comment"),
        pytest.param("# \ufffe\nA=1\n".encode(), {"A": "1"}, id="noncharacter-in-a-comment"),
        pytest.param("A='\ufeff'\n".encode(), {"A": "\ufeff"}, id="mark-in-a-value"),
        pytest.param(
            "A=\U00010000\U0010fffd\n".encode(), {"A": "\U00010000\U0010fffd"}, id="astral"
        ),
        pytest.param(b"A='a\tb\nc'\n", {"A": "a\tb\nc"}, id="tab-and-newline"),
        pytest.param("A=\x80\x9f\u2028\n".encode(), {"A": "\x80\x9f\u2028"}, id="c1-controls"),
        pytest.param(b"A=\x01\x0b\x1b\x7f\n", {"A": "\x01\x0b\x1b\x7f"}, id="controls"),
        pytest.param(b"A='b\r\nc'\r\n", {"A": "b\r\nc"}, id="crlf-in-quotes"),
    ],
)
def test_bytes(read: Reader, content: bytes, expected: dict[str, str]) -> None:
    """A comment is in any encoding, and a value in UTF-8."""
    assert read(content) == expected


@readers
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"A=caf\xe9\n", id="latin-1"),
        pytest.param(b"A=\xc0\xaf\n", id="overlong"),
        pytest.param(b"A=\xed\xa0\x80\n", id="surrogate"),
        pytest.param(b"A=\xf4\x90\x80\x80\n", id="beyond-unicode"),
        pytest.param("A=x\ufffe\n".encode(), id="fffe"),
        pytest.param("A='\uffff'\n".encode(), id="ffff"),
        pytest.param("A=\ufdd0\n".encode(), id="fdd0"),
        pytest.param("A=\U0010ffff\n".encode(), id="10ffff"),
        pytest.param(b"# \0\nA=1\n", id="nul-in-a-comment"),
        pytest.param(b"A=1\n\0", id="nul-at-end"),
    ],
)
def test_refused_by_both(read: Reader, content: bytes) -> None:
    """What systemd refuses the whole file for is an error here too."""
    with pytest.raises((SyntaxError, ValueError)):
        read(content)


def test_byte_order_mark() -> None:
    """A byte order mark would be a part of the first name, and is refused in words that say so."""
    with pytest.raises(SyntaxError, match="byte order mark"):
        _parse("\ufeffA=1\n".encode())


_COMMENTS = [
    pytest.param("# c \\\nA=1\nB=2\n", {"A": "1", "B": "2"}, {"B": "2"}, id="newline"),
    pytest.param("# c \\\n", {}, {}, id="nothing-follows"),
    pytest.param("# c \\", {}, {}, id="end"),
    pytest.param("# c \\\\\nA=1\n", {"A": "1"}, {"A": "1"}, id="escaped-backslash"),
    pytest.param("# c \\x\nA=1\n", {"A": "1"}, {"A": "1"}, id="in-the-middle"),
    pytest.param("# c \\\r\nA=1\n", {"A": "1"}, {"A": "1"}, id="crlf"),
    pytest.param("# c \\\rA=1\nB=2\n", {"A": "1", "B": "2"}, {"B": "2"}, id="cr"),
    pytest.param(
        "; c \\\n# d \\\nA=1\nB=2\n", {"A": "1", "B": "2"}, {"B": "2"}, id="twice"
    ),
    pytest.param("# c \\\n  \\\nA=1\nB=2\n", None, {"B": "2"}, id="a-line-of-a-backslash"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "ends", "continues"), _COMMENTS)
def test_comments(text: str, ends: dict[str, str] | None, continues: dict[str, str] | None) -> None:
    """Both readings of a backslash at the end of a comment."""
    assert _parse_or_none(text, comments_continue=False) == ends
    assert _parse_or_none(text, comments_continue=True) == continues


@pytest.mark.skipif("not systemd_parser.VERSION")
@pytest.mark.parametrize(("text", "ends", "continues"), _COMMENTS)
def test_comments_of_this_systemd(
    text: str, ends: dict[str, str] | None, continues: dict[str, str] | None
) -> None:
    """Which of them holds is told by the version."""
    expected = ends if systemd_parser.VERSION >= envfile.COMMENTS_END_SINCE else continues
    if expected is not None:
        assert systemd_parser.parse(text.encode()) == expected


# systemd refuses what Unicode reserves for no character.
_VALUES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0").filter(
        lambda char: ord(char) & 0xFFFE != 0xFFFE and not "\ufdd0" <= char <= "\ufdef"
    )
)


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
    assert read(text.encode()) == {f"V{index}": value for index, value in enumerate(values)}


@readers
@given(value=_VALUES.map(lambda text: text.replace("\r", "").replace("\n", "")))
def test_round_trip_escaped(read: Reader, value: str) -> None:
    """A value of one line survives with a backslash before each character."""
    text = "".join(f"\\{char}" for char in value)
    assert read(f"A={text}\nB=2\n".encode()) == {"A": value, "B": "2"}


_SNIPPETS = st.lists(
    st.sampled_from([*"AB= \t\n\r'\"\\`$x1é#;", "A=", "\nB=", "\n#", "\\\n"]), max_size=25
)


@readers
@given(_SNIPPETS.map("".join))
def test_agreement(read: Reader, text: str) -> None:
    """Whatever the agent takes, systemd takes, and reads the same."""
    continues = read is not _parse and systemd_parser.VERSION < envfile.COMMENTS_END_SINCE
    expected = _parse_or_none(text, comments_continue=continues)
    if expected is not None:
        assert read(text.encode()) == expected
        assert all(name and "=" not in name for name in expected)


def _parse_or_none(text: str, *, comments_continue: bool) -> dict[str, str] | None:
    try:
        return envsyntax.parse(text.encode(), comments_continue=comments_continue)
    except SyntaxError:
        return None


@given(st.text(st.sampled_from("αβγδ=\n\r'\"\\#; \tA1\0"), max_size=60))
def test_any_text(text: str) -> None:
    """Any text is read, or refused by a SyntaxError that repeats no part of a value."""
    message = ""
    try:
        _parse(text.encode())
    except SyntaxError as error:
        message = f"{error.msg} {error.text}"
        assert 1 <= (error.lineno or 0) <= text.count("\n") + 1  # noqa: PT017 - both ends are right
    assert not set("αβγδ") & set(message)
