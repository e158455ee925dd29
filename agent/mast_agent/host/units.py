"""What systemd says of a unit, over D-Bus, or nothing at all.

D-Bus is optional everywhere: it may be absent, refuse, or never answer (with dbus-daemon a client
under DynamicUser= is refused: systemd issue 22737). pydbus stays behind this one function.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

AGENT, MAST, ACCESS = "mast-agent.service", "mast.service", "mast-agent-access.service"
"""The units that there are to ask for."""
SECONDS = 1.0
"""How long the whole question may take."""

_NEVER = (1 << 64) - 1  # USEC_INFINITY
_STATE = Path("/run/systemd/units")
_MANAGER = "org.freedesktop.systemd1"

#: Exit codes that are systemd's own, from systemd.exec(5): what it did not manage to set up.
SETUP_FAILURES = {
    200: ("CHDIR", "its WorkingDirectory= cannot be entered"),
    203: ("EXEC", "its program cannot be executed: is the package complete?"),
    217: ("USER", "its user does not exist; create it: systemd-sysusers"),
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
    `restart_at` is when systemd starts it again, as `changed_at`, while it pauses between two runs
    ("auto-restart"), else 0.
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
    restart_at: float = 0.0


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


def query(*names: str, seconds: float = SECONDS) -> dict[str, Unit]:
    """Return the units that systemd answers for within `seconds`; empty when it does not.

    Raises nothing: the bus is optional.
    """
    return begin(*names, seconds=seconds)()


def begin(*names: str, seconds: float = SECONDS) -> Callable[[], dict[str, Unit]]:
    """Begin to ask, and return what gives the answers: when all are there, or time is up.

    `seconds` count from now. A thread asks, so that something else can be done meanwhile, and
    because connecting to a bus that accepts and stays silent cannot be bounded.
    """
    found: dict[str, Unit] = {}
    until = time.monotonic() + seconds

    def question() -> None:
        # GLib raises its own kinds, and none of them matters.
        with contextlib.suppress(Exception):
            _ask(names, found, round(seconds * 1000))

    thread = threading.Thread(target=question, name="dbus", daemon=True)
    thread.start()

    def answers() -> dict[str, Unit]:
        thread.join(max(0.0, until - time.monotonic()))
        return dict(found)

    return answers


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
    """Ask for each unit's properties of all interfaces at once, as systemctl-show(1) does.

    A unit that is not loaded is loaded by its path alone. Only what is wanted of the three hundred
    properties is made Python's.
    """
    from gi.repository import GLib  # noqa: PLC0415 - as above

    for name in names:
        answer = connection.call_sync(
            _MANAGER,
            f"/org/freedesktop/systemd1/unit/{_label(name)}",
            "org.freedesktop.DBus.Properties",
            "GetAll",
            GLib.Variant("(s)", ("",)),
            None,
            0,
            milliseconds,
            None,
        )
        found[name] = _unit(name, answer.get_child_value(0))


def _label(name: str) -> str:
    """Return how an object's path calls a unit: sd_bus_path_encode(3)."""
    return re.sub(r"[^A-Za-z0-9]", lambda match: f"_{ord(match[0]):02x}", name)


def _unit(name: str, properties: Any) -> Unit:
    """Read a unit from GetAll's dictionary. Raises TypeError where what every unit has is not."""

    def get(key: str, default: Any = None) -> Any:
        value = properties.lookup_value(key, None)
        return default if value is None else value.unpack()

    return Unit(
        name=name,
        load_state=get("LoadState"),
        active_state=get("ActiveState"),
        sub_state=get("SubState"),
        result=get("Result"),
        exit_status=get("ExecMainStatus"),
        has_run=get("ExecMainStartTimestamp") > 0,
        restarts=get("NRestarts", 0),
        status_text=get("StatusText", ""),
        wanted_by=tuple(get("WantedBy", ())),
        invocation=bytes(get("InvocationID", ())).hex(),
        job=get("Job")[0] != 0,
        changed_at=get("StateChangeTimestamp") / 1e6,
        main_pid=get("MainPID", 0),
        user=get("User", ""),
        dynamic_user=get("DynamicUser", False),
        groups=(get("Group", ""), *get("SupplementaryGroups", ())),
        env_file=_variable(get("Environment", ()), "MAST_AGENT_ENV_FILE"),
        restart_at=_restart_at(get) if get("SubState") == "auto-restart" else 0.0,
    )


def _restart_at(get: Callable[..., Any]) -> float:
    """Return when it is started again, 0 for never; it counts from the change of its state.

    RestartUSecNext is there since systemd 254, where the pauses may grow.
    """
    pause = get("RestartUSecNext", get("RestartUSec", 0))
    return (get("StateChangeTimestamp") + pause) / 1e6 if pause < _NEVER else 0.0


def _variable(environment: list[str] | tuple[str, ...], name: str) -> str:
    """Return the value of a variable among those of Environment=, "" for none."""
    values = [each.partition("=")[2] for each in environment if each.startswith(f"{name}=")]
    return values[-1] if values else ""
