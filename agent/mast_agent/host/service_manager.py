"""What the agent knows of the service manager without asking it, and what it tells it.

What systemd says of its units comes over D-Bus and is `units`'. Here is what must not depend on a
bus: sd_notify(3), and the version.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

STOP_SECONDS = 30.0
"""How much longer than its timeout a run may take: to start, to end an eval, to say so."""
_MOST_SECONDS = 1e9
STATUS_CHARACTERS = 400
"""How long a STATUS= is; what is longer has been cut."""

# Where systemd's private library lies: on Debian, on most others, on NixOS.
_LIBRARY = "systemd/libsystemd-shared-*.so"
_DIRECTORIES = ("usr/lib/*", "usr/lib", "usr/lib64", "run/current-system/systemd/lib")


def versions(root: Path = Path("/")) -> frozenset[int]:
    """Return the versions of systemd that are installed below `root`: one, as a rule.

    None where there is no systemd, and more than one only in the middle of an upgrade. The version
    is a part of the name of systemd's private library, which PID 1 is linked with: that costs no
    process, no bus, and no right. What a distribution has backported cannot be seen there.
    """
    found = {
        int(match[1])
        for directory in _DIRECTORIES
        for path in root.glob(f"{directory}/{_LIBRARY}")
        if (match := re.match(r"libsystemd-shared-([0-9]{1,5})", path.name))
    }
    return frozenset(found)


def notify(assignment: str) -> None:
    """Tell the service manager NAME=VALUE, if there is one that listens: sd_notify(3)."""
    if "NOTIFY_SOCKET" not in os.environ:
        return
    from systemd import daemon  # noqa: PLC0415 - only under systemd

    with contextlib.suppress(OSError):
        daemon.notify(assignment)


def extend_start(seconds: float) -> None:
    """Have the start taken for failed no sooner than STOP_SECONDS after `seconds` from now.

    A run that is longer than TimeoutStartSec= then gives up by itself, with a code that names the
    cause. systemd only ever extends: EXTEND_TIMEOUT_USEC= in sd_notify(3) and systemd.service(5).
    """
    notify(f"EXTEND_TIMEOUT_USEC={int(min(seconds + STOP_SECONDS, _MOST_SECONDS) * 1e6)}")
