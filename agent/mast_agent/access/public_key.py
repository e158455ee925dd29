"""Reads the one public key that root is asked to trust, and accepts nothing else.

It accepts a single line "ssh-ed25519 BLOB [COMMENT]", whose blob is exactly what RFC 8709
describes: Mast.Bootstrap makes Ed25519 keys. Whatever sshd would also understand (options before
the key, further keys, other types, certificates) is refused, since it would mean more than a key.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct

TYPE = "ssh-ed25519"
MAX_CHARACTERS = 512
"""A key of this type takes 80 characters; the rest is room for a comment."""

_POINT_BYTES = 32
_LINE = re.compile(rf"{TYPE} (?P<blob>[A-Za-z0-9+/]+={{0,2}})(?: [A-Za-z0-9@._+:-]+)*", re.ASCII)


class InvalidKeyError(ValueError):
    """That is not one public key of the one accepted type; the text says why, without the key."""


def parse(text: str) -> str:
    """Return the key in `text` as "TYPE BLOB", without its comment.

    Raises InvalidKeyError.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidKeyError(f"it is longer than {MAX_CHARACTERS} characters")
    if "\n" in text or "\r" in text:
        raise InvalidKeyError("it is more than one line")
    match = _LINE.fullmatch(text)
    if match is None or text.count(f"{TYPE} ") > 1:
        raise InvalidKeyError(f'it is not "{TYPE}", one key, and at most a comment')
    try:
        blob = base64.b64decode(match["blob"], validate=True)
    except binascii.Error:
        blob = b""
    name = TYPE.encode()
    expected = struct.pack(">I", len(name)) + name + struct.pack(">I", _POINT_BYTES)
    if not blob.startswith(expected) or len(blob) != len(expected) + _POINT_BYTES:
        raise InvalidKeyError(f"its body is not that of an {TYPE} key")
    # Base64 has several spellings of some bytes; this is the one that ssh-keygen prints.
    return f"{TYPE} {base64.b64encode(blob).decode()}"
