"""The sessions that there are pictures of, and what of them is not the same in each run."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from support.releases import ROOT, build_reference

from pictures import drawing, terminal

IMAGES = ROOT / "docs" / "images"
HOST = ROOT / "tests" / "pictures" / "host.sh"
_SECONDS = 120
"""That a session may take: ten times what it does."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A function of host.sh, and what stands over its picture."""

    name: str
    title: str

    @property
    def picture(self) -> Path:
        """Where its picture is kept."""
        return IMAGES / f"{self.name}.svg"


SESSIONS = (
    Session(name="demo", title="make demo"),
    Session(name="failure", title="a failure, and its remedy"),
)

#: What is drawn by chance, and what stands for it: as long, so that a line is broken where the
#: program broke it.
_BY_CHANCE = {
    r"(?<=mast-agent-demo\.)\w{6}": "x7Kp2Q",
    r"(?<=127\.0\.0\.1:)\d{5}\b": "54321",
    r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b": "5f0c8c1e-6d0b-4e0f-9a57-0c1b7a4d2e10",
    r"(?<=AAAAC3NzaC1lZDI1NTE5AAAAI)[A-Za-z0-9+/]{43}": (
        "GFueWJvZHkncyBwdWJsaWMga2V5LCBidXQgbm9ib2R5"[:43]
    ),
    r"(?<=for at most )\d{3}(?= s)": "110",
}
#: What depends on how quick the machine is: always at the end of a line, which has room.
_TIMES = {
    r"waiting(?: for \d+ s)?(?:, attempt \d+)?, next try (?:now|in \d+ s)": (
        "waiting for 2 s, attempt 2, next try in 1 s"
    ),
    r"(?<=gives up in )\d+ (?:s|min)": "1 min",
    r"(?<= failed )(?:just now|\d+ s ago)": "2 s ago",
    r"(?<= written )(?:just now|\d+ s ago)": "1 s ago",
    r"(?<=confirmed by the database )(?:just now|\d+ s ago)": "just now",
    r"(?<=done), \d+ s(?= *\r)|(?<=\d applied), \d+ s(?= *\r)": "",
}
#: What one run has and another has not, or what tells how long something took here: how far the
#: migrations are each time that somebody looks, and what is said with the first of these.
_LEFT_OUT = re.compile(
    r"^.*waiting: (?!20 )\d+ of \d+ migrations are applied, a migration is running[^\r]*\r\n"
    r"|(?<=a migration is running)\. Wait until[^\r]*"
    r"|^It took \d+ ms\.\r\n",
    re.MULTILINE,
)


def make(session: Session) -> str:
    """Run a session of a release that is built, and return its picture. Needs root."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "log"
        code, written = terminal.run(
            [
                "unshare",
                "--mount",
                "--uts",
                "--net",
                "--",
                *map(str, (HOST, ROOT, log, session.name)),
            ],
            {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
            _SECONDS,
        )
        if code != 0:
            raise RuntimeError(f"exit {code}\n{log.read_text(errors='replace')}\n{written}")
    return drawing.draw(terminal.seen(_same(written)), session.title, session.name)


def _same(written: str) -> str:
    """Return what was written with what every run has the same."""
    written = _LEFT_OUT.sub("", written)
    for pattern, instead in _BY_CHANCE.items():
        for found in re.findall(pattern, written):
            assert len(found) == len(instead), found
        written = re.sub(pattern, instead, written)
    for pattern, instead in _TIMES.items():
        written = re.sub(pattern, instead, written)
    return written


def make_all() -> dict[str, str]:
    """Run all sessions beside each other, and return the pictures by their names. Needs root."""
    build_reference()
    with ThreadPoolExecutor() as pool:
        return dict(zip((each.name for each in SESSIONS), pool.map(make, SESSIONS), strict=True))


def main() -> int:
    """Make all pictures anew."""
    if os.geteuid() != 0:
        print("make pictures needs root: it sets up a small host in namespaces", file=sys.stderr)
        return 1
    pictures = make_all()
    IMAGES.mkdir(exist_ok=True)
    for session in SESSIONS:
        session.picture.write_text(pictures[session.name], encoding="utf-8")
        print(session.picture.relative_to(ROOT))
    return 0
