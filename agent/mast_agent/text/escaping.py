"""Escapes what a terminal would act on, in everything that is shown, just before it is written.

Secrets in it were masked when the text came in: `redact`.
"""

from __future__ import annotations

import unicodedata


def escape(text: str) -> str:
    r"""Return `text` on one line, with everything that a terminal would act on made visible.

    Control, format (bidi included), surrogate, private-use and unassigned characters and line
    separators become \xNN, \uNNNN or \UNNNNNNNN, a tab a blank. What Python has of a byte that
    is not UTF-8 becomes that byte, \xNN.
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
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - surrogateescape, PEP 383
        code -= 0xDC00
    if code <= 0xFF:  # noqa: PLR2004 - what \xNN can write
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - as above
