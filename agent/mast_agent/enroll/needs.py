"""Decides what a host that has its row still needs an eval for. Pure functions.

For an enrolled host no BEAM is started, except where the agent cannot know Mast's key without one,
where the row differs from MAST_SELF_*, and where MAST_VAULT_KEY has changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.config import login
from mast_agent.host import identity

if TYPE_CHECKING:
    from mast_agent.config.login import Wanted
    from mast_agent.postgres.snapshot import Server
    from mast_agent.report.record import Key, Record

VAULT_KEY = "MAST_VAULT_KEY"
_DIGEST_CHARACTERS = 16


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What the eval is for. `key` is whether Mast's public key is wanted and not known."""

    key: bool
    differences: tuple[str, ...]
    vault: bool

    def __bool__(self) -> bool:
        """Tell whether there is any."""
        return self.key or self.vault or bool(self.differences)

    def __str__(self) -> str:
        """Say what they are where they were not met, each in a clause."""
        told = ["Mast's public key could not be learned"] if self.key else []
        told += [f"the row still has {each}" for each in self.differences]
        if self.vault:
            told.append(f"{VAULT_KEY} is another than when this host was last enrolled")
        return "; ".join(told)


NONE = Needs(key=False, differences=(), vault=False)


def of(
    row: Server, recorded: Record | None, want: Wanted, *, access: bool, vault: str | None
) -> Needs:
    """Return what `row` needs. `recorded` is the record, if it is about this machine and database.

    `access` says whether Mast is to log in here; `vault` is `vault_digest`'s for this row.
    """
    mine = recorded if recorded is not None and recorded.server_id == row.id else None
    return Needs(
        key=access and key(row, mine) is None,
        differences=tuple(differences(row, want)),
        vault=mine is not None and mine.vault is not None and mine.vault != vault,
    )


def differences(server: Server, want: Wanted) -> list[str]:
    """Say in which of its columns the row of this host has not what is set; empty for none.

    Two loopback addresses are one, unless Mast cannot reach the one that the row has. A column
    that this Mast does not have is none that differs.
    """
    found = []
    if want.host and server.host and not _same_host(server.host, want.host):
        found.append(f"host {server.host} where {login.HOST} is {want.host}")
    if want.port and server.port and server.port != want.port:
        found.append(f"port {server.port} where {login.PORT} is {want.port}")
    if want.user and server.user and server.user != want.user:
        found.append(f"user {server.user} where {login.USER} is {want.user}")
    return found


def _same_host(has: str, wants: str) -> bool:
    if identity.same(has, wants):
        return True
    return identity.is_loopback(has) and identity.is_loopback(wants) and not login.is_ipv6(has)


def key(row: Server, recorded: Record | None) -> Key | None:
    """Return what the record has of the key of this row, None for nothing or another key."""
    if recorded is None or recorded.server_id != row.id or recorded.key is None:
        return None
    return recorded.key if recorded.key.id == row.key_id else None


def vault_digest(vault_key: str | None, server_id: str) -> str | None:
    """Return what tells one MAST_VAULT_KEY from another for this row, and does not tell the key.

    Half of a digest of 32 random bytes and the row's id, which is random too.
    """
    if not vault_key:
        return None
    digest = hashlib.sha256(f"mast-agent vault {server_id} {vault_key}".encode())
    return digest.hexdigest()[:_DIGEST_CHARACTERS]
