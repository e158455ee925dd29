"""What is known of this host and its database, for remedies that work exactly as printed.

It reads files only, which the unit's sandbox shows as well, and asks nothing that might not
answer. What is not certain is left out.
"""

from __future__ import annotations

import glob
import os
import pwd
import re
import shlex
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mast_agent.config import release
from mast_agent.failures import remedies
from mast_agent.failures.cause import FINAL_CODES, Phase
from mast_agent.failures.failure import Failure
from mast_agent.host import identity
from mast_agent.report import published, restarting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mast_agent.config.settings import Settings
    from mast_agent.postgres.parameters import ConnectionParameters

AGAIN = "systemctl restart --no-block mast-agent"
MAST_AGAIN = "systemctl restart --no-block mast"
"""What has the agent look again; the second has Mast read its settings and migrate before."""

_UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
_DEFAULT_PORT = 5432
_CLUSTERS, _PIDS = "/etc/postgresql", "/run/postgresql"
_NIXOS = "/etc/NIXOS"
_SOCKETS = ("/run/postgresql", "/var/run/postgresql")
#: What a user may be denied and the service is not: he has to be root to see what it sees.
_OWN_RIGHTS = frozenset(
    {"env-file-unreadable", "lock-denied", "peer-refused", "runtime-denied", "socket-denied"}
)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who reads a remedy, and what is known where he does.

    `root` says that he is; `unit` that he reads what the unit says, whose reader is. `command` is
    what he ran by hand, "" for what he need not run again.
    """

    root: bool = True
    unit: bool = False
    command: str = ""
    known: Mapping[str, str] = field(default_factory=dict)

    def at(self, config: Settings) -> Reader:
        """Return the same reader, with what is known of this host and its settings."""
        return replace(self, known=known(config))

    def remedy(self, failure: Failure, *, ended: bool = True) -> str:
        """Return what he has to do about a failure; `ended` says that nobody tries again."""
        failure = failure.knowing(self.known)
        text = failure.remedy
        by_hand = not self.root and not self.unit and self.command
        if by_hand and failure.cause.slug in _OWN_RIGHTS and failure.own_remedy is None:
            return f"Run it as root: sudo mast-agent {self.command}"
        final = self.unit and ended and failure.code in FINAL_CODES
        if final and not restarting.begins(text):
            text = remedies.followed(text, again(failure))
        return self.addressed(text)

    def addressed(self, text: str) -> str:
        """Return a text that ends in commands, with sudo before them if he needs it."""
        return remedies.addressed(text, root=self.root)


def again(failure: Failure) -> str:
    """Return what has the agent look again, once it has given up for a failure."""
    if failure.phase is Phase.ACCESS:
        return "systemctl start mast-agent-access"
    return MAST_AGAIN if failure.cause.mast and has_unit("mast") else AGAIN


def reader(environ: Mapping[str, str], command: str) -> Reader:
    """Return who reads what this process says; to be asked before it becomes another user."""
    unit = published.invocation(environ) is not None
    return Reader(root=unit or os.geteuid() == 0, unit=unit, command=command)


def known(config: Settings) -> dict[str, str]:
    """Return the facts for remedies, by the names that `causes` has for them."""
    found = {}
    if config.env_file is not None:
        found["env_file"] = str(config.env_file)
    if os.path.lexists(_NIXOS):
        found["nixos"] = "yes"
    mast_bin = config.mast_bin or shutil.which("mast") or str(release.DEFAULT_PATH)
    found["migrate"] = _migrate(config, mast_bin)
    found["os_user"] = _name(os.geteuid())
    parameters = _parameters(config)
    if parameters is not None:
        found |= {
            "role": parameters.user,
            "database": parameters.database,
            "place": parameters.place,
        }
        found |= _server(parameters)
    return found


def _parameters(config: Settings) -> ConnectionParameters | None:
    if not config.mast.get("DATABASE_URL"):
        return None
    from mast_agent.postgres import ecto_url  # noqa: PLC0415 - not for a status without a database

    try:
        return ecto_url.parse(config.mast)
    except Failure:
        return None


def has_unit(name: str) -> bool:
    """Tell whether systemd has a unit file of this name."""
    return any(os.path.exists(f"{directory}/{name}.service") for directory in _UNITS)  # noqa: PTH110 - quicker


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _migrate(config: Settings, mast_bin: str) -> str:
    """Return the command that runs the migrations: the unit that does, or else the release."""
    if has_unit("mast"):
        return MAST_AGAIN
    # No dump of a crash, which would hold secrets, and a cookie where the release has none.
    own = ["ERL_CRASH_DUMP_SECONDS=0", "RELEASE_COOKIE=none", "RELEASE_DISTRIBUTION=none"]
    run = [mast_bin, "eval", "Mast.Release.migrate()"]
    if config.env_file is None or not os.path.isdir("/run/systemd/system"):  # noqa: PTH112 - quicker
        return shlex.join(["env", *own, *run])
    # systemd reads the file as it is meant to be read, which a shell does not.
    user = _name(os.geteuid()) if os.geteuid() else config.user or "root"
    properties = [f"User={user}", f"EnvironmentFile={config.env_file}", "WorkingDirectory=/tmp"]
    options = [word for each in properties for word in ("-p", each)]
    options += [word for each in (*own, "RELEASE_TMP=/tmp") for word in ("-E", each)]
    return shlex.join(["systemd-run", "--quiet", "--wait", "--pipe", *options, *run])


def _server(parameters: ConnectionParameters) -> dict[str, str]:
    """Return what is known of a PostgreSQL that runs on this host and listens on that port."""
    directory = parameters.socket_directory
    if directory is None and not identity.is_loopback(parameters.host or ""):
        return {}
    found = _cluster(parameters.port, directory)
    usual = parameters.port == _DEFAULT_PORT and (directory is None or _is_usual(directory))
    if not found and usual and has_unit("postgresql"):
        found = {"postgresql": "postgresql"}
    if not found:
        return {}
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        return found
    psql = ["runuser", "-u", "postgres", "--", "psql"]
    if directory is not None and not _is_usual(directory):
        psql += ["-h", directory]
    if parameters.port != _DEFAULT_PORT:
        psql += ["-p", str(parameters.port)]
    return {**found, "psql": shlex.join(psql)}


def _is_usual(directory: str) -> bool:
    return directory.rstrip("/") in _SOCKETS


def _cluster(port: int, directory: str | None) -> dict[str, str]:
    """Return Debian's cluster with that port and, where one is given, that directory of sockets.

    There is one unit for each: pg_createcluster(1).
    """
    for path in sorted(glob.glob(f"{_CLUSTERS}/*/*/postgresql.conf")):  # noqa: PTH207 - quicker
        if not _listens(path, port, directory):
            continue
        *_, version, name, _ = path.split("/")
        unit = f"postgresql@{version}-{name}"
        state = {} if _runs(version, name) else {"stopped": unit}
        return {"postgresql": unit, "pg_directory": os.path.dirname(path), **state}  # noqa: PTH120 - quicker
    return {}


def _listens(path: str, port: int, directory: str | None) -> bool:
    """Tell whether a postgresql.conf is of a server with that port and directory of sockets."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    if (_setting(text, "port") or str(_DEFAULT_PORT)) != str(port):
        return False
    named = _setting(text, "unix_socket_directories")
    directories = named.split(",") if named is not None else [*_SOCKETS]
    return directory is None or any(
        os.path.realpath(each.strip()) == os.path.realpath(directory) for each in directories
    )


def _setting(text: str, name: str) -> str | None:
    """Return a setting of a postgresql.conf, of which the last line counts; None without one."""
    pattern = rf"^\s*{name}\s*=?\s*('[^'\n]*'|[\w.-]+)"
    found = re.findall(pattern, text, re.MULTILINE | re.IGNORECASE)
    return found[-1].strip("'") if found else None


def _runs(version: str, name: str) -> bool:
    """Tell whether the cluster's postmaster is alive: external_pid_file names it."""
    try:
        pid = int(Path(f"{_PIDS}/{version}-{name}.pid").read_text(encoding="ascii"))
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, ValueError, OverflowError):
        return False
    return True
