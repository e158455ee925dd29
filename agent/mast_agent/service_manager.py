"""What the agent knows of the service manager without asking it, and what it tells it.

What systemd says of its units comes over D-Bus and is `units`'. Here is what must not depend on a
bus: sd_notify(3), and the version.
"""

from __future__ import annotations

import re
from pathlib import Path

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
