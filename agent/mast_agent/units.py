"""What systemd says of a unit, over D-Bus, or nothing at all.

D-Bus is optional everywhere: it may be absent, refuse, or never answer (with dbus-daemon a client
under DynamicUser= is refused: systemd issue 22737). pydbus stays behind this one function.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AGENT, MAST, ACCESS = "mast-agent.service", "mast.service", "mast-agent-access.service"
"""The units that there are to ask for."""
SECONDS = 1.0
"""How long the whole question may take."""

_STATE = Path("/run/systemd/units")
_MANAGER = "org.freedesktop.systemd1"
_PROPERTIES = "org.freedesktop.DBus.Properties"

#: Exit codes that are systemd's own, from systemd.exec(5): what it did not manage to set up.
SETUP_FAILURES = {
    200: ("CHDIR", "its WorkingDirectory= cannot be entered"),
    203: ("EXEC", "its program cannot be executed: is the package complete?"),
    217: ("USER", "its user does not exist: run systemd-sysusers"),
    226: (
        "NAMESPACE",
        "its sandbox cannot be set up; without nesting, take the drop-in of docs/install/lxc.md",
    ),
    228: ("SECCOMP", "its system call filter cannot be applied"),
    233: ("RUNTIME_DIRECTORY", "its runtime directory cannot be made"),
    238: ("STATE_DIRECTORY", "its state directory cannot be made"),
    243: (
        "CREDENTIALS",
        "its credentials cannot be loaded: does the file that LoadCredential= names exist?",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit's state, as org.freedesktop.systemd1(5) names it.

    `result`, `exit_status`, `restarts`, `status_text`, `main_pid`, `user` and `dynamic_user` are
    those of services. `wanted_by` are the units whose start brings this one. `invocation` is the
    present or last one's id, 32 hex digits, "" where it has not been started since the boot;
    `job` says that one is queued or at work on it; `changed_at` is when `active_state` or
    `sub_state` last changed, in seconds of the wall clock, 0 for never. `groups` are Group=, ""
    for the user's own, and SupplementaryGroups=; `env_file` is its MAST_AGENT_ENV_FILE.
    """

    name: str
    load_state: str
    active_state: str
    sub_state: str
    result: str
    exit_status: int
    has_run: bool
    restarts: int
    status_text: str
    wanted_by: tuple[str, ...] = ()
    invocation: str = ""
    job: bool = False
    changed_at: float = 0.0
    main_pid: int = 0
    user: str = ""
    dynamic_user: bool = False
    groups: tuple[str, ...] = ()
    env_file: str = ""


def how_failed(unit: Unit) -> str:
    """Return how a unit has failed, in systemd's words; a step before its program has no status."""
    if unit.exit_status in SETUP_FAILURES:
        return f"{unit.exit_status}/{SETUP_FAILURES[unit.exit_status][0]}"
    return f"{unit.result}, {unit.exit_status}" if unit.exit_status else unit.result


def present_invocation(name: str) -> str | None:
    """Return the invocation that a unit has now, where the bus does not tell.

    "" where it has none; None where that cannot be told either, as without systemd. systemd keeps
    the link for journald and promises nobody anything of it: only what the bus does not tell is
    read here.
    """
    try:
        return str((_STATE / f"invocation:{name}").readlink())
    except OSError:
        return "" if _STATE.is_dir() else None


def ask(*names: str, seconds: float = SECONDS) -> dict[str, Unit]:
    """Return the units that systemd answers for within `seconds`; empty when it does not.

    A thread asks, because connecting to a bus that accepts and stays silent cannot be bounded.
    """
    found: dict[str, Unit] = {}

    def question() -> None:
        # GLib raises its own kinds, and none of them matters.
        with contextlib.suppress(Exception):
            _ask(names, found, round(seconds * 1000))

    thread = threading.Thread(target=question, name="dbus", daemon=True)
    thread.start()
    thread.join(seconds)
    return dict(found)


def _ask(names: tuple[str, ...], found: dict[str, Unit], milliseconds: int) -> None:
    from gi.repository import Gio  # noqa: PLC0415 - only when asked
    from pydbus import connect  # noqa: PLC0415 - it loads GLib and Gio

    # Not the bus that a process shares: it would stay open, and go on being root's when the process
    # has become somebody else.
    with connect(Gio.dbus_address_get_for_bus_sync(Gio.BusType.SYSTEM, None)) as bus:
        _ask_over(bus.con, names, found, milliseconds)


def _ask_over(
    connection: Any, names: tuple[str, ...], found: dict[str, Unit], milliseconds: int
) -> None:
    from gi.repository import GLib  # noqa: PLC0415 - as above

    def call(path: str, interface: str, method: str, arguments: Any) -> Any:
        answer = connection.call_sync(
            _MANAGER, path, interface, method, arguments, None, 0, milliseconds, None
        )
        return answer.unpack()[0]

    for name in names:
        path = call(
            "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager",
            "LoadUnit",
            GLib.Variant("(s)", (name,)),
        )
        properties: dict[str, Any] = {}
        for interface in ("Unit", "Service"):
            properties |= call(
                path, _PROPERTIES, "GetAll", GLib.Variant("(s)", (f"{_MANAGER}.{interface}",))
            )
        found[name] = Unit(
            name=name,
            load_state=properties["LoadState"],
            active_state=properties["ActiveState"],
            sub_state=properties["SubState"],
            result=properties["Result"],
            exit_status=properties["ExecMainStatus"],
            has_run=properties["ExecMainStartTimestamp"] > 0,
            restarts=properties.get("NRestarts", 0),
            status_text=properties.get("StatusText", ""),
            wanted_by=tuple(properties.get("WantedBy", ())),
            invocation=bytes(properties.get("InvocationID", ())).hex(),
            job=properties["Job"][0] != 0,
            changed_at=properties["StateChangeTimestamp"] / 1e6,
            main_pid=properties.get("MainPID", 0),
            user=properties.get("User", ""),
            dynamic_user=properties.get("DynamicUser", False),
            groups=(properties.get("Group", ""), *properties.get("SupplementaryGroups", ())),
            env_file=_variable(properties.get("Environment", ()), "MAST_AGENT_ENV_FILE"),
        )


def _variable(environment: list[str] | tuple[str, ...], name: str) -> str:
    """Return the value of a variable among those of Environment=, "" for none."""
    values = [each.partition("=")[2] for each in environment if each.startswith(f"{name}=")]
    return values[-1] if values else ""
