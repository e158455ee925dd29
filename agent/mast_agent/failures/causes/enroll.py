"""Causes of the eval, of the lock before it and of the row after it."""

from __future__ import annotations

from mast_agent.failures.cause import Code, Phase
from mast_agent.failures.causes.table import AGAIN, CROWDED, EVALS, NO, RETRY, enter

LOCK_HELD = enter(
    "lock-held", Phase.ENROLL, Code.TEMPFAIL, CROWDED,
    "Wait until the other mast-agent is through",
)  # fmt: skip
LOCK_DENIED = enter(
    "lock-denied", Phase.ENROLL, Code.NOPERM, NO,
    "Let the unit run it", AGAIN,
)  # fmt: skip
BOOTSTRAP_MISSING = enter(
    "bootstrap-missing", Phase.ENROLL, Code.SOFTWARE, NO,
    "Build Mast with Mast.Bootstrap of this project: /usr/share/mast-agent/bootstrap.ex",
)  # fmt: skip
NAME_TAKEN = enter(
    "name-taken", Phase.ENROLL, Code.SOFTWARE, NO,
    "Delete that server in Mast's dashboard, or rename this host (hostnamectl)",
)  # fmt: skip
VAULT_KEY_WRONG = enter(
    "vault-key-wrong", Phase.ENROLL, Code.CONFIG, NO,
    "Set MAST_VAULT_KEY in {env_file} to the key that this database was set up with",
    mast=True,
)  # fmt: skip
EVAL_FAILED = enter(
    "eval-failed", Phase.ENROLL, Code.TEMPFAIL, EVALS,
    "See what it printed", "journalctl -t mast-agent -n 50",
)  # fmt: skip
EVAL_HUNG = enter(
    "eval-hung", Phase.ENROLL, Code.TEMPFAIL, EVALS,
    "Raise MAST_AGENT_TIMEOUT, or see what it printed", "journalctl -t mast-agent -n 50",
)  # fmt: skip
EVAL_UNSTARTED = enter(
    "eval-unstarted", Phase.ENROLL, Code.TEMPFAIL, NO,
    "Raise MAST_AGENT_TIMEOUT; the unit is started again by itself",
)  # fmt: skip
EVAL_KILLED = enter(
    "eval-killed", Phase.ENROLL, Code.TEMPFAIL, EVALS,
    "See whether it was the out-of-memory killer", "journalctl -k -n 50",
)  # fmt: skip
EVAL_UNSTARTABLE = enter(
    "eval-unstartable", Phase.ENROLL, Code.CONFIG, NO,
    "Unpack a release for this machine's architecture; it needs coreutils, sed, grep and awk",
    mast=True,
)  # fmt: skip
EVAL_NOT_EXECUTABLE = enter(
    "eval-not-executable", Phase.ENROLL, Code.CONFIG, NO,
    "Unpack the release anew, with its modes (chmod -R a+rX); mount it without noexec", mast=True,
)  # fmt: skip
EVAL_DIRECTORY_DENIED = enter(
    "eval-directory-denied", Phase.ENROLL, Code.NOPERM, NO,
    "Let the agent's user enter that directory and all above it, or set RUNTIME_DIRECTORY",
)  # fmt: skip
EVAL_CROWDED_OUT = enter(
    "eval-crowded-out", Phase.ENROLL, Code.TEMPFAIL, RETRY,
    "Free memory, or raise the limit on processes: TasksMax= of the unit, the container's pids.max",
)  # fmt: skip
EVAL_MISCONFIGURED = enter(
    "eval-misconfigured", Phase.ENROLL, Code.CONFIG, NO,
    "Set {name} in {env_file}",
    mast=True,
)  # fmt: skip
EVAL_DENIED = enter(
    "eval-denied", Phase.ENROLL, Code.SOFTWARE, NO,
    "Loosen the unit's sandbox (systemctl edit mast-agent), and report the system call",
)  # fmt: skip

NOT_ENROLLED = enter(
    "not-enrolled", Phase.VERIFY, Code.SOFTWARE, NO,
    "Install a Mast whose Mast.Bootstrap.self_enroll! works, and see what this one printed",
    "journalctl -t mast-agent -n 50", mast=True,
)  # fmt: skip

# What is to be said of a row that is this host's all the same.
ROW_DIFFERS = enter(
    "row-differs", Phase.VERIFY, Code.TEMPFAIL, NO,
    "Have it brought up to date", AGAIN,
)  # fmt: skip
ROW_DOUBLED = enter(
    "row-doubled", Phase.VERIFY, Code.TEMPFAIL, NO, "Delete the older one in Mast's dashboard"
)  # fmt: skip
ROW_NAMED_OTHERWISE = enter(
    "row-named-otherwise", Phase.VERIFY, Code.TEMPFAIL, NO,
    "If this is a clone", "mast-agent reset", AGAIN,
)  # fmt: skip
