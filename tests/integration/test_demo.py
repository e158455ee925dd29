"""`make demo`, without its set-up: scripts/demo, to the end and interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from support.agent import wait_for
from support.canaries import SECRET_KEY_BASE, VAULT_KEY
from support.releases import ROOT

if TYPE_CHECKING:
    from support.postgres import Cluster


def _start(tmp_path: Path, **environment: str) -> subprocess.Popen[bytes]:
    """Start the demo, its output in tmp_path/log and its temporary files in tmp_path/tmp."""
    (tmp_path / "tmp").mkdir()
    with (tmp_path / "log").open("wb") as log:
        return subprocess.Popen(
            [ROOT / "scripts" / "demo"],
            env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path / "tmp"), **environment},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _left_over(directory: Path) -> list[str]:
    """Return the command lines of processes that name the directory."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if str(directory).encode() in line:
            found.append(line.replace(b"\0", b" ").decode(errors="replace"))
    return found


def test_own_mast_and_database(
    tmp_path: Path, cluster: Cluster, empty_database: str, reference: Path
) -> None:
    """With a Mast and a database of the user's it migrates and enrolls there, and cleans up."""
    demo = _start(
        tmp_path,
        MAST_BIN=str(reference / "bin" / "mast"),
        DATABASE_URL=cluster.url(empty_database),
        SECRET_KEY_BASE=SECRET_KEY_BASE,
        MAST_VAULT_KEY=VAULT_KEY,
    )
    code = demo.wait(120)
    log = (tmp_path / "log").read_text()
    assert code == 0, log
    assert cluster.sql("SELECT count(*) FROM servers", empty_database) == "1"
    waits, enrolled, again = (
        log.index(text)
        for text in ("not enrolled yet: waiting", "enrolled: server", "already enrolled")
    )
    assert waits < enrolled < again, log
    assert "canary" not in log
    assert list((tmp_path / "tmp").iterdir()) == []


def test_interrupted(scratch: Path, reference: Path) -> None:
    """An interrupt in the middle ends it, its server and its agent, and leaves no file."""
    assert reference.is_dir()
    directory = scratch / "demo"  # where the user postgres may enter
    directory.mkdir()
    demo = _start(directory)
    try:
        wait_for(lambda: "not enrolled yet: waiting" in (directory / "log").read_text(), 60)
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        code = demo.wait(30)
    assert code == 128 + signal.SIGINT, (directory / "log").read_text()
    assert list((directory / "tmp").iterdir()) == []
    assert _left_over(directory) == []
