"""What an eval prints: logged line by line within limits, quoted later, and read for its result.

Each line is kept twice: as it came, for decisions, and as it may be shown, masked and escaped.
What the lines mean is decided in `evaluation`.
"""

from __future__ import annotations

import collections
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from mast_agent.host.process import Line
    from mast_agent.text.redact import Redactor

_FIRST_LINES = 200
_LAST_LINES = 50
_CONTRACT_VERSION = 1
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


class Said(NamedTuple):
    """A text as it came, which may hold secrets, and as it may be shown."""

    raw: str
    shown: str


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What is kept of Mast.Bootstrap's line: a claim and not a fact.

    `server_id` and `public_key` are None where it said nothing of them; the key is as it was
    said, and not checked.
    """

    server_id: str | None = None
    public_key: str | None = None


class Output:
    """Collects what the child prints."""

    def __init__(self, redactor: Redactor, log: Callable[[str, str], None]) -> None:
        """`log` gets the stream's name and each line as it may be shown."""
        self.redactor = redactor
        self._log = log
        self._lines = 0
        self._tail: collections.deque[tuple[str, str]] = collections.deque(maxlen=_LAST_LINES)
        self._claimed_ids: set[str] = set()
        self.claim = Claim()
        self.stderr: collections.deque[Said] = collections.deque(maxlen=_LAST_LINES)
        self.stdout_errors: collections.deque[Said] = collections.deque(maxlen=_LAST_LINES)
        self.terminating = ""
        """What a BEAM that ends while it boots says on stdout, as it came."""
        self.stopped = False
        """Whether a BEAM has said that it ends because of SIGTERM, which it does with 0."""

    def take(self, line: Line) -> None:
        """Note one line."""
        raw = line.content.decode("utf-8", "surrogateescape").rstrip("\r")
        shown = self.redactor.quote(raw, cut=line.cut, limit=None)
        if line.stream == "stdout":
            self._read(line)
            if raw.startswith('{"init terminating in'):
                self.terminating = raw
            if not line.cut and (error := _logged_error(raw)) is not None:
                self.stdout_errors.append(Said(error, self.redactor.quote(error)))
        # Erlang's erl_signal_handler, in whatever form a logger gives it.
        self.stopped = self.stopped or "SIGTERM received - shutting down" in raw
        if not shown.strip():
            return
        if line.stream != "stdout":
            self.stderr.append(Said(raw, shown))
        self._lines += 1
        if self._lines <= _FIRST_LINES:
            self._log(line.stream, shown)
        else:
            self._tail.append((line.stream, shown))

    def _read(self, line: Line) -> None:
        claim = None if line.cut else read_claim(line.content)
        if claim is not None:
            self.claim = claim
            if claim.server_id is not None:
                self._claimed_ids.add(claim.server_id)

    def close(self, dropped: int) -> None:
        """Log the end of a long output, what was left out, and a claim that was not unanimous."""
        omitted = max(0, self._lines - _FIRST_LINES - len(self._tail))
        if omitted:
            self._log("stdout", f"({omitted} lines dropped)")
        for stream, text in self._tail:
            self._log(stream, text)
        if dropped:
            self._log("stdout", f"({dropped} bytes dropped from lines that were too long)")
        if len(self._claimed_ids) > 1:
            self._log(
                "stdout",
                f"({len(self._claimed_ids)} servers were reported; the last one counts: "
                f"{self.claim.server_id})",
            )


def read_claim(content: bytes) -> Claim | None:
    """Return what a line of stdout claims, None where it is no line of the contract.

    The contract's line is one JSON object with the key "mast_bootstrap" at its top: a log line
    that quotes one is another object. It need not be the last: a logger may flush after it. Where
    there are several, the last one counts.
    """
    # Parsing is for the few lines that can be it.
    if b'"mast_bootstrap"' not in content:
        return None
    document = _json_object(content.decode("utf-8", "replace").strip("\0\r\t "))
    version, server = document.get("mast_bootstrap"), document.get("server")
    if type(version) is not int or version != _CONTRACT_VERSION or not isinstance(server, dict):
        return None
    found, key = server.get("id"), document.get("public_key")
    # Not uuid.UUID: it takes braces, underscores and any script's digits for one, and numbers.
    return Claim(
        server_id=found.lower() if isinstance(found, str) and _ID.fullmatch(found) else None,
        public_key=key if isinstance(key, str) else None,
    )


def _logged_error(raw: str) -> str | None:
    """Return the message of a JSON log line of level error: Mast logs so on stdout."""
    document = _json_object(raw)
    level = str(document.get("severity") or document.get("level") or "").lower()
    if level not in ("error", "critical", "alert", "emergency"):
        return None
    message = document.get("message") or document.get("msg")
    return message if isinstance(message, str) else None


def _json_object(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}
