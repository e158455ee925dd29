"""Causes on the disk: settings, environment file, release, the service's user; and a bug."""

from __future__ import annotations

from mast_agent.failures.cause import Code, Phase
from mast_agent.failures.causes.table import AGAIN, NO, RETRY, enter

SETTING_MALFORMED = enter(
    "setting-malformed", Phase.RELEASE, Code.CONFIG, NO,
    "Correct the setting",
)  # fmt: skip
ENV_FILE_MISSING = enter(
    "env-file-missing", Phase.RELEASE, Code.CONFIG, NO,
    "Write it with Mast's variables, root:mast and 0640 (docs/install/lxc.md), or name another",
    nixos="Write it, or name another in services.mast.environmentFile and run nixos-rebuild switch",
    mast=True,
)  # fmt: skip
ENV_FILE_UNREADABLE = enter(
    "env-file-unreadable", Phase.RELEASE, Code.CONFIG, NO,
    "Let the agent's user read it", "chown root:{group} {path}", "chmod 0640 {path}",
    otherwise="Let the agent's user read it and enter the directories above it", mast=True,
)  # fmt: skip
ENV_FILE_MALFORMED = enter(
    "env-file-malformed", Phase.RELEASE, Code.CONFIG, NO,
    "Correct that line; the syntax is that of EnvironmentFile= in systemd.exec(5)", mast=True,
)  # fmt: skip
VARIABLE_MISSING = enter(
    "variable-missing", Phase.RELEASE, Code.CONFIG, NO,
    "Set {name} in {env_file}",
    mast=True,
)  # fmt: skip
VARIABLE_MALFORMED = enter(
    "variable-malformed", Phase.RELEASE, Code.CONFIG, NO,
    "Correct {name} in {env_file}",
    mast=True,
)  # fmt: skip
ENVIRONMENT_TOO_LARGE = enter(
    "environment-too-large", Phase.RELEASE, Code.CONFIG, NO,
    "Shorten {name} in {env_file}",
    mast=True,
)  # fmt: skip
SELF_HOST_IPV6 = enter(
    "self-host-ipv6", Phase.RELEASE, Code.CONFIG, NO,
    "Let sshd listen on 127.0.0.1 too (ListenAddress), and take MAST_SELF_HOST out of {env_file}",
    mast=True,
)  # fmt: skip
RELEASE_MISSING = enter(
    "release-missing", Phase.RELEASE, Code.CONFIG, NO,
    "Unpack Mast's release there (docs/install/lxc.md), or set MAST_BIN to the bin/mast of one",
    mast=True,
)  # fmt: skip
RELEASE_NOT_EXECUTABLE = enter(
    "release-not-executable", Phase.RELEASE, Code.CONFIG, NO,
    "Let the agent's user execute it", "chmod a+rx {path}",
    otherwise="Let the agent's user enter the directories above it", mast=True,
)  # fmt: skip
NOT_A_RELEASE = enter(
    "not-a-release", Phase.RELEASE, Code.CONFIG, NO,
    "Set MAST_BIN to the bin/mast of an unpacked Mast release, or unpack one there", mast=True,
)  # fmt: skip
RUNTIME_DENIED = enter(
    "runtime-denied", Phase.RELEASE, Code.NOPERM, NO,
    "Let the unit run it, or set RUNTIME_DIRECTORY", AGAIN,
)  # fmt: skip

DISK_FULL = enter(
    "disk-full", Phase.RELEASE, Code.TEMPFAIL, RETRY,
    "Make room there (df -h and df -i tell of what); it is tried again by itself",
)  # fmt: skip

# --- the service's user, where root asks or enrolls by hand -----------------------------------
SERVICE_USER_MISSING = enter(
    "service-user-missing", Phase.RELEASE, Code.CONFIG, NO,
    "Create it", "systemd-sysusers",
    nixos="Set services.mast.enable = true, or name another user: --user NAME", mast=True,
)  # fmt: skip
SERVICE_USER_DENIED = enter(
    "service-user-denied", Phase.RELEASE, Code.NOPERM, NO,
    "Run it with CAP_SETUID and CAP_SETGID, as an ordinary root",
)  # fmt: skip
SERVICE_USER_DYNAMIC = enter(
    "service-user-dynamic", Phase.RELEASE, Code.NOPERM, NO,
    "Let the unit do it", AGAIN, "mast-agent status --wait",
)  # fmt: skip
DIRECTORY_DENIED = enter(
    "directory-denied", Phase.RELEASE, Code.NOPERM, NO,
    "Let the service's user have it, or name another directory",
)  # fmt: skip
RESET_DENIED = enter(
    "reset-denied", Phase.RELEASE, Code.NOPERM, NO,
    "Run it as root", "sudo mast-agent reset",
)  # fmt: skip

# --- a bug in the agent itself ----------------------------------------------------------------
BUG = enter(
    "bug", Phase.RELEASE, Code.BUG, NO,
    "Report it with the lines of", "journalctl -t mast-agent -n 50",
)  # fmt: skip
