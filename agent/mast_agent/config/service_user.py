"""The user that the service runs as, and how root becomes that user for good.

On a socket PostgreSQL identifies a client by its user (peer), and files have modes, so that root
may see something else than the service does. So root reads what only root may read, and then
becomes the service's user for the rest of the process. Any other user stays the same.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host import storage, units

if TYPE_CHECKING:
    from pathlib import Path

    from mast_agent.config.settings import Settings
    from mast_agent.host.units import Unit

_DYNAMIC = range(61184, 65520)
"""The ids that systemd gives to dynamic users: https://systemd.io/UIDS-GIDS."""
_NOBODY = 65534
"""To whom a dynamic user's directory belongs on disk, where its mount maps the ids."""


@dataclass(frozen=True, kw_only=True)
class ServiceUser:
    """An account, as passwd(5) has it, with the groups of its unit.

    `groups` are the supplementary ones; `origin` says how it became known to be the service's.
    """

    name: str
    uid: int
    gid: int
    groups: frozenset[int]
    home: str
    origin: str

    @property
    def is_dynamic(self) -> bool:
        """Tell whether systemd made it up, for as long as a unit runs."""
        return self.uid in _DYNAMIC


def find(config: Settings, unit: Unit | None) -> ServiceUser | None:
    """Return the user to become; None where this process is to stay who it is.

    That is the one that was named (`--user`); else the agent's unit's, dynamic ones through
    NSS (nss-systemd); else the owner of the state directory. `unit` is None where systemd was
    not asked or does not tell. Raises Failure (78) when there is no such user now.
    """
    if os.geteuid() != 0:
        return None
    if config.user is not None:
        return _named(config.user, "as told by --user or MAST_AGENT_USER", None)
    if unit is not None and unit.load_state == "loaded":
        return _named(unit.user or "root", f"the user of {unit.name}", unit)
    return _owner(config.state_directory)


def ask(config: Settings) -> ServiceUser | None:
    """Find the user, asking systemd only where that counts. Raises Failure as `find` does."""
    if os.geteuid() != 0:
        return None
    unit = None
    # sd_booted(3): where systemd is not the init, there are no units to ask for.
    if config.user is None and os.path.isdir("/run/systemd/system"):  # noqa: PTH112 - quicker
        unit = units.query(units.AGENT).get(units.AGENT)
    return find(config, unit)


def as_user(config: Settings, user: ServiceUser) -> Settings:
    """Return the settings as they are in the user's own environment.

    USER is the role where DATABASE_URL names none. One of the environment file's counts.
    """
    if config.mast.get("USER") != os.environ.get("USER"):
        return config
    return replace(config, mast={**config.mast, "USER": user.name})


def become(user: ServiceUser) -> None:
    """Be the user from now on, with no way back. Raises Failure (77)."""
    try:
        os.setgroups(sorted(user.groups))
        os.setresgid(user.gid, user.gid, user.gid)
        os.setresuid(user.uid, user.uid, user.uid)
    except OSError as error:
        raise Failure(
            causes.SERVICE_USER_DENIED,
            f"this root may not become {user.name}, {user.origin}: {error.strerror}",
        ) from error
    _verify(user)
    for name in [name for name in os.environ if name.startswith(("XDG_", "SUDO_"))]:
        del os.environ[name]
    # What libraries look for in a home directory is not to be looked for in root's.
    os.environ.update(HOME=user.home, USER=user.name, LOGNAME=user.name)


def _verify(user: ServiceUser) -> None:
    """Make sure that nothing of root is left: RuntimeError, which is a bug, if it is."""
    if (
        os.getresuid() != (user.uid,) * 3
        or os.getresgid() != (user.gid,) * 3
        or set(os.getgroups()) != user.groups
    ):
        raise RuntimeError("the process did not become the service's user")
    for attempt in (os.setuid, os.setgid):
        with contextlib.suppress(PermissionError):
            attempt(0)
            raise RuntimeError("the process could become root again")


def enter(config: Settings) -> Settings:
    """Become the service's user for all that an enrollment does, and return its settings.

    What systemd would do before it starts the unit is done here: directories that are missing are
    made for the user, so that nothing of root's is in the unit's way. Raises Failure: 78 where
    there is no such user now, 77 where it cannot be become or may not use the directories.
    """
    user = ask(config)
    if user is None:
        return config
    if user.is_dynamic:
        # Its directories lie behind others of root's, and may be somebody else's on disk.
        raise Failure(
            causes.SERVICE_USER_DYNAMIC,
            f"{user.name}, {user.origin}, is a dynamic user, whom systemd gives directories of "
            "his own in the unit alone",
        )
    config = as_user(config, user)
    try:
        storage.make_for(config.state_directory, user.uid, user.gid, mode=0o700)
        storage.make_for(config.runtime_directory, user.uid, user.gid, mode=0o755)
    except OSError as error:
        raise Failure(
            causes.unless_full(causes.DIRECTORY_DENIED, error),
            f"{error.filename} cannot be made: {error.strerror}",
        ) from error
    become(user)
    _require_own(config)
    return config


def _require_own(config: Settings) -> None:
    """See that the user, who this process is now, may use the directories. Raises Failure (77)."""
    for path in (config.state_directory, config.runtime_directory):
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            name = pwd.getpwuid(os.geteuid()).pw_name
            raise Failure(
                causes.DIRECTORY_DENIED,
                f"the service's user {name} may not use {path}",
                remedy="Give it to him, if it is the agent's: "
                + shlex.join(["chown", "-R", f"{name}:", str(path)]),
            )


def _named(name: str, origin: str, unit: Unit | None) -> ServiceUser | None:
    try:
        found = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
    except (KeyError, OverflowError):
        if unit is not None and unit.dynamic_user:
            raise Failure(
                causes.SERVICE_USER_MISSING,
                f"{origin}, {name}, is a dynamic one, which there is only while its units run",
                remedy="Have it for a minute, then ask again: systemd-run -p Type=exec "
                f"-p DynamicUser=yes -p User={name} sleep 60",
            ) from None
        raise Failure(
            causes.SERVICE_USER_MISSING, f"the user {name!r}, {origin}, does not exist"
        ) from None
    return _account(found, origin, unit)


def _owner(directory: Path) -> ServiceUser | None:
    try:
        uid = directory.stat().st_uid
    except OSError:
        return None
    origin = f"the owner of {directory}"
    try:
        found = pwd.getpwuid(uid)
    except KeyError:
        found = None
    if found is None or uid == _NOBODY:
        raise Failure(
            causes.SERVICE_USER_MISSING,
            f"{directory} belongs to the user {uid}, "
            + ("as a dynamic one's does" if uid == _NOBODY or uid in _DYNAMIC else "who is nobody"),
            remedy="Name the service's user: --user NAME",
        )
    return _account(found, origin, None)


def _account(found: pwd.struct_passwd, origin: str, unit: Unit | None) -> ServiceUser | None:
    if found.pw_uid == 0:
        return None
    own, *more = [_group(name) for name in unit.groups] if unit and unit.groups else [None]
    gid = found.pw_gid if own is None else own
    groups = {*os.getgrouplist(found.pw_name, gid), *(each for each in more if each is not None)}
    return ServiceUser(
        name=found.pw_name,
        uid=found.pw_uid,
        gid=gid,
        groups=frozenset(groups),
        home=found.pw_dir,
        origin=origin,
    )


def _group(name: str) -> int | None:
    """Return the id of a group; None for the user's own, and for one that does not exist."""
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        return None
