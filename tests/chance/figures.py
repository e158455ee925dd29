"""Keeps the figures of the last run of each tool, with when, on which commit and which machine.

They lie in build/chance, one JSON document for each tool; `page` makes docs/reliability.md of them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.postgres import BINARIES

if TYPE_CHECKING:
    import argparse

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "build" / "chance"


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where they are kept."""
    parser.add_argument("--figures", type=Path, default=KEPT, help="a directory for the figures")


def commit() -> str:
    """Return the commit of the tree, and whether something in it has been changed since."""

    def git(*arguments: str) -> str:
        argv = ["git", "-c", f"safe.directory={ROOT}", *arguments]
        done = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short=12", "HEAD") or "unknown") + (" and changes" * bool(changed))


@dataclass(frozen=True, kw_only=True)
class Start:
    """What has to be noted before a tool begins: the tree and the time."""

    commit: str = field(default_factory=commit)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def keep(self, tool: str, figures: dict[str, Any], directory: Path) -> None:
        """Keep the figures of a tool that has ended now, in the place of those before."""
        directory.mkdir(parents=True, exist_ok=True)
        document = {
            "commit": self.commit,
            "date": f"{self.began:%Y-%m-%d}",
            "minutes": round((datetime.now(UTC) - self.began).total_seconds() / 60, 1),
            "machine": machine(),
            "load": round(os.getloadavg()[2], 1),
            "figures": figures,
        }
        (directory / f"{tool}.json").write_text(json.dumps(document, indent=1), encoding="utf-8")


def machine() -> str:
    """Return what the figures depend on: processors, system, versions; nothing that names it."""
    with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
        models = {line.partition(":")[2].strip() for line in file if line.startswith("model name")}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    return ", ".join([
        f"{os.cpu_count()} cores" + (f" ({', '.join(sorted(models))})" if models else ""),
        f"{memory:.0f} GiB",
        system,
        f"Linux {re.split('[^0-9.]', platform.release())[0]}",
        f"Python {platform.python_version()}",
        f"psycopg {metadata.version('psycopg')}",
        f"PostgreSQL {BINARIES.parent.name if BINARIES else 'missing'}",
    ])  # fmt: skip
