"""The record of a finished enrollment: a cache, which saves work and proves nothing.

It binds the row's id to this machine and to this database. On another machine (a clone) or for
another database it means nothing.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mast_agent.host import storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mast_agent.postgres.snapshot import Identity

FILE_NAME = "enrollment.json"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Key:
    """The key with which Mast logs in here: its id in Mast, and its public half as reported.

    `public` is None where Mast was asked and said nothing of it.
    """

    id: str | None
    public: str | None


@dataclass(frozen=True, kw_only=True)
class Record:
    """Which row this machine had, in which database, and since when (UTC, ISO 8601).

    `key` is None where Mast has not been asked for its key; `vault` is `needs.vault_digest`'s of
    the MAST_VAULT_KEY with which it was enrolled; `hostname` is what the machine was called when
    it got the row, None in a record from before that was noted.
    """

    server_id: str
    server_name: str
    machine: str | None
    database: Identity
    enrolled_at: str
    key: Key | None = None
    vault: str | None = None
    hostname: str | None = None

    def is_about(self, machine: str | None, database: Identity) -> bool:
        """Tell whether it was written on this machine, about this database."""
        return (
            machine is not None
            and self.machine == machine
            and self.database.system_identifier is not None
            and self.database == database
        )


def now() -> str:
    """Return the time, UTC, in ISO 8601."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def load(directory: Path) -> Record | None:
    """Return the record in `directory`, None when there is none.

    Raises storage.UnusableError for one that is damaged, foreign or of a later version, and
    OSError for one that cannot be read.
    """
    document = storage.read(directory / FILE_NAME)
    return None if document is None else _parse(document)


def save(directory: Path, record: Record) -> None:
    """Write it durably, readable for its owner alone. Raises OSError."""
    document = {
        "version": VERSION,
        "server": {"id": record.server_id, "name": record.server_name},
        "machine": record.machine,
        "database": {
            "system_identifier": record.database.system_identifier,
            "name": record.database.name,
        },
        "enrolled_at": record.enrolled_at,
        "key": record.key and {"id": record.key.id, "public": record.key.public},
        "vault": record.vault,
        "hostname": record.hostname,
    }
    storage.write(directory / FILE_NAME, document, mode=0o600, durable=True)


def load_or_report(directory: Path, problem: Callable[[str], None]) -> Record | None:
    """Return the record; one that cannot be used is set aside and counts as absent.

    `problem` is told what was wrong.
    """
    try:
        return load(directory)
    except storage.UnusableError as error:
        aside = storage.set_aside(directory / FILE_NAME)
        where = f"set aside as {aside}" if aside else "left where it is"
        problem(f"the record is {error}: {where}, the database decides")
    except OSError as error:
        problem(f"the record cannot be read: {error.strerror}; the database decides")
    return None


def save_changed(
    directory: Path, new: Record, old: Record | None, problem: Callable[[str], None]
) -> Record | None:
    """Write `new` unless `old` says the same, and return what is recorded now.

    `problem` is told why it could not be written: an enrollment stands without a record.
    """
    if old is not None and replace(old, enrolled_at=new.enrolled_at) == new:
        return old
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        save(directory, new)
    except OSError as error:
        problem(
            f"the record cannot be written: {error.strerror}; "
            "the enrollment stands, and the next run looks in the database"
        )
        return old
    return new


def _parse(document: dict[str, Any]) -> Record:
    if document.get("version") != VERSION:
        raise storage.UnusableError("of another version")
    from mast_agent.postgres.snapshot import Identity  # noqa: PLC0415 - most who ask have no right to read it

    try:
        record = Record(
            server_id=document["server"]["id"],
            server_name=document["server"]["name"],
            machine=document["machine"],
            database=Identity(
                system_identifier=document["database"]["system_identifier"],
                name=document["database"]["name"],
            ),
            enrolled_at=document["enrolled_at"],
            key=_key(document.get("key")),
            vault=document.get("vault"),
            hostname=document.get("hostname"),
        )
    except (KeyError, TypeError) as error:
        raise storage.UnusableError("incomplete") from error
    texts = (record.server_id, record.server_name, record.database.name, record.enrolled_at)
    optional = [record.machine, record.database.system_identifier, record.vault, record.hostname]
    if record.key is not None:
        optional += [record.key.id, record.key.public]
    if not all(isinstance(text, str) for text in texts) or not all(
        isinstance(text, str | None) for text in optional
    ):
        raise storage.UnusableError("of the wrong types")
    return record


def _key(document: dict[str, Any] | None) -> Key | None:
    """Return the key in a record; one that was written before there were any has none."""
    return None if document is None else Key(id=document["id"], public=document["public"])
