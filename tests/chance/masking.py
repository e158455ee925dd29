"""Fuzzes the masking of secrets, by itself and behind a child that prints them in pieces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from mast_agent.enroll.output import Output
from mast_agent.host import process
from mast_agent.host.process import LINE_BYTES
from mast_agent.text import redact
from mast_agent.text.escaping import escape
from mast_agent.text.redact import MASK, Redactor

from chance.draw import Draw, Target, assert_one_line

if TYPE_CHECKING:
    from collections.abc import Callable

_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: quote(text, safe="", errors="surrogateescape"),
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    lambda text: text.replace("\\", "\\\\").replace('"', '\\"'),
    escape,
)


def masking(data: bytes) -> None:
    """No secret survives, in any spelling, wherever it stands and wherever a line is cut off."""
    draw = Draw(data)
    secrets = [text for _ in range(1 + draw.number(2)) if (text := draw.text(24)).strip()]
    redactor = Redactor(secrets)
    before, after = draw.text(20), draw.text(20)
    for secret in secrets:
        spelled = draw.one_of(_SPELLINGS)(secret)
        # Apart from its surroundings, so that it also counts where it could be a word.
        whole = f"{before} {spelled} {after}"
        _assert_gone(redactor.quote(whole, limit=None), secret, spelled)
        _assert_gone(redactor.quote(_bytes(whole), limit=None), secret, spelled)
        _assert_gone(redactor.quote(whole), secret, spelled)
        _cut_off(redactor, draw, f"{before} ", spelled)
        _printed(redactor, draw, spelled, secret)


def assert_masked(redactor: Redactor, secret: str) -> None:
    """Assert that nothing is left of `secret` where it is printed."""
    _assert_gone(redactor.quote(f"= {secret} =", limit=None), secret, secret)


def _assert_gone(shown: str, secret: str, spelled: str) -> None:
    """Assert that no piece of `shown` between two masks has the secret.

    A blank at its end is no part of what tells it, and neither is what a mask has cut off it.
    """
    assert_one_line(shown)
    forms = {form for form in (secret, spelled, escape(spelled)) if _tells(form)}
    # A secret that is a part of the text around it is told by that, and not by its place.
    for piece in shown.split(MASK):
        for form in forms:
            at = piece.find(form)
            while at >= 0:
                assert not _alone(piece, at, len(form)), (form, piece)
                at = piece.find(form, at + 1)


def _tells(form: str) -> bool:
    return bool(form.strip()) and form not in MASK


def _alone(text: str, at: int, size: int) -> bool:
    """Tell whether a secret at that place is no part of a longer word, or is none itself."""
    found = text[at : at + size]
    if not redact._could_be_a_word(found):  # noqa: SLF001 - the rule for short ones is its own
        return True
    around = (text[max(0, at - 1) : at], text[at + size : at + size + 1])
    return not any(char and (char.isalnum() and char != "_") for char in around)


def _cut_off(redactor: Redactor, draw: Draw, before: str, spelled: str) -> None:
    """Cut it off at any byte: the beginning of a secret is masked, whatever is before it."""
    data = _bytes(spelled)
    kept = 1 + draw.number(len(data))
    if kept < len(data):
        shown = redactor.quote(_bytes(before) + data[:kept], cut=True, limit=None)
        assert shown.endswith(MASK), (kept, shown)


def _printed(redactor: Redactor, draw: Draw, spelled: str, secret: str) -> None:
    """A child prints it in pieces, in a line that may be too long to be kept."""
    if "\n" in spelled:
        return  # two lines, each of which is a secret by itself: the unit tests have it
    data = _bytes(spelled)
    kept = draw.number(len(data) + 4)
    text = b"." * (LINE_BYTES - kept - 1) + b" " + data + b" and more\n"
    logged: list[str] = []
    output = Output(redactor, lambda _, shown: logged.append(shown))
    splitter = process._Splitter(draw.one_of(("stdout", "stderr")), output.take)  # noqa: SLF001
    at = LINE_BYTES - draw.number(40)
    splitter.feed(text[:at])
    splitter.feed(text[at:])
    splitter.close()
    (shown,) = logged
    end = shown.lstrip(".")
    _assert_gone(end, secret, spelled)
    if 0 < kept < len(data):
        assert end.endswith(MASK), (kept, end)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


TARGET = Target(
    check=masking,
    seeds=(
        b"\1\x0aZq7-Canary\4word\6before\5after\0\1\2\3\4\5",
        b'\0\x0bp\xc3\xa4ss"w\\rd!\0\0\1\5\0\1',
        b"\2\x03a\nb\x06\xff\xfeab c\x08redacted\4://x\5@host\2\3",
    ),
    words=(b"://", b"@", b"[redacted]", b"\\", b'"', b"%", b"\\x", b"\\u00", b"\xff", b"\x1b[",
           b"\t", b"\n", b"\xe2\x80\xae", b" "),
)  # fmt: skip
