"""What this host does to be managed: as whom Mast logs in, with which key, and whether it can.

`look` only reads, and needs no right to do so. `admission` installs Mast's key, and `closing`
removes it. Mast's side, the private key and the row, stays in Elixir.
"""

from __future__ import annotations

import pwd
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mast_agent.access import authorized_keys, revocation, sshd
from mast_agent.config import login as self_login
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import identity, storage, units
from mast_agent.report import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mast_agent.access.revocation import Revocation
    from mast_agent.config.settings import Settings
    from mast_agent.host.units import Unit
    from mast_agent.report.record import Record

DEFAULT_HOST, DEFAULT_PORT, DEFAULT_USER = "127.0.0.1", 22, "mast-managed"
_VARIABLES = ("MAST_SELF_HOST", "MAST_SELF_PORT", "MAST_SELF_USER")

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_DIGITS = 5


@dataclass(frozen=True, kw_only=True)
class Login:
    """How Mast.Bootstrap has Mast log in: MAST_SELF_HOST, MAST_SELF_PORT, MAST_SELF_USER."""

    host: str
    port: int
    user: str


@dataclass(frozen=True, kw_only=True)
class Access:
    """What could be seen of it. `problems` are what keeps Mast out, the first one first.

    `key` is "installed", "absent", "outdated", "unreadable" or "foreign"; `key_at` is since when,
    in seconds of the wall clock; `listening` is None where that cannot be told. `revoked` is the
    mark of `access --revoke`.
    """

    login: Login
    user_exists: bool
    key: str
    listening: bool | None
    problems: tuple[Failure, ...]
    revoked: Revocation | None = None
    key_at: float | None = None

    @property
    def failure(self) -> Failure | None:
        """What keeps Mast out, None for nothing that could be seen."""
        return self.problems[0] if self.problems else None


def variables(mast: Mapping[str, str]) -> dict[str, str]:
    """Return those of the variables that say how Mast logs in which are set."""
    return {name: mast[name] for name in _VARIABLES if mast.get(name)}


def login(mast: Mapping[str, str]) -> Login:
    """Return how Mast logs in. Raises Failure (78) for a name that no account should have."""
    user = mast.get("MAST_SELF_USER") or DEFAULT_USER
    if not _USER.fullmatch(user):
        raise Failure(causes.ACCESS_USER_MALFORMED, "MAST_SELF_USER is not the name of a user")
    port = mast.get("MAST_SELF_PORT") or str(DEFAULT_PORT)
    return Login(
        host=mast.get("MAST_SELF_HOST") or DEFAULT_HOST,
        # What is no port is Mast.Bootstrap's to refuse; nothing listens on 0.
        port=int(port) if port.isascii() and port.isdecimal() and len(port) <= _DIGITS else 0,
        user=user,
    )


def foreign(error: authorized_keys.ForeignPathError) -> Failure:
    """Return the Failure (78) for what stands in the way of a key."""
    return Failure(causes.ACCESS_PATH_FOREIGN, str(error), known={"path": str(error.path)})


def denied(directory: Path, error: OSError) -> Failure:
    """Return the Failure (77) for a directory of keys that may not be changed."""
    return Failure(causes.ACCESS_DENIED, f"{directory} cannot be changed: {error.strerror}")


def require_user(user: str) -> None:
    """Raise Failure (78) unless the account is there, and is not root."""
    try:
        account = pwd.getpwnam(user)
    except KeyError:
        own = f"Create it, or take MAST_SELF_USER={user} out for {DEFAULT_USER}"
        raise Failure(
            causes.ACCESS_USER_MISSING,
            f"the user {user}, as whom Mast logs in, does not exist",
            remedy=None if user == DEFAULT_USER else own,
        ) from None
    if account.pw_uid == 0:
        raise Failure(causes.ACCESS_USER_MALFORMED, f"MAST_SELF_USER is {user}, which is root")


def recorded_here(directory: Path) -> Record:
    """Return the record of this machine. What was copied from another says nothing here."""
    try:
        found = record.load(directory)
    except storage.UnusableError as error:
        raise Failure(
            causes.ACCESS_RECORD_UNUSABLE, f"the record {directory / record.FILE_NAME} is {error}"
        ) from error
    except OSError as error:
        raise Failure(
            causes.ACCESS_DENIED, f"the record in {directory} cannot be read: {error.strerror}"
        ) from error
    if found is None or found.machine != identity.machine_id():
        raise Failure(causes.ACCESS_NOT_ENROLLED, "this host has no record of an enrollment")
    return found


def reported_key(recorded: Record) -> str:
    """Return the key in a record. Raises Failure: 70 there is none, 78 it is none of ours."""
    if recorded.key is None or recorded.key.public is None:
        raise Failure(
            causes.ACCESS_KEY_UNKNOWN,
            f"Mast has not told its public key for the server {recorded.server_name!r}",
        )
    from mast_agent.access import public_key  # noqa: PLC0415 - for those who may read the record

    try:
        return public_key.parse(recorded.key.public)
    except public_key.InvalidKeyError as error:
        raise Failure(
            causes.ACCESS_KEY_INVALID, f"the public key that Mast reported is refused: {error}"
        ) from error


def look(
    config: Settings, recorded: Record | None, told: Mapping[str, str] | None = None
) -> Access:
    """See whether Mast can log in. Never fails: what cannot be seen is not held against it.

    `recorded` is None where this user may not read it: then the key's content is not compared.
    `told` are the variables that the agent has published, for whoever does not have them.
    """
    problems = []
    mast = {**(told or {}), **variables(config.mast)}
    try:
        who = login(mast)
        require_user(who.user)
    except Failure as error:
        problems.append(error)
        who = login({**mast, "MAST_SELF_USER": DEFAULT_USER})
    user_exists = not problems
    try:
        self_login.require_usable(mast)
    except Failure as error:
        problems.append(error)
    key, problem = _look_at_key(config.access_directory, who.user, recorded)
    if problem is not None:
        problems.append(problem)
    listening = sshd.listens(who.host, who.port)
    if listening is False:
        silent = f"nothing listens at {who.host}:{who.port}, where Mast logs in"
        problems.append(Failure(causes.SSHD_SILENT, silent))
    return Access(
        login=who,
        user_exists=user_exists,
        key=key,
        listening=listening,
        problems=tuple(problems),
        revoked=revocation.seen(config.access_directory),
        key_at=authorized_keys.installed_at(config.access_directory, who.user),
    )


def wanted(config: Settings, unit: Unit | None) -> bool | None:
    """Tell whether Mast is to be able to log in here; None where systemd does not tell.

    It is when the agent has been told so, or when the unit is there and has been enabled; and not
    where it was revoked by hand.
    """
    if revocation.seen(config.access_directory) is not None:
        return False
    if config.access:
        return True
    if unit is None:
        return None
    return unit.load_state == "loaded" and units.AGENT in unit.wanted_by


def _look_at_key(directory: Path, user: str, recorded: Record | None) -> tuple[str, Failure | None]:
    try:
        installed = authorized_keys.read(directory, user)
    except authorized_keys.ForeignPathError as error:
        return "foreign", foreign(error)
    except OSError:
        return "unreadable", None
    try:
        expected = reported_key(recorded) if recorded is not None else None
    except Failure as unknown:
        # One that was installed earlier may still be right.
        return ("absent", unknown) if installed is None else ("installed", None)
    if installed is None:
        return "absent", Failure(
            causes.ACCESS_KEY_ABSENT, f"no key of Mast's is installed for the user {user}"
        )
    if expected is not None and f" {expected}\n" not in installed:
        return "outdated", Failure(
            causes.ACCESS_KEY_OUTDATED,
            f"the key that is installed for the user {user} is not the one that Mast has",
        )
    return "installed", None
