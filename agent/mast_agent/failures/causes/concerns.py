"""What `status` has to say of a host besides its verdict."""

from __future__ import annotations

from mast_agent.failures.cause import Code, Phase
from mast_agent.failures.causes.table import AGAIN, NO, enter

RECORD_FOREIGN = enter(
    "record-foreign", Phase.RELEASE, Code.TEMPFAIL, NO,
    "Let the agent replace it", AGAIN,
)  # fmt: skip
HOST_RENAMED = enter(
    "host-renamed", Phase.VERIFY, Code.SOFTWARE, NO,
    "Rename its server in Mast; or, if this is a copy, give it a machine id of its own: "
    "docs/reference.md",
)  # fmt: skip
MAST_FAILED = enter(
    "mast-failed", Phase.RELEASE, Code.TEMPFAIL, NO,
    "See why", "journalctl -u mast -n 50", "systemctl restart --no-block mast",
)  # fmt: skip
RECORD_UNWRITABLE = enter(
    "record-unwritable", Phase.VERIFY, Code.TEMPFAIL, NO,
    "Make room for it in the state directory", AGAIN,
)  # fmt: skip
ACCESS_KEY_REPLACED = enter(
    "access-key-replaced", Phase.ACCESS, Code.TEMPFAIL, NO,
    "Have Mast asked for it", AGAIN,
)  # fmt: skip
