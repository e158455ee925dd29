"""One look at Mast's database for `status`, as the user that the service has.

Root does not ask itself: a child process becomes the service's user for good, asks, and hands back
what it saw through a pipe. This process stays root, and may still read the record a minute later.
It is a child, and not a set of descriptors that were opened before, because a dynamic user's
directory on disk may belong to somebody else (docs/decisions.md).
"""

from __future__ import annotations

import json
import os
import select
import signal
import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from mast_agent.config import service_user
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.host import bond
from mast_agent.host.deadline import Deadline
from mast_agent.postgres.snapshot import Identity, Server, Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mast_agent.config.service_user import ServiceUser
    from mast_agent.postgres.parameters import ConnectionParameters
    from mast_agent.postgres.sought import Sought

MAX_BYTES = 1 << 24
"""What is taken of a child's answer; a fleet has some hundred bytes for each server."""
_ANSWER_SECONDS = 0.2
"""What is left of the deadline for a child to say that its own, shorter one has passed."""


def look(
    parameters: ConnectionParameters,
    deadline: Deadline,
    user: ServiceUser | None = None,
    known: Mapping[str, str] | None = None,
    sought: Sought | None = None,
) -> tuple[Snapshot | None, Failure | None]:
    """Ask the database once, as `user` where there is one, and return what came of it.

    `known` is what there is to know for a remedy, and `sought` which servers are asked for.
    """
    # In the parent too: the child may not be allowed to read the files of its own program.
    from mast_agent.postgres import database, session  # noqa: F401, PLC0415 - psycopg costs 0.2 s

    try:
        if user is None:
            return _ask(parameters, deadline, sought), None
        question = _Question(parameters, sought, known or {})
        return _decode(_by_child(question, deadline, user)), None
    except Failure as failure:
        return None, failure.knowing(known or {})


def _ask(parameters: ConnectionParameters, deadline: Deadline, sought: Sought | None) -> Snapshot:
    """Raise Failure when it does not answer in full."""
    import asyncio  # noqa: PLC0415 - psycopg brings it

    from mast_agent.postgres import database  # noqa: PLC0415 - as above
    from mast_agent.postgres.session import open_session  # noqa: PLC0415 - as above

    async def ask() -> Snapshot:
        async with open_session(parameters, deadline) as session:
            snapshot = await database.look(session, sought)
        if snapshot.servers_locked:
            # Whether this host is in it cannot be told, which is not the same as that it is not.
            database.require_servers(snapshot)
        return snapshot

    return asyncio.run(ask())


class _Question(NamedTuple):
    parameters: ConnectionParameters
    sought: Sought | None
    known: Mapping[str, str]


def _by_child(question: _Question, deadline: Deadline, user: ServiceUser) -> bytes:
    """Return what a child that is `user` answers. Raises Failure when it does not."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    bind = bond.until_death()
    with warnings.catch_warnings():
        # GLib's threads are none that the child would wait for: it never speaks to the bus.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        # Nothing of the parent's is to run here: no handler, no `finally`, no flush at the end.
        try:
            os.close(reading)
            own = Deadline(max(0.0, deadline.remaining() - _ANSWER_SECONDS))
            answer = _answer(question, own, user, bind)
            while answer:
                answer = answer[os.write(writing, answer) :]
        finally:
            os._exit(0)
    os.close(writing)
    try:
        content = _read(reading, deadline)
    finally:
        os.close(reading)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    if not content:
        raise Failure(
            causes.TIMED_OUT,
            f"the server at {question.parameters.place} does not answer",
            cut_short=True,
        )
    return content


def _read(reading: int, deadline: Deadline) -> bytes:
    """Read to the end, or "" where that does not come in time or is too far."""
    content = bytearray()
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    while len(content) <= MAX_BYTES and poll.poll(deadline.remaining() * 1000):
        chunk = os.read(reading, 65536)
        if not chunk:
            return bytes(content)
        content += chunk
    return b""


def _answer(
    question: _Question, deadline: Deadline, user: ServiceUser, bind: Callable[[], None]
) -> bytes:
    parameters, sought, known = question
    try:
        service_user.become(user)
        bind()  # after that: the kernel ends such a bond where the user changes
        document: dict[str, Any] = {"snapshot": _document(_ask(parameters, deadline, sought))}
    except Failure as failure:
        told = failure.knowing({**known, "os_user": user.name})
        document = {
            "failure": {
                "cause": told.cause.slug,
                "message": told.message,
                "remedy": told.remedy,
                "code": int(told.code),
                "progress": told.progress,
                "cut_short": told.cut_short,
            }
        }
    except Exception as error:  # noqa: BLE001 - the parent reports it as the bug that it is
        document = {"bug": f"{type(error).__name__}: {parameters.redactor.quote(str(error))}"}
    return json.dumps(document).encode()


def _document(snapshot: Snapshot) -> dict[str, Any]:
    applied = snapshot.applied
    return {**asdict(snapshot), "applied": None if applied is None else sorted(applied)}


def _decode(content: bytes) -> Snapshot:
    """Return the snapshot in a child's answer. Raises Failure where that is what it says."""
    document = json.loads(content)
    if (bug := document.get("bug")) is not None:
        raise RuntimeError(f"asking the database: {bug}")
    if (told := document.get("failure")) is not None:
        raise Failure(
            causes.CAUSES[told["cause"]],
            str(told["message"]),
            remedy=str(told["remedy"]),
            code=Code(told["code"]),
            progress=str(told["progress"]),
            cut_short=bool(told["cut_short"]),
        )
    seen = document["snapshot"]
    applied, servers = seen["applied"], seen["servers"]
    return Snapshot(
        **{
            **seen,
            "identity": Identity(**seen["identity"]),
            "applied": None if applied is None else frozenset(applied),
            "servers": None if servers is None else tuple(Server(**each) for each in servers),
        }
    )
