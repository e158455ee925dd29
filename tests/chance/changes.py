"""Brings about what is different when a round begins: rows, records, disks, settings."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chance.world import DATABASE, Host, World, small_disk

if TYPE_CHECKING:
    import contextlib
    from collections.abc import Callable

    from chance.scenario import Change, Scenario

WRONG_PASSWORD = "wrong-canary"
"""A password that is wrong, and a secret all the same."""
FOREIGN_ADDRESS = "192.0.2.250"
_SPOILED = (b"", b"{", b"[]\n", b'{"version": 2}', bytes(range(256)), b"x" * 70_000)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Where a change happens; what has to be taken back after the round goes on `taken_back`."""

    world: World
    hosts: list[Host]
    change: Change
    chance: random.Random
    taken_back: contextlib.ExitStack

    @property
    def host(self) -> Host:
        """The host that it is about."""
        return self.hosts[self.change.host]


def make(
    change: Change,
    scenario: Scenario,
    world: World,
    hosts: list[Host],
    taken_back: contextlib.ExitStack,
) -> None:
    """Bring it about."""
    chance = random.Random(f"{scenario.seed}/{scenario.number}/{change}")  # noqa: S311 - again
    scene = Scene(world=world, hosts=hosts, change=change, chance=chance, taken_back=taken_back)
    MAKE[change.kind](scene)


def _copy_record(scene: Scene) -> None:
    source = scene.hosts[-1 - scene.change.host].record
    if source.exists():
        scene.host.plant(source.read_bytes())


def _record_of_another_database(scene: Scene) -> None:
    if not scene.host.record.exists():
        return
    content = scene.host.record.read_bytes()
    try:
        document = json.loads(content)
        document["database"]["system_identifier"] = "1"
    except (ValueError, KeyError, TypeError):
        return
    scene.host.plant(json.dumps(document).encode())


def _full_state_directory(scene: Scene) -> None:
    state = scene.host.agent.state
    scene.taken_back.enter_context(small_disk(state, f"size={scene.chance.choice((4, 8))}k"))
    (state / "filler").write_bytes(bytes(4096))


def _full_runtime_directory(scene: Scene) -> None:
    size = f"size={scene.chance.choice((4, 8, 12))}k"
    scene.taken_back.enter_context(small_disk(scene.host.agent.runtime, size))


def _no_inodes(scene: Scene) -> None:
    inodes = f"nr_inodes={scene.chance.randint(1, 6)}"
    scene.taken_back.enter_context(small_disk(scene.host.agent.runtime, inodes))


def _wrong_setting(scene: Scene) -> None:
    name, value = WRONG[scene.change.what](scene.world, scene.host)
    scene.host.overrides[name] = value


def _namesake(scene: Scene) -> None:
    scene.world.add_row(scene.host.name, FOREIGN_ADDRESS)
    scene.taken_back.callback(scene.world.delete_rows, scene.host.name)


def _reset(scene: Scene) -> None:
    result = scene.host.agent.run("reset")
    if result.code != 0:
        raise AssertionError(f"reset failed: {result}")


MAKE: dict[str, Callable[[Scene], object]] = {
    "delete row": lambda scene: scene.world.delete_rows(scene.host.name),
    "delete all rows": lambda scene: scene.world.delete_rows(*scene.world.rows().values()),
    "restore backup": lambda scene: scene.world.new_database(),
    "lose record": lambda scene: scene.host.record.unlink(missing_ok=True),
    "copy record": _copy_record,
    "record of another database": _record_of_another_database,
    "spoil record": lambda scene: scene.host.plant(scene.chance.choice(_SPOILED)),
    "full state directory": _full_state_directory,
    "full runtime directory": _full_runtime_directory,
    "no inodes in the runtime directory": _no_inodes,
    "wrong setting": _wrong_setting,
    "namesake": _namesake,
    "reset": _reset,
}
"""By kind; the kinds are `scenario.CHANGES`."""

WRONG: dict[str, Callable[[World, Host], tuple[str, str]]] = {
    "password": lambda world, _: (
        "DATABASE_URL",
        world.cluster.url(DATABASE, password=WRONG_PASSWORD),
    ),
    "database": lambda world, _: ("DATABASE_URL", world.cluster.url("no_such_database")),
    "port": lambda *_: ("DATABASE_URL", "ecto://mast:mast-canary@127.0.0.1:1/mast"),
    "malformed URL": lambda world, _: ("DATABASE_URL", f"{world.cluster.url(DATABASE)}?ssl=maybe"),
    "no vault key": lambda *_: ("MAST_VAULT_KEY", ""),
    "short vault key": lambda *_: ("MAST_VAULT_KEY", "d3JvbmctY2FuYXJ5"),
    "no secret": lambda *_: ("SECRET_KEY_BASE", ""),
    "no release": lambda *_: ("MAST_BIN", "/nonexistent/bin/mast"),
    "a directory for a release": lambda _, host: ("MAST_BIN", str(host.agent.state)),
    "no environment file": lambda *_: ("MAST_AGENT_ENV_FILE", "/nonexistent/mast.env"),
    "malformed boolean": lambda *_: ("MAST_AGENT_ACCESS", "perhaps"),
    "malformed port": lambda *_: ("MAST_SELF_PORT", "ssh"),
}
"""By what is wrong, the variable and its value; `scenario.WRONG` has the names."""
