"""What was seen in Mast's database: plain values, which cost nothing to import."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Which database this is: the cluster's pg_control_system() and the name in it."""

    system_identifier: str | None
    name: str


@dataclass(frozen=True, kw_only=True)
class Server:
    """A row of Mast's `servers`: who, and how Mast logs in there.

    `key_id` is the key that it logs in with. `host`, `user` and `port` are None where this Mast
    has no such column. `tells_contact` says that it notes when it has reached a server, and
    `seen_seconds` how long ago that was, by the database's clock; None for never.
    """

    id: str
    name: str
    host: str | None
    key_id: str | None = None
    user: str | None = None
    port: int | None = None
    tells_contact: bool = False
    seen_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What one look saw.

    `applied` is None where schema_migrations does not exist, `servers` where that table does
    not. `migrating` says that a migration's lock is held; `servers_locked` that a migration at
    work on the table kept it from being read, so that `servers` is not known.
    """

    identity: Identity
    applied: frozenset[int] | None
    migrating: bool
    servers: tuple[Server, ...] | None
    servers_locked: bool = False
