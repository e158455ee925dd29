"""Runs the reference release's migrations beside a test, as mast.service's preparation does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING

from support.canaries import SECRET_KEY_BASE, VAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def migrating(reference: Path, url: str, sleep: float = 0) -> Iterator[subprocess.Popen[bytes]]:
    """Start `Mast.Release.migrate()`; its 21st migration sleeps that many seconds.

    What still runs at the end of the context is killed.
    """
    process = subprocess.Popen(
        [reference / "bin" / "mast", "eval", "Mast.Release.migrate()"],
        env={
            "PATH": os.environ["PATH"],
            "DATABASE_URL": url,
            "SECRET_KEY_BASE": SECRET_KEY_BASE,
            "MAST_VAULT_KEY": VAULT_KEY,
            "RELEASE_DISTRIBUTION": "none",
            "MAST_REFERENCE_MIGRATION_SLEEP": str(sleep),
        },
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
