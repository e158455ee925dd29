"""A wrong password: what the loop of a shell says of it, and what the agent does."""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bench import page, reaction
from bench.page import Chapter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.stage import Stage

_LOOP = "until {until}; do sleep 1; done; exec {mast} eval 'Mast.Bootstrap.self_enroll!'"
_MOST_WORDS = 160


def chapter(stage: Stage) -> Chapter:
    """Run them at the same time, once: it takes as long as it takes."""
    until = reaction.UNTIL_ACCEPTING.format(port=stage.cluster.port)
    mast = stage.reference / "bin" / "mast"
    commands = {
        "`pg_isready`": ("sh", "-c", until.replace(" -q", "")),
        "the loop, and `bin/mast eval` after it": (
            "sh", "-c", _LOOP.format(until=until, mast=mast),
        ),
        "`mast-agent enroll`": (stage.agent, "enroll", "--timeout", "3" if stage.quick else "120"),
    }  # fmt: skip
    given = {
        **stage.new_agent("mast").environment,
        "DATABASE_URL": stage.cluster.url("mast", password="wrong"),
        "RELEASE_DISTRIBUTION": "none",
    }
    with ThreadPoolExecutor() as pool:
        rows = pool.map(lambda name: _row(stage, name, commands[name], given), commands)
    return Chapter(
        title="A wrong password",
        text="Nobody corrects it. To the loop the server is ready, and what fails then is an eval. "
        "The agent waits in case the password is being set, and says what it is.",
        table=page.table(["what", "what it says", "ends after s", "exit code"], rows, texts=2),
    )


def _row(
    stage: Stage, name: str, argv: tuple[str, ...], environment: Mapping[str, str]
) -> list[str]:
    begin = time.monotonic()
    done = subprocess.run(
        argv, env={**os.environ, **environment}, cwd="/", check=False, timeout=180,
        text=True, errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    seconds = time.monotonic() - begin
    # What is indented is where it comes from.
    said = [line for line in done.stdout.splitlines() if line[:1].strip()]
    last = said[-1].replace("|", r"\|").replace(f":{stage.cluster.port}", ":5432") if said else ""
    if len(last) > _MOST_WORDS:
        last = f"{last[:_MOST_WORDS].rpartition(' ')[0]} …"
    return [name, last, f"{seconds:.0f}", str(done.returncode)]
