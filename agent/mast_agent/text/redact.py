"""Masks secrets in text that comes from elsewhere.

From elsewhere is what others have written and the agent quotes: the output of a child, the
messages of libpq, a server or a pooler, the text of an exception that is a bug. Each passes a
`Redactor` once, where it comes in. Nothing else is masked: not the agent's own words, numbers and
remedies, where a mask would reveal a password that is a common word; not names (of roles,
databases, hosts, servers, files, variables), which are no secrets. Decisions use the text before
it is masked. `escaping` is applied to everything, just before it is written.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from mast_agent.text.escaping import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MASK = "[redacted]"
QUOTED_CHARACTERS = 240
"""How much of foreign text a message repeats."""

# The same words as in nix/secret-names.nix; a test holds the two against each other.
PARTS = "SECRET|PASSW|PASSPHRASE|TOKEN|CREDENTIAL|PRIVATE|BEARER|WEBHOOK"
WORDS = "PASS|PASSCODE|PWD|PW|KEYS?|APIKEY|COOKIE|SALT|DSN|JWT|CREDS"
ENDS = "AUTH|AUTHORIZATION"
# Nix refuses what looks so; the agent only masks it, and can take DBPASS and COMPASS for one too.
_SECRET_NAME = re.compile(
    rf".*({PARTS}).*|(.*_)?[A-Z0-9]*({WORDS})[0-9]*(_.*)?|(.*_)?({ENDS})|DATABASE_URL"
)
# Whose value is a secret whatever it looks like; TOKEN_REQUIRED=true is a switch.
_SURE = re.compile(r".*(SECRET|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|PW|TOKEN|KEY|COOKIE)[0-9]*")
_SWITCHES = frozenset({"true", "false", "yes", "no", "on", "off", "0", "1"})
_USERINFO = re.compile(r"(?<=://)[^\s/@]*@")
_USERINFO_BEGUN = re.compile(r"(?<=://)[^\s/@]+\Z")

# A secret that could be a word or a number counts only where it stands alone: masked inside
# "postgresql" it would be told by what is left. What is long or mixed is masked everywhere.
_WORD_CHARACTERS = 16
_MIXED_CHARACTERS = 8
_SHORT_CHARACTERS = 4
_ALONE_BEFORE = (
    # Nothing of a word, but perhaps the end of an escape that a program or `escape` has written.
    r"(?:(?<![^\W_])|(?<=\\[abefnrstv0])|(?<=\\x[0-9a-fA-F]{2})|(?<=\\u[0-9a-fA-F]{4})"
    r"|(?<=%[0-9a-fA-F]{2})|(?<=[0-9]m))"
)
_ALONE_AFTER = r"(?![^\W_])"
_BOUNDARY = re.compile(_ALONE_BEFORE)


def is_secret_name(name: str) -> bool:
    """Tell whether a variable of this name has a secret for its value, as far as a name tells."""
    return _SECRET_NAME.fullmatch(name.upper()) is not None


def secrets_of(mast: Mapping[str, str], public: Iterable[str] = ()) -> set[str]:
    """Return the values among Mast's variables that must never be shown.

    `public` are words that are shown anyway, such as the role's name: a password that equals
    one of them is not masked, for every mention of the role would be, and would tell it.
    """
    secrets = {
        value
        for name, value in mast.items()
        if is_secret_name(name) and (value not in _SWITCHES or _SURE.fullmatch(name.upper()))
    }
    for name, value in mast.items():
        # A scheme is not needed for a URL, and Ecto needs none.
        if match := re.match(r"(?:[^/?#]*:)?//([^/?#]*)@", value):
            secrets |= {value, match[1], match[1].partition(":")[2]}
        if name == "DATABASE_URL":
            secrets |= _unencoded(value)
        for secret in re.findall(r"[?&](?:password|passwd|pass)=([^&#]+)", value):
            # In a query a blank may be written as a plus.
            secrets |= {secret, secret.replace("+", " ")}
    shown = frozenset(public)
    return {secret for secret in secrets if secret.strip() and unquote(secret) not in shown}


def _unencoded(url: str) -> set[str]:
    """Return what may be the password where it was not encoded, and ended the authority early."""
    credentials = url.partition("//")[2].rpartition("@")[0]
    password = credentials.partition(":")[2]
    return {password, *re.split(r"[/?#@]", password)}


def _spellings(secret: str) -> set[str]:
    """Return how a program may print `secret`: decoded, encoded, inside JSON or Elixir quotes."""
    # The environment may hold bytes that are not UTF-8: os.environ has them as surrogates.
    encoded = quote(secret, safe="", errors="surrogateescape")
    plain = {secret, unquote(secret), encoded, *secret.split("\n"), *secret.splitlines()}
    inspected = {text.replace("\\", "\\\\").replace('"', '\\"') for text in plain}
    quoted = {
        json.dumps(text, ensure_ascii=ascii_)[1:-1] for text in plain for ascii_ in (False, True)
    }
    return plain | inspected | quoted | {escape(text) for text in plain}


class _Spelling(NamedTuple):
    """One way to print one secret. `alone` finds it where it counts only as a whole word."""

    text: str
    data: bytes
    alone: re.Pattern[str] | None


def _could_be_a_word(text: str) -> bool:
    if text.isalpha() or text.isdecimal():
        return len(text) < _WORD_CHARACTERS
    return len(text) < (_MIXED_CHARACTERS if text.isalnum() else _SHORT_CHARACTERS)


class Redactor:
    """Masks a fixed set of secrets in all their spellings."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = frozenset(secrets)

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Redactor({len(self._secrets)} secrets)"

    @functools.cached_property
    def _spelled(self) -> tuple[_Spelling, ...]:
        """Made when there is something to quote: most invocations quote nothing."""
        texts = {text for secret in self._secrets for text in _spellings(secret) if text.strip()}
        return tuple(
            _Spelling(
                text,
                _bytes(text),
                re.compile(rf"{_ALONE_BEFORE}{re.escape(text)}{_ALONE_AFTER}")
                if _could_be_a_word(text)
                else None,
            )
            for text in sorted(texts)
        )

    def quote(
        self, text: str | bytes, *, cut: bool = False, limit: int | None = QUOTED_CHARACTERS
    ) -> str:
        """Return foreign text as it may be shown: masked, escaped, at most `limit` characters.

        `cut` says that the text was cut off at its end: the beginning of a secret there is
        masked too, also where the cut went through a character.
        """
        if isinstance(text, bytes):
            # Bytes that are not UTF-8 become what os.environ makes of them.
            text = text.decode("utf-8", "surrogateescape")
        shown, before = escape(self._mask(text, cut=cut)), ""
        # A mask may leave another secret standing alone beside it.
        while shown != before:
            shown, before = self._mask_rest(shown), shown
        # Not before: half a secret would be no secret any more.
        return shown[:limit]

    def _mask(self, text: str, *, cut: bool = False) -> str:
        """Mask the secrets, and whatever may be credentials in a URL."""
        shown = _USERINFO.sub(f"{MASK}@", self._mask_part(text, cut=cut))
        return _USERINFO_BEGUN.sub(MASK, shown) if cut else shown

    def _mask_rest(self, text: str) -> str:
        """Mask what is a secret since it was escaped, or masked.

        What is masked already stays so: a password may be a part of the mask.
        """
        return MASK.join(map(self._mask, text.split(MASK)))

    def _mask_part(self, text: str, *, cut: bool = False) -> str:
        spans = set(self._spans(text))
        if cut and (begun := self._beginning_at_end(text)) is not None:
            spans.add((begun, len(text)))
        shown, end = "", 0
        for start, stop in sorted(spans):
            # Secrets that overlap are one: nothing of either is left.
            if start >= end:
                shown += text[end:start] + MASK
            end = max(end, stop)
        return shown + text[end:]

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        for spelling in self._spelled:
            at = text.find(spelling.text)
            while at >= 0:
                if spelling.alone is None or spelling.alone.match(text, at):
                    yield at, at + len(spelling.text)
                at = text.find(spelling.text, at + 1)

    def _beginning_at_end(self, text: str) -> int | None:
        """Return where at the end of `text` a secret begins of which the rest was cut off."""
        data = _bytes(text)
        found: list[int] = []
        for spelling in self._spelled:
            for size in range(min(len(spelling.data) - 1, len(data)), 0, -1):
                # By bytes: the cut may have gone through a character.
                if data.endswith(spelling.data[:size]):
                    at = len(data[: len(data) - size].decode("utf-8", "surrogateescape"))
                    if spelling.alone is None or _BOUNDARY.match(text, at):
                        found.append(at)
                        break
        return min(found, default=None)


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # A surrogate that stands for no byte: no environment and no output has one.
        return text.encode("utf-8", "surrogatepass")
