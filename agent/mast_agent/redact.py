"""Takes secrets and control characters out of text that is about to be shown.

Everything that leaves the agent as text passes here: the child's output, the server's messages,
the agent's own. A `Redactor` knows the secrets of one invocation; `escape` knows none.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MASK = "[redacted]"

_SECRET_NAME = re.compile(
    r"SECRET|PASSW|TOKEN|KEY|COOKIE|CREDENTIAL|PRIVATE|SALT|DSN|DATABASE_URL", re.IGNORECASE
)
_SWITCHES = frozenset({"true", "false", "yes", "no", "on", "off", "0", "1"})
_USERINFO = re.compile(r"(?<=://)[^\s/@]*@")
_SHORT = 4
"""Secrets of fewer characters are masked only where they stand alone: masking every "a" would
leave nothing to read, and would itself tell the secret."""


def secrets_of(mast: Mapping[str, str], public: Iterable[str] = ()) -> set[str]:
    """Return the values among Mast's variables that must never be shown.

    `public` are words that are shown anyway, such as the role's name: a password that equals
    one of them is not masked, for every mention of the role would be, and would tell it.
    """
    secrets = {value for name, value in mast.items() if _SECRET_NAME.search(name)}
    for value in mast.values():
        match = re.match(r"[^/?#]*://([^/?#]*)@", value)
        if match:
            secrets.add(value)
            secrets |= {part for part in (match[1], match[1].partition(":")[2]) if part}
        secrets |= set(re.findall(r"[?&](?:password|passwd|pass)=([^&#]+)", value))
    shown = _SWITCHES.union(public)
    return {secret for secret in secrets if secret.strip() and unquote(secret) not in shown}


def _spellings(secret: str) -> set[str]:
    """Return how a program may print `secret`: decoded, encoded, inside JSON or Elixir quotes."""
    # The environment may hold bytes that are not UTF-8: os.environ has them as surrogates.
    encoded = quote(secret, safe="", errors="surrogateescape")
    plain = {secret, unquote(secret), encoded, *secret.split("\n")}
    inspected = {text.replace("\\", "\\\\").replace('"', '\\"') for text in plain}
    quoted = {
        json.dumps(text, ensure_ascii=ascii_)[1:-1] for text in plain for ascii_ in (False, True)
    }
    return plain | inspected | quoted | {escape(text) for text in plain}


class Redactor:
    """Masks a fixed set of secrets in all their spellings."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {text for secret in secrets for text in _spellings(secret) if text.strip()}
        # The longest first: a URL before the password in it.
        self._ordered = sorted(spellings, key=lambda text: (-len(text), text))
        patterns = [
            re.escape(text) if len(text) >= _SHORT else rf"(?<!\w){re.escape(text)}(?!\w)"
            for text in self._ordered
        ]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Redactor({len(self._ordered)} spellings)"

    def text(self, text: str, *, cut: bool = False) -> str:
        """Return `text` with the secrets masked.

        `cut` says that the text was cut off at its end: the beginning of a secret there is
        masked too.
        """
        if self._pattern is not None:
            text = self._pattern.sub(MASK, text)
        if cut:
            text = self._mask_beginning_at_end(text)
        return _USERINFO.sub(f"{MASK}@", text)

    def _mask_beginning_at_end(self, text: str) -> str:
        longest = 0
        for secret in self._ordered:
            for size in range(min(len(secret) - 1, len(text)), longest, -1):
                if text.endswith(secret[:size]):
                    longest = size
                    break
        return text[: len(text) - longest] + MASK if longest else text


def escape(text: str) -> str:
    r"""Return `text` on one line, with everything that a terminal would act on made visible.

    Control, format (bidi included), surrogate, private-use and unassigned characters and line
    separators become \xNN, \uNNNN or \UNNNNNNNN, a tab a blank.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char == "\t":
        return " "
    if unicodedata.category(char)[0] != "C" and unicodedata.category(char) not in ("Zl", "Zp"):
        return char
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004 - what \xNN can write
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - as above
