"""The table of causes: everything that the agent can tell apart, and what to do about each.

How a remedy and its commands become what is printed is `remedies`' business. Documented for
operators in docs/reference.md; a test holds the two against each other.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from mast_agent.failures.causes.access import *
from mast_agent.failures.causes.concerns import *
from mast_agent.failures.causes.database import *
from mast_agent.failures.causes.enroll import *
from mast_agent.failures.causes.migrations import *
from mast_agent.failures.causes.release import *
from mast_agent.failures.causes.table import CAUSES as CAUSES

if TYPE_CHECKING:
    from mast_agent.failures.cause import Cause


def unless_full(denied: Cause, error: OSError) -> Cause:
    """Return the cause of a file that could not be made: DISK_FULL, which passes, else `denied`."""
    return DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else denied
