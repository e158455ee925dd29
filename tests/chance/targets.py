"""What is fuzzed: functions of bytes that raise AssertionError where the agent breaks a promise.

None of them needs a fuzzer: the same bytes are the same case in a test. Where something else
knows the answer it is asked: systemd's own reader, the parts that a URL was made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chance import contract, database_url, environment_file, masking

if TYPE_CHECKING:
    from chance.draw import Target

TARGETS: dict[str, Target] = {
    "environment-file": environment_file.TARGET,
    "database-url": database_url.TARGET,
    "masking": masking.TARGET,
    "contract": contract.TARGET,
}
"""By name."""
