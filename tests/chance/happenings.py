"""Brings about what happens while agents are at work: signals, a server that has its moods."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from chance import processes
from chance.world import DATABASE

if TYPE_CHECKING:
    from collections.abc import Callable

    from chance.round import Running
    from chance.scenario import Happening
    from chance.world import Host, World

    End = Callable[[], object]

JUMP_SECONDS = 400 * 24 * 3600


def to_process(kind: str, running: Running) -> bool:
    """Send a signal to an agent or its eval; tell whether there was somebody to get it."""
    signum = signal.SIGTERM if kind.startswith("TERM") else signal.SIGKILL
    pid = running.process.pid
    if "of the eval" in kind:
        family = processes.marked(running.mark)
        leader = next((each for each in family if processes.parent(each) == pid), None)
        if leader is None:
            return False
        pid = leader
    elif running.process.poll() is not None:
        return False
    else:
        running.note(signum)
    with contextlib.suppress(ProcessLookupError):
        if "group" in kind:
            os.killpg(pid, signum)
        else:
            os.kill(pid, signum)
        return True
    return False


def to_server(happening: Happening, world: World, host: Host) -> End:
    """Let it happen to the server, or to the host's clock; return what ends it."""
    return MAKE[happening.kind](happening, world, host) or _nothing


def _nothing() -> None:
    """End what is over."""


def _crash(_happening: Happening, world: World, _host: Host) -> None:
    world.cluster.stop("immediate")
    world.cluster.start()


def _down(_happening: Happening, world: World, _host: Host) -> End:
    world.cluster.stop("fast")
    return world.cluster.start


def _pause(happening: Happening, world: World, _host: Host) -> End:
    world.pause(postmaster_alone=happening.kind != "pause")
    return world.resume


def _cut(_happening: Happening, world: World, _host: Host) -> None:
    world.cluster.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mast'"
    )


def _lock(happening: Happening, world: World, _host: Host) -> End:
    table = "servers" if happening.kind == "lock servers" else "schema_migrations"
    # The transaction ends with what it sleeps for.
    return world.in_background(
        f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({happening.seconds:.2f})"
    ).wait


def _unmigrated(_happening: Happening, world: World, _host: Host) -> End:
    version = world.cluster.sql(
        "DELETE FROM schema_migrations WHERE version = "
        "(SELECT max(version) FROM schema_migrations) RETURNING version",
        DATABASE,
    )
    statement = f"INSERT INTO schema_migrations VALUES ({int(version)}, now())"  # noqa: S608
    return lambda: world.cluster.sql(statement, DATABASE)


def _crowded(_happening: Happening, world: World, _host: Host) -> End:
    world.cluster.sql("ALTER ROLE mast CONNECTION LIMIT 0")
    return lambda: world.cluster.sql("ALTER ROLE mast CONNECTION LIMIT -1")


def _clock(happening: Happening, _world: World, host: Host) -> End:
    clock = host.clock
    if clock is None:
        return _nothing
    clock.jump(JUMP_SECONDS if happening.after > 1 else -JUMP_SECONDS)
    return lambda: clock.jump(0)


MAKE: dict[str, Callable[[Happening, World, Host], End | None]] = {
    "restart": lambda _, world, __: world.cluster.restart(),
    "crash": _crash,
    "down": _down,
    "pause": _pause,
    "pause of the postmaster": _pause,
    "cut": _cut,
    "lock servers": _lock,
    "lock migrations": _lock,
    "unmigrated": _unmigrated,
    "crowded": _crowded,
    "delete row meanwhile": lambda _, world, host: world.delete_rows(host.name),
    "clock": _clock,
}
