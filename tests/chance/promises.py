"""What has to hold after each round, whatever happened in it. Each returns what does not.

How often each was looked at is counted: a promise that nobody looks at is kept always.
"""

from __future__ import annotations

import collections
import functools
import json
import os
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec

from mast_agent.failures.cause import FINAL_CODES, Code
from support import status_schema
from support.canaries import CANARIES

from chance.changes import WRONG_PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from chance.round import Running
    from chance.world import Host

LATE_SECONDS = 3.0
"""How much longer than its timeout an agent may take, its start included.

What it has waited for a processor comes on top here and below, for that is the machine's doing.
"""
STOP_SECONDS = 7.0
"""How long after SIGTERM it may take: the eval has 3 s to end by itself before it is killed."""
ENROLL_CODES = frozenset(Code) - {Code.BUG, Code.USAGE}
STATUS_CODES = frozenset({0, 1, 3, 4, 5, 6})
LOOKED: collections.Counter[str] = collections.Counter()
"""How often each promise was looked at, by its name here, since somebody has cleared it."""
_P = ParamSpec("_P")


def _counted(promise: Callable[_P, list[str]]) -> Callable[_P, list[str]]:
    @functools.wraps(promise)
    def looked(*args: _P.args, **kwargs: _P.kwargs) -> list[str]:
        LOOKED[promise.__name__] += 1
        return promise(*args, **kwargs)

    return looked


_SECRETS = [secret.encode() for secret in (*CANARIES, WRONG_PASSWORD)]


@_counted
def no_secret(where: str, content: bytes) -> list[str]:
    """No secret is in what can be seen or is kept."""
    return [f"a secret is in {where}" for secret in _SECRETS if secret in content]


def no_secret_kept(directory: Path) -> list[str]:
    """No secret is in any file of a host's."""
    found = []
    # Files and directories come and go meanwhile, which os.walk does not mind.
    for place, _, names in os.walk(directory):
        for name in names:
            path = Path(place, name)
            try:
                if stat.S_ISREG(path.lstat().st_mode):
                    found += no_secret(name, path.read_bytes())
            except OSError:
                continue
    return found


@_counted
def ended_well(running: Running) -> list[str]:
    """It ended with a code of the table, or by a signal that it was sent, and in time."""
    found = no_secret("the output", running.output.encode(errors="replace"))
    code, ended = running.process.returncode, running.ended or 0.0
    if code not in {*ENROLL_CODES, *(-signum for signum in running.sent)}:
        found.append(f"exit code {code}")
    if "Traceback" in running.output:
        found.append("a traceback")
    took = ended - running.began
    if took > running.timeout + LATE_SECONDS + running.held_up:
        found.append(
            f"it took {took:.1f} s, had {running.timeout:.0f}, and was held up for "
            f"{running.held_up:.1f}"
        )
    if running.stopped_at is not None and signal.SIGKILL not in running.sent:
        took = ended - running.stopped_at
        if took > STOP_SECONDS + running.held_up:
            found.append(f"it took {took:.1f} s to be stopped")
    return found


@_counted
def gave_up_rightly(running: Running, *, lasting: bool) -> list[str]:
    """It ended with a code that systemd does not retry only for what does not pass by itself."""
    code = running.process.returncode
    return [f"final code {code} for what passes"] if code in FINAL_CODES and not lasting else []


@_counted
def answered_well(running: Running) -> list[str]:
    """A `status` answered in time, with one JSON document and a code of its table."""
    found = no_secret("the status", running.output.encode(errors="replace"))
    code, took = running.process.returncode, (running.ended or 0.0) - running.began
    if code not in STATUS_CODES:
        found.append(f"exit code {code} of status")
    if took > running.timeout + LATE_SECONDS + running.held_up:
        found.append(f"status took {took:.1f} s")
    try:
        document = json.loads(running.output)
    except ValueError:
        return [*found, "status printed no JSON"]
    if document["code"] != code:
        found.append(f"status says {document['code']} and ends with {code}")
    try:
        status_schema.check(document)
    except AssertionError as wrong:
        found.append(f"status is not as its schema says: {wrong}")
    return found


@_counted
def one_row_each(rows: dict[str, str], hosts: list[Host], foreign: set[str]) -> list[str]:
    """There are rows of the hosts, one for each at most, and those that were there before."""
    names = list(rows.values())
    known = {host.name for host in hosts} | foreign
    found = [f"a row of nobody's: {name}" for name in names if name not in known]
    return found + [f"two rows of {name}" for name in known if names.count(name) > 1]


def recorded_row(host: Host, seen: dict[str, str], rows: dict[str, str] | None) -> list[str]:
    """A record is whole, and names a row of this host that there was.

    `rows` are those that there have to be, None where rows may have gone.
    """
    try:
        content = host.record.read_bytes()
    except OSError:
        return []
    if content == host.planted:
        return []
    LOOKED["recorded_row"] += 1
    try:
        server = json.loads(content)["server"]
        server_id, name = server["id"], server["name"]
    except (ValueError, KeyError, TypeError):
        return [f"a record that is none: {content[:80]!r}"]
    if server_id not in seen:
        return [f"a record of a row that never was: {server_id}"]
    if seen[server_id] != host.name or name != host.name:
        return [f"{host.name} has the record of {seen[server_id]}"]
    if rows is not None and server_id not in rows:
        return [f"a record of a row that is not there: {server_id}"]
    return []


@_counted
def has_row(host: Host, rows: dict[str, str]) -> list[str]:
    """A host that is enrolled has a row."""
    return [] if host.name in rows.values() else [f"enrolled, and it has no row: {rows}"]


@_counted
def nothing_left(processes: list[int]) -> list[str]:
    """No process of an agent's is there after its end."""
    return [f"orphans: {processes}"] if processes else []
