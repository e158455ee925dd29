"""Fuzzes the reader of the one line of JSON that an eval may print."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from typing import TYPE_CHECKING, Any

from mast_agent.access import public_key
from mast_agent.enroll.output import Claim, Output, read_claim
from mast_agent.host.process import Line
from mast_agent.text.redact import Redactor

from chance.draw import CANARY, Draw, Target, assert_one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def contract(data: bytes) -> None:
    """Any output is read or passed over, and only one JSON object of version 1 claims anything."""
    draw = Draw(data)
    line = _object(draw) if draw.chance() else draw.rest()
    claim = read_claim(line)
    assert claim == _claim_of(line), line
    if claim is not None and claim.public_key is not None:
        with contextlib.suppress(public_key.InvalidKeyError):
            key = public_key.parse(claim.public_key)
            assert re.fullmatch(r"ssh-ed25519 [A-Za-z0-9+/]{68}", key)
    logged: list[str] = []
    output = Output(Redactor([CANARY]), lambda _, shown: logged.append(shown))
    for stream, cut in (("stdout", False), ("stdout", True), ("stderr", False)):
        output.take(Line(stream=stream, content=line, cut=cut))
    output.close(dropped=0)
    if b"\n" not in line:
        assert output.claim == (claim or Claim()), line
    for shown in logged:
        assert_one_line(shown)
        assert CANARY not in shown


def _object(draw: Draw) -> bytes:
    """Return a line that is nearly the contract's."""
    plain = "0b0f5f0a-9d0e-4c55-9f6e-6d0a8a1c2b3d"
    ids: Sequence[Any] = (plain, plain.upper(), None, 7, [plain], draw.text(40), f"{{{plain}}}")
    document: dict[str, Any] = {
        "mast_bootstrap": draw.one_of((1, True, 1.0, 2, "1", None)),
        "server": draw.one_of(({"id": draw.one_of(ids), "name": draw.text(9)}, None, [], plain)),
        "public_key": draw.one_of((None, draw.text(90), f"ssh-ed25519 {draw.text(90)}", 7)),
        "severity": draw.one_of(("error", "info", 7, None)),
        "message": draw.one_of((draw.text(20), CANARY, 7, None)),
    }
    for _ in range(draw.number(2)):
        document.pop(draw.one_of(tuple(document)))
    return draw.piece(3) + json.dumps(document).encode() + draw.piece(3)


def _claim_of(line: bytes) -> Claim | None:
    """Read it again, by what docs and contract say, and in no hurry."""
    text = line.decode("utf-8", "replace").strip("\0\r\t ")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    # Its key has to stand there as it is: nobody writes it in escapes.
    if not isinstance(document, dict) or b'"mast_bootstrap"' not in line:
        return None
    server, version = document.get("server"), document.get("mast_bootstrap")
    if version is True or not isinstance(version, int) or version != 1:
        return None
    if not isinstance(server, dict):
        return None
    found, key = server.get("id"), document.get("public_key")
    server_id = found.lower() if isinstance(found, str) else ""
    return Claim(
        server_id=str(uuid.UUID(server_id)) if _ID.fullmatch(server_id) else None,
        public_key=key if isinstance(key, str) else None,
    )


TARGET = Target(
    check=contract,
    seeds=(
        b'\0{"mast_bootstrap": 1, "server": {"id": "0b0f5f0a-9d0e-4c55-9f6e-6d0a8a1c2b3d"}}',
        b"\1\0\0\0\4web1\0\0\0\0\0\0\0",
        b'\0{"severity": "error", "message": "tcp connect: refused"}',
        b'\0[[[[[[[[{"mast_bootstrap"',
    ),
    words=(b'"mast_bootstrap"', b'"server"', b'"id"', b'"public_key"', b"ssh-ed25519 ", b"{",
           b"}", b"[", b":", b",", b"1", b"true", b"null", b"\\u0000", b"\\ud800", b"\r", b"\0"),
)  # fmt: skip
