"""Whether `status` and an enrollment of before take longer where Mast has grown."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from bench import measure, page
from bench.measure import Command
from bench.page import Bar, Chapter
from support.releases import scripted

if TYPE_CHECKING:
    from pathlib import Path

    from bench.stage import Stage

MOST = 1.2
_SIZES = ((20, 1), (200, 1), (2000, 1), (20, 1000), (20, 100_000), (2000, 100_000))
_COMMANDS = ("status", "enroll")
# Migrations before those that the release has had from its beginning.
_MIGRATIONS = """
DELETE FROM schema_migrations;
INSERT INTO schema_migrations SELECT number, now() FROM generate_series(1, {}) AS number
"""
_SERVERS = """
INSERT INTO servers (id, name, host, private_key_id, inserted_at, updated_at)
SELECT gen_random_uuid(), 'host-' || number, '10.' || number / 65536 || '.' ||
    number / 256 % 256 || '.' || number % 256, (SELECT id FROM private_keys LIMIT 1), now(), now()
FROM generate_series(1, {}) AS number
"""


def chapter(stage: Stage) -> Chapter:
    """Measure the smallest and the others in turn."""
    sizes = _SIZES[:1] + _SIZES[3:4] if stage.quick else _SIZES
    commands: dict[str, Command] = {}
    for size in sizes:
        commands |= _grown(stage, *size)
    taken = measure.in_turn(commands, stage.rounds)
    ratios = {
        _name(command, size): measure.ratio(
            taken[_name(command, size)], taken[_name(command, sizes[0])]
        )
        for command, size in itertools.product(_COMMANDS, sizes)
    }
    worst = max(ratios, key=lambda name: ratios[name])
    return Chapter(
        title="Growth",
        text="Both commands find this host's row by the record, among so many servers, and compare "
        "so many migrations. The ratios are to the smallest.",
        table=page.costs(taken, {name: f"{ratio:.2f}" for name, ratio in ratios.items()}),
        bars=[
            Bar(
                what="growth to 2,000 migrations and 100,000 servers",
                bar=f"≤ {MOST} x",
                measured=f"{ratios[worst]:.2f} x ({worst})",
                held=ratios[worst] <= MOST,
            )
        ],
    )


def _name(command: str, size: tuple[int, int]) -> str:
    return f"`{command}`, {size[0]:,} migrations, {size[1]:,} servers"


def _grown(stage: Stage, migrations: int, servers: int) -> dict[str, Command]:
    """Enroll into a database, let it and the release grow, return the commands to measure."""
    database = f"grown_{migrations}_{servers}"
    stage.cluster.sql(f"CREATE DATABASE {database} OWNER mast TEMPLATE mast")
    stage.cluster.sql("DELETE FROM servers", database)
    agent = stage.new_agent(database)
    enroll = (stage.agent, "enroll")
    measure.run(Command(argv=enroll, environment=agent.environment))
    stage.cluster.sql(_MIGRATIONS.format(migrations), database)
    stage.cluster.sql(_SERVERS.format(servers - 1), database)
    stage.cluster.sql("ANALYZE", database)
    executable = _release(stage, stage.directory / f"release-{migrations}-{servers}", migrations)
    given = {**agent.environment, "MAST_BIN": str(executable)}
    return {
        _name(name, (migrations, servers)): Command(argv=(stage.agent, name), environment=given)
        for name in _COMMANDS
    }


def _release(stage: Stage, directory: Path, migrations: int) -> Path:
    """Make a release with so many migrations; it is never run."""
    executable = scripted(directory, "exit 1", stage.reference)
    (linked,) = directory.glob("lib/mast-*/priv/repo/migrations")
    linked.unlink()
    linked.mkdir()
    for number in range(1, migrations + 1):
        (linked / f"{number}_grow.exs").touch()
    return executable
