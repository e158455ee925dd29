"""Fuzzes the reader of the environment file, beside systemd's own where that is installed."""

from __future__ import annotations

from mast_agent.config import envfile, envsyntax
from unit import systemd_parser

from chance.draw import CANARY, Draw, Target


def environment_file(data: bytes) -> None:
    """Any file is read as systemd reads it, or refused in words that show nothing of it."""
    draw = Draw(data)
    at = draw.number(0xFFFF)
    content = draw.rest()
    _read_both_ways(content)
    at %= len(content) + 1
    _read_both_ways(content[:at] + CANARY.encode() + content[at:])


def _read_both_ways(content: bytes) -> None:
    ends, comment = _reading(content, comments_continue=False)
    continues, _ = _reading(content, comments_continue=True)
    if comment is None:
        assert ends == continues, "two readings without a comment that makes them so"
    here = continues if systemd_parser.VERSION < envfile.COMMENTS_END_SINCE else ends
    if systemd_parser.VERSION and here is not None:
        assert systemd_parser.parse(content) == here


def _reading(
    content: bytes, *, comments_continue: bool
) -> tuple[dict[str, str] | None, int | None]:
    scanner = envsyntax.Scanner(content, comments_continue=comments_continue)
    try:
        return scanner.variables(), scanner.continued_comment
    except SyntaxError as error:
        refused = error
    assert refused.msg, "no message"
    assert refused.text is None
    assert CANARY[:4] not in refused.msg
    assert len(refused.msg) <= len(content) + 200, "a message without a bound"
    assert 1 <= (refused.lineno or 0) <= content.count(b"\n") + 1
    return None, scanner.continued_comment


TARGET = Target(
    check=environment_file,
    seeds=(
        b"\0\0A=1\nB='two words'\n# comment \\\nC=\"x\\\ny\"\n; other\nD=a\\ b \\\n",
        b"\0\7export A=1\n\xef\xbb\xbfB=2\nC=\xff\n",
        b"\0\3A='open\nB=2\n=x\nline\n\0",
    ),
    words=(b"A=", b"\n", b"\r", b"'", b'"', b"\\", b"\\\n", b"#", b";", b"=", b" ", b"\t",
           b"export ", b"\xef\xbb\xbf", b"\xef\xbf\xbe", b"\xc3\xa9"),
)  # fmt: skip
