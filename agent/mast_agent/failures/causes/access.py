"""Causes on the way of Mast's login: key, account, sshd."""

from __future__ import annotations

from mast_agent.failures.cause import Code, Phase
from mast_agent.failures.causes.table import ACCESS, AGAIN, NO, enter

ACCESS_NOT_ENROLLED = enter(
    "access-not-enrolled", Phase.ACCESS, Code.TEMPFAIL, NO,
    "Enroll it first", AGAIN,
)  # fmt: skip
ACCESS_RECORD_UNUSABLE = enter(
    "access-record-unusable", Phase.ACCESS, Code.CONFIG, NO,
    "Have it written anew", AGAIN,
)  # fmt: skip
ACCESS_DENIED = enter(
    "access-denied", Phase.ACCESS, Code.NOPERM, NO,
    "Run it as root", ACCESS,
)  # fmt: skip
ACCESS_USER_MALFORMED = enter(
    "access-user-malformed", Phase.ACCESS, Code.CONFIG, NO,
    "Set MAST_SELF_USER in {env_file} to an account that is there for Mast alone, or leave it out",
)  # fmt: skip
ACCESS_USER_MISSING = enter(
    "access-user-missing", Phase.ACCESS, Code.CONFIG, NO,
    "Create it", "systemd-sysusers", ACCESS,
    nixos="Set services.mast.selfManageAccess = true, and run nixos-rebuild switch",
)  # fmt: skip
ACCESS_KEY_UNKNOWN = enter(
    "access-key-unknown", Phase.ACCESS, Code.SOFTWARE, NO,
    "Have Mast asked for it", AGAIN, "journalctl -t mast-agent -n 50",
)  # fmt: skip
ACCESS_KEY_INVALID = enter(
    "access-key-invalid", Phase.ACCESS, Code.CONFIG, NO,
    "Have Mast make a new one: delete the server in Mast's dashboard", AGAIN,
)  # fmt: skip
ACCESS_KEY_ABSENT = enter(
    "access-key-absent", Phase.ACCESS, Code.TEMPFAIL, NO,
    "Install it", ACCESS,
)  # fmt: skip
ACCESS_KEY_OUTDATED = enter(
    "access-key-outdated", Phase.ACCESS, Code.TEMPFAIL, NO,
    "Install the present one", ACCESS,
)  # fmt: skip
ACCESS_PATH_FOREIGN = enter(
    "access-path-foreign", Phase.ACCESS, Code.CONFIG, NO,
    "See who put it there, and move it away", "mv -T {path} {path}.foreign", ACCESS,
    otherwise="See who put it there, and remove it",
)  # fmt: skip
ACCESS_KEY_ELSEWHERE = enter(
    "access-key-elsewhere", Phase.ACCESS, Code.CONFIG, NO,
    "Take the key out of that file, or the file out of sshd's AuthorizedKeysFile",
)  # fmt: skip
ACCESS_UNWRITABLE = enter(
    "access-unwritable", Phase.ACCESS, Code.TEMPFAIL, NO,
    "Make room on the file system", ACCESS,
)  # fmt: skip
ACCESS_UNIT_FAILED = enter(
    "access-unit-failed", Phase.ACCESS, Code.TEMPFAIL, NO,
    "See why", "journalctl -u mast-agent-access -n 50",
)  # fmt: skip
SSHD_SILENT = enter(
    "sshd-silent", Phase.ACCESS, Code.TEMPFAIL, NO,
    "Start it", "systemctl start ssh",
    nixos="Set services.openssh.enable = true, or correct MAST_SELF_PORT; run nixos-rebuild switch",
)  # fmt: skip

# --- what sshd, the account or the network do to Mast's login ---------------------------------
_RELOAD = "then: systemctl reload ssh"
ACCESS_HOST_FOREIGN = enter(
    "access-host-foreign", Phase.ACCESS, Code.CONFIG, NO,
    "Set MAST_SELF_HOST to 127.0.0.1 or to an IPv4 address of this host, or leave it out",
)  # fmt: skip
SSHD_OTHER_PORT = enter(
    "sshd-other-port", Phase.ACCESS, Code.CONFIG, NO,
    "Set MAST_SELF_PORT to sshd's port, then: systemctl restart --no-block mast-agent",
)  # fmt: skip
SSHD_USER_REFUSED = enter(
    "sshd-user-refused", Phase.ACCESS, Code.CONFIG, NO,
    f"Correct the lists of users and groups in sshd_config, {_RELOAD}",
)  # fmt: skip
SSHD_PUBKEY_OFF = enter(
    "sshd-pubkey-off", Phase.ACCESS, Code.CONFIG, NO,
    f"Set PubkeyAuthentication yes in sshd_config, {_RELOAD}",
)  # fmt: skip
SSHD_KEY_FILE = enter(
    "sshd-key-file", Phase.ACCESS, Code.CONFIG, NO,
    f"Have sshd read the rule for this user (docs/access.md), {_RELOAD}",
)  # fmt: skip
SSHD_METHODS = enter(
    "sshd-methods", Phase.ACCESS, Code.CONFIG, NO,
    f"Take AuthenticationMethods out of sshd_config for this user, {_RELOAD}",
)  # fmt: skip
SSHD_COMMAND_FORCED = enter(
    "sshd-command-forced", Phase.ACCESS, Code.CONFIG, NO,
    f"Take ForceCommand out of sshd_config for this user, {_RELOAD}",
)  # fmt: skip
ACCOUNT_SHELL = enter(
    "account-shell", Phase.ACCESS, Code.CONFIG, NO,
    "Give the account a shell that runs commands", "usermod -s /bin/sh {user}",
)  # fmt: skip
ACCOUNT_LOCKED = enter(
    "account-locked", Phase.ACCESS, Code.CONFIG, NO,
    "Unlock it without a password", "usermod -p * {user}",
)  # fmt: skip
ACCOUNT_EXPIRED = enter(
    "account-expired", Phase.ACCESS, Code.CONFIG, NO,
    "Let it live on", "usermod -e -1 {user}",
)  # fmt: skip
MAST_STAYS_AWAY = enter(
    "mast-stays-away", Phase.ACCESS, Code.TEMPFAIL, NO,
    "See Mast's own log; its SSH client may be too old (docs/access.md)",
    "journalctl -u mast -n 50",
)  # fmt: skip
LOGIN_REFUSED = enter(
    "login-refused", Phase.ACCESS, Code.CONFIG, NO,
    "See what sshd says", "journalctl -t sshd -t sshd-session -n 20",
)  # fmt: skip
