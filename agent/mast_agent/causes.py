"""The table of causes: everything that the agent can tell apart, and what to do about each.

How a remedy and its commands become what is printed is `remedies`' business. Documented for
operators in docs/reference.md; a test holds the two against each other.
"""

from __future__ import annotations

import errno

from mast_agent.failure import Cause, Code, Patience, Phase

_NO, _GRACE, _RETRY, _CROWDED = Patience.NONE, Patience.GRACE, Patience.RETRY, Patience.CROWDED
_EVALS = Patience.EVALS
_AGAIN = "systemctl restart --no-block mast-agent"
_ACCESS = "systemctl start mast-agent-access"
_CREATE_ROLE = "DO $$BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN END$$"
_GRANT = (
    "GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}; "
    "GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
)


def _cause(
    slug: str,
    phase: Phase,
    code: Code,
    patience: Patience,
    remedy: str,
    *run: str,
    settled: Code | None = None,
    otherwise: str = "",
    nixos: str = "",
    mast: bool = False,
) -> Cause:
    cause = Cause(
        slug=slug,
        phase=phase,
        code=code,
        patience=patience,
        remedy=remedy,
        run=run,
        settled=settled,
        otherwise=otherwise,
        nixos=nixos,
        mast=mast,
    )
    CAUSES[slug] = cause
    return cause


def unless_full(denied: Cause, error: OSError) -> Cause:
    """Return the cause of a file that could not be made: DISK_FULL, which passes, else `denied`."""
    return DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else denied


CAUSES: dict[str, Cause] = {}

# --- release: settings, environment file, the release on disk -------------------------------
SETTING_MALFORMED = _cause(
    "setting-malformed", Phase.RELEASE, Code.CONFIG, _NO,
    "Correct the setting",
)  # fmt: skip
ENV_FILE_MISSING = _cause(
    "env-file-missing", Phase.RELEASE, Code.CONFIG, _NO,
    "Write it with Mast's variables, root:mast and 0640 (docs/install/lxc.md), or name another",
    nixos="Write it, or name another in services.mast.environmentFile and run nixos-rebuild switch",
    mast=True,
)  # fmt: skip
ENV_FILE_UNREADABLE = _cause(
    "env-file-unreadable", Phase.RELEASE, Code.CONFIG, _NO,
    "Let the agent's user read it", "chown root:{group} {path}", "chmod 0640 {path}",
    otherwise="Let the agent's user read it and enter the directories above it", mast=True,
)  # fmt: skip
ENV_FILE_MALFORMED = _cause(
    "env-file-malformed", Phase.RELEASE, Code.CONFIG, _NO,
    "Correct that line; the syntax is that of EnvironmentFile= in systemd.exec(5)", mast=True,
)  # fmt: skip
VARIABLE_MISSING = _cause(
    "variable-missing", Phase.RELEASE, Code.CONFIG, _NO,
    "Set {name} in {env_file}",
    mast=True,
)  # fmt: skip
VARIABLE_MALFORMED = _cause(
    "variable-malformed", Phase.RELEASE, Code.CONFIG, _NO,
    "Correct {name} in {env_file}",
    mast=True,
)  # fmt: skip
ENVIRONMENT_TOO_LARGE = _cause(
    "environment-too-large", Phase.RELEASE, Code.CONFIG, _NO,
    "Shorten {name} in {env_file}",
    mast=True,
)  # fmt: skip
SELF_HOST_IPV6 = _cause(
    "self-host-ipv6", Phase.RELEASE, Code.CONFIG, _NO,
    "Let sshd listen on 127.0.0.1 too (ListenAddress), and take MAST_SELF_HOST out of {env_file}",
    mast=True,
)  # fmt: skip
RELEASE_MISSING = _cause(
    "release-missing", Phase.RELEASE, Code.CONFIG, _NO,
    "Unpack Mast's release there (docs/install/lxc.md), or set MAST_BIN to the bin/mast of one",
    mast=True,
)  # fmt: skip
RELEASE_NOT_EXECUTABLE = _cause(
    "release-not-executable", Phase.RELEASE, Code.CONFIG, _NO,
    "Let the agent's user execute it", "chmod a+rx {path}",
    otherwise="Let the agent's user enter the directories above it", mast=True,
)  # fmt: skip
NOT_A_RELEASE = _cause(
    "not-a-release", Phase.RELEASE, Code.CONFIG, _NO,
    "Set MAST_BIN to the bin/mast of an unpacked Mast release, or unpack one there", mast=True,
)  # fmt: skip
RUNTIME_DENIED = _cause(
    "runtime-denied", Phase.RELEASE, Code.NOPERM, _NO,
    "Let the unit run it, or set RUNTIME_DIRECTORY", _AGAIN,
)  # fmt: skip

DISK_FULL = _cause(
    "disk-full", Phase.RELEASE, Code.TEMPFAIL, _RETRY,
    "Make room there (df -h and df -i tell of what); it is tried again by itself",
)  # fmt: skip

# --- release: the service's user, where root asks or enrolls by hand --------------------------
SERVICE_USER_MISSING = _cause(
    "service-user-missing", Phase.RELEASE, Code.CONFIG, _NO,
    "Create it", "systemd-sysusers",
    nixos="Set services.mast.enable = true, or name another user: --user NAME", mast=True,
)  # fmt: skip
SERVICE_USER_DENIED = _cause(
    "service-user-denied", Phase.RELEASE, Code.NOPERM, _NO,
    "Run it with CAP_SETUID and CAP_SETGID, as an ordinary root",
)  # fmt: skip
SERVICE_USER_DYNAMIC = _cause(
    "service-user-dynamic", Phase.RELEASE, Code.NOPERM, _NO,
    "Let the unit do it", _AGAIN, "mast-agent status --wait",
)  # fmt: skip
DIRECTORY_DENIED = _cause(
    "directory-denied", Phase.RELEASE, Code.NOPERM, _NO,
    "Let the service's user have it, or name another directory",
)  # fmt: skip
RESET_DENIED = _cause(
    "reset-denied", Phase.RELEASE, Code.NOPERM, _NO,
    "Run it as root", "sudo mast-agent reset",
)  # fmt: skip

# --- database: finding, reaching and entering it ----------------------------------------------
URL_MISSING = _cause(
    "url-missing", Phase.DATABASE, Code.CONFIG, _NO,
    "Set DATABASE_URL in {env_file}: ecto://USER:PASSWORD@HOST:PORT/DATABASE",
    mast=True,
)  # fmt: skip
URL_REFUSED = _cause(
    "url-refused", Phase.DATABASE, Code.CONFIG, _NO,
    "Correct DATABASE_URL in {env_file}: ecto://USER:PASSWORD@HOST:PORT/DATABASE, percent-encoded",
    mast=True,
)  # fmt: skip
REFUSED = _cause(
    "refused", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Start PostgreSQL", "systemctl start {stopped}",
    otherwise="Start PostgreSQL at {place}, or correct host and port of DATABASE_URL in {env_file}",
)  # fmt: skip
SOCKET_MISSING = _cause(
    "socket-missing", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Start PostgreSQL", "systemctl start {stopped}",
    otherwise="Start PostgreSQL with the socket {place}, or correct DATABASE_URL in {env_file}",
)  # fmt: skip
SOCKET_DENIED = _cause(
    "socket-denied", Phase.DATABASE, Code.NOPERM, _NO,
    "Let the agent's user {os_user} open {place}, and enter the directories above it",
)  # fmt: skip
NAME_UNRESOLVED = _cause(
    "name-unresolved", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Correct the host of DATABASE_URL in {env_file}, or the name service",
)  # fmt: skip
UNREACHABLE = _cause(
    "unreachable", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Check the network and the firewall between this host and {place}",
)  # fmt: skip
TIMED_OUT = _cause(
    "timed-out", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Check that PostgreSQL is what listens at {place} and that no firewall drops the packets",
)  # fmt: skip
STARTING = _cause(
    "starting", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Wait until PostgreSQL has started or recovered; its log tells how far it is",
)  # fmt: skip
CONNECTION_LOST = _cause(
    "connection-lost", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "See the log of PostgreSQL for why it closes connections",
)  # fmt: skip
NOT_POSTGRESQL = _cause(
    "not-postgresql", Phase.DATABASE, Code.UNAVAILABLE, _GRACE,
    "Correct host and port of DATABASE_URL in {env_file}, where another program listens",
    settled=Code.CONFIG, mast=True,
)  # fmt: skip
STALLED = _cause(
    "stalled", Phase.DATABASE, Code.TEMPFAIL, _RETRY,
    "See pg_stat_activity and the load of the database server",
)  # fmt: skip
TOO_MANY_CONNECTIONS = _cause(
    "too-many-connections", Phase.DATABASE, Code.TEMPFAIL, _CROWDED,
    "Raise max_connections of PostgreSQL, or lower POOL_SIZE in {env_file}",
)  # fmt: skip
SERVER_ERROR = _cause(
    "server-error", Phase.DATABASE, Code.TEMPFAIL, _RETRY,
    "Look the SQLSTATE up in the log of PostgreSQL",
)  # fmt: skip
READ_ONLY = _cause(
    "read-only", Phase.DATABASE, Code.TEMPFAIL, _RETRY,
    "Point DATABASE_URL in {env_file} at the primary, or promote this server",
)  # fmt: skip
WRONG_PASSWORD = _cause(
    "wrong-password", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Correct DATABASE_URL in {env_file}, or make a role with the password that stands there",
    f"SQL {_CREATE_ROLE} | \\password {{role}}",
    otherwise="Correct user and password in DATABASE_URL ({env_file}), or the role on the server",
    mast=True,
)  # fmt: skip
PASSWORD_NEEDED = _cause(
    "password-needed", Phase.DATABASE, Code.CONFIG, _NO,
    "Put the password into DATABASE_URL in {env_file}, or use a socket with peer authentication",
    mast=True,
)  # fmt: skip
ROLE_MISSING = _cause(
    "role-missing", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Create it", "SQL CREATE ROLE {role} LOGIN",
)  # fmt: skip
ROLE_REFUSED = _cause(
    "role-refused", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Create the role, or let it log in", f"SQL {_CREATE_ROLE} | ALTER ROLE {{role}} LOGIN",
    otherwise="Create the role {role} there, or let it log in, or correct the user in DATABASE_URL",
)  # fmt: skip
ROLE_NOLOGIN = _cause(
    "role-nologin", Phase.DATABASE, Code.NOPERM, _NO,
    "Let it log in", "SQL ALTER ROLE {role} LOGIN",
)  # fmt: skip
PEER_REFUSED = _cause(
    "peer-refused", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Ask as {role} (as root: --user {role}), name {os_user}'s role in DATABASE_URL, or map it "
    "in pg_ident.conf",
    mast=True,
)  # fmt: skip
HBA_REFUSED = _cause(
    "hba-refused", Phase.DATABASE, Code.CONFIG, _NO,
    "Admit it in {pg_directory}/pg_hba.conf; where that has hostssl, set ssl=true in DATABASE_URL",
    "systemctl reload {postgresql}",
    otherwise="Admit it in pg_hba.conf; where that has hostssl alone, set ssl=true in DATABASE_URL",
)  # fmt: skip
DATABASE_MISSING = _cause(
    "database-missing", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Create it", "SQL CREATE DATABASE {database} OWNER {role}", "={migrate}",
)  # fmt: skip
CONNECT_DENIED = _cause(
    "connect-denied", Phase.DATABASE, Code.NOPERM, _NO,
    "Let it connect", "SQL GRANT CONNECT ON DATABASE {database} TO {role}",
)  # fmt: skip
TLS_UNSUPPORTED = _cause(
    "tls-unsupported", Phase.DATABASE, Code.CONFIG, _NO,
    "Turn TLS on in the server (ssl = on), or take ssl=true out of DATABASE_URL in {env_file}",
    mast=True,
)  # fmt: skip
TLS_UNTRUSTED = _cause(
    "tls-untrusted", Phase.DATABASE, Code.CONFIG, _NO,
    "Install the certificate's authority on this host, or name it by PGSSLROOTCERT in {env_file}",
    mast=True,
)  # fmt: skip
TLS_FAILED = _cause(
    "tls-failed", Phase.DATABASE, Code.UNAVAILABLE, _GRACE,
    "Compare the TLS settings of both sides (ssl_min_protocol_version, ssl_ciphers)",
    settled=Code.CONFIG,
)  # fmt: skip

# --- database: a pooler before it -------------------------------------------------------------
POOLER_SERVER_DOWN = _cause(
    "pooler-server-down", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Start the server behind the pooler; or see whether its pool is full or paused (SHOW POOLS)",
)  # fmt: skip
POOLER_MISCONFIGURED = _cause(
    "pooler-misconfigured", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Correct the settings of the pooler at {place}; its log says more",
)  # fmt: skip
POOLER_STATEMENT_MODE = _cause(
    "pooler-statement-mode", Phase.DATABASE, Code.CONFIG, _NO,
    "Set pool_mode = transaction (or session) for this database: Mast works in transactions",
)  # fmt: skip
POOLER_REFUSED = _cause(
    "pooler-refused", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "See the log of the pooler; a database may be disabled there (PgBouncer: ENABLE)",
)  # fmt: skip

# --- migrations -------------------------------------------------------------------------------
MIGRATIONS_PENDING = _cause(
    "migrations-pending", Phase.MIGRATIONS, Code.TEMPFAIL, _RETRY,
    "Run them", "={migrate}", mast=True,
)  # fmt: skip
MIGRATIONS_RUNNING = _cause(
    "migrations-running", Phase.MIGRATIONS, Code.TEMPFAIL, _RETRY,
    "Wait until they are through; the log of the migrating process tells how far they are",
)  # fmt: skip
SCHEMA_AHEAD = _cause(
    "schema-ahead", Phase.MIGRATIONS, Code.CONFIG, _NO,
    "Unpack the newer release again, or restore a backup of the database from before it", mast=True,
)  # fmt: skip
SCHEMA_INCOMPLETE = _cause(
    "schema-incomplete", Phase.MIGRATIONS, Code.CONFIG, _NO,
    "Name Mast's own database in DATABASE_URL ({env_file}); this one is another application's",
    mast=True,
)  # fmt: skip
SELECT_DENIED = _cause(
    "select-denied", Phase.MIGRATIONS, Code.NOPERM, _NO,
    "Let the role own Mast's tables, or at least use them", f"SQL_HERE {_GRANT}",
)  # fmt: skip

# --- enroll: locks and the eval ---------------------------------------------------------------
LOCK_HELD = _cause(
    "lock-held", Phase.ENROLL, Code.TEMPFAIL, _CROWDED,
    "Wait until the other mast-agent is through",
)  # fmt: skip
LOCK_DENIED = _cause(
    "lock-denied", Phase.ENROLL, Code.NOPERM, _NO,
    "Let the unit run it", _AGAIN,
)  # fmt: skip
BOOTSTRAP_MISSING = _cause(
    "bootstrap-missing", Phase.ENROLL, Code.SOFTWARE, _NO,
    "Build Mast with Mast.Bootstrap of this project: /usr/share/mast-agent/bootstrap.ex",
)  # fmt: skip
NAME_TAKEN = _cause(
    "name-taken", Phase.ENROLL, Code.SOFTWARE, _NO,
    "Delete that server in Mast's dashboard, or rename this host (hostnamectl)",
)  # fmt: skip
VAULT_KEY_WRONG = _cause(
    "vault-key-wrong", Phase.ENROLL, Code.CONFIG, _NO,
    "Set MAST_VAULT_KEY in {env_file} to the key that this database was set up with",
    mast=True,
)  # fmt: skip
EVAL_FAILED = _cause(
    "eval-failed", Phase.ENROLL, Code.TEMPFAIL, _EVALS,
    "See what it printed", "journalctl -t mast-agent -n 50",
)  # fmt: skip
EVAL_HUNG = _cause(
    "eval-hung", Phase.ENROLL, Code.TEMPFAIL, _EVALS,
    "Raise MAST_AGENT_TIMEOUT, or see what it printed", "journalctl -t mast-agent -n 50",
)  # fmt: skip
EVAL_UNSTARTED = _cause(
    "eval-unstarted", Phase.ENROLL, Code.TEMPFAIL, _NO,
    "Raise MAST_AGENT_TIMEOUT; the unit is started again by itself",
)  # fmt: skip
EVAL_KILLED = _cause(
    "eval-killed", Phase.ENROLL, Code.TEMPFAIL, _EVALS,
    "See whether it was the out-of-memory killer", "journalctl -k -n 50",
)  # fmt: skip
EVAL_UNSTARTABLE = _cause(
    "eval-unstartable", Phase.ENROLL, Code.CONFIG, _NO,
    "Unpack a release for this machine's architecture; it needs coreutils, sed, grep and awk",
    mast=True,
)  # fmt: skip
EVAL_NOT_EXECUTABLE = _cause(
    "eval-not-executable", Phase.ENROLL, Code.CONFIG, _NO,
    "Unpack the release anew, with its modes (chmod -R a+rX); mount it without noexec", mast=True,
)  # fmt: skip
EVAL_DIRECTORY_DENIED = _cause(
    "eval-directory-denied", Phase.ENROLL, Code.NOPERM, _NO,
    "Let the agent's user enter that directory and all above it, or set RUNTIME_DIRECTORY",
)  # fmt: skip
EVAL_CROWDED_OUT = _cause(
    "eval-crowded-out", Phase.ENROLL, Code.TEMPFAIL, _RETRY,
    "Free memory, or raise the limit on processes: TasksMax= of the unit, the container's pids.max",
)  # fmt: skip
EVAL_MISCONFIGURED = _cause(
    "eval-misconfigured", Phase.ENROLL, Code.CONFIG, _NO,
    "Set {name} in {env_file}",
    mast=True,
)  # fmt: skip
EVAL_DENIED = _cause(
    "eval-denied", Phase.ENROLL, Code.SOFTWARE, _NO,
    "Loosen the unit's sandbox (systemctl edit mast-agent), and report the system call",
)  # fmt: skip

# --- verify -----------------------------------------------------------------------------------
NOT_ENROLLED = _cause(
    "not-enrolled", Phase.VERIFY, Code.SOFTWARE, _NO,
    "Install a Mast whose Mast.Bootstrap.self_enroll! works, and see what this one printed",
    "journalctl -t mast-agent -n 50", mast=True,
)  # fmt: skip

# What is to be said of a row that is this host's all the same.
ROW_DIFFERS = _cause(
    "row-differs", Phase.VERIFY, Code.TEMPFAIL, _NO,
    "Have it brought up to date", _AGAIN,
)  # fmt: skip
ROW_DOUBLED = _cause(
    "row-doubled", Phase.VERIFY, Code.TEMPFAIL, _NO, "Delete the older one in Mast's dashboard"
)  # fmt: skip
ROW_NAMED_OTHERWISE = _cause(
    "row-named-otherwise", Phase.VERIFY, Code.TEMPFAIL, _NO,
    "If this is a clone", "mast-agent reset", _AGAIN,
)  # fmt: skip

# --- access: the key, the user and sshd, on the host's side -----------------------------------
ACCESS_NOT_ENROLLED = _cause(
    "access-not-enrolled", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Enroll it first", _AGAIN,
)  # fmt: skip
ACCESS_RECORD_UNUSABLE = _cause(
    "access-record-unusable", Phase.ACCESS, Code.CONFIG, _NO,
    "Have it written anew", _AGAIN,
)  # fmt: skip
ACCESS_DENIED = _cause(
    "access-denied", Phase.ACCESS, Code.NOPERM, _NO,
    "Run it as root", _ACCESS,
)  # fmt: skip
ACCESS_USER_MALFORMED = _cause(
    "access-user-malformed", Phase.ACCESS, Code.CONFIG, _NO,
    "Set MAST_SELF_USER in {env_file} to an account that is there for Mast alone, or leave it out",
)  # fmt: skip
ACCESS_USER_MISSING = _cause(
    "access-user-missing", Phase.ACCESS, Code.CONFIG, _NO,
    "Create it", "systemd-sysusers", _ACCESS,
    nixos="Set services.mast.selfManageAccess = true, and run nixos-rebuild switch",
)  # fmt: skip
ACCESS_KEY_UNKNOWN = _cause(
    "access-key-unknown", Phase.ACCESS, Code.SOFTWARE, _NO,
    "Have Mast asked for it", _AGAIN, "journalctl -t mast-agent -n 50",
)  # fmt: skip
ACCESS_KEY_INVALID = _cause(
    "access-key-invalid", Phase.ACCESS, Code.CONFIG, _NO,
    "Have Mast make a new one: delete the server in Mast's dashboard", _AGAIN,
)  # fmt: skip
ACCESS_KEY_ABSENT = _cause(
    "access-key-absent", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Install it", _ACCESS,
)  # fmt: skip
ACCESS_KEY_OUTDATED = _cause(
    "access-key-outdated", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Install the present one", _ACCESS,
)  # fmt: skip
ACCESS_PATH_FOREIGN = _cause(
    "access-path-foreign", Phase.ACCESS, Code.CONFIG, _NO,
    "See who put it there, and move it away", "mv -T {path} {path}.foreign", _ACCESS,
    otherwise="See who put it there, and remove it",
)  # fmt: skip
ACCESS_KEY_ELSEWHERE = _cause(
    "access-key-elsewhere", Phase.ACCESS, Code.CONFIG, _NO,
    "Take the key out of that file, or the file out of sshd's AuthorizedKeysFile",
)  # fmt: skip
ACCESS_UNWRITABLE = _cause(
    "access-unwritable", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Make room on the file system", _ACCESS,
)  # fmt: skip
ACCESS_UNIT_FAILED = _cause(
    "access-unit-failed", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "See why", "journalctl -u mast-agent-access -n 50",
)  # fmt: skip
SSHD_SILENT = _cause(
    "sshd-silent", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Start it", "systemctl start ssh",
    nixos="Set services.openssh.enable = true, or correct MAST_SELF_PORT; run nixos-rebuild switch",
)  # fmt: skip

# --- concerns: what `status` says of a host besides its verdict --------------------------------
RECORD_FOREIGN = _cause(
    "record-foreign", Phase.RELEASE, Code.TEMPFAIL, _NO,
    "Let the agent replace it", _AGAIN,
)  # fmt: skip
HOST_RENAMED = _cause(
    "host-renamed", Phase.VERIFY, Code.SOFTWARE, _NO,
    "Rename its server in Mast; or, if this is a copy, give it a machine id of its own: "
    "docs/reference.md",
)  # fmt: skip
MAST_FAILED = _cause(
    "mast-failed", Phase.RELEASE, Code.TEMPFAIL, _NO,
    "See why", "journalctl -u mast -n 50", "systemctl restart --no-block mast",
)  # fmt: skip
RECORD_UNWRITABLE = _cause(
    "record-unwritable", Phase.VERIFY, Code.TEMPFAIL, _NO,
    "Make room for it in the state directory", _AGAIN,
)  # fmt: skip
ACCESS_KEY_REPLACED = _cause(
    "access-key-replaced", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Have Mast asked for it", _AGAIN,
)  # fmt: skip

# --- access: what sshd, the account or the network do to Mast's login ---------------------------
_RELOAD = "then: systemctl reload ssh"
ACCESS_HOST_FOREIGN = _cause(
    "access-host-foreign", Phase.ACCESS, Code.CONFIG, _NO,
    "Set MAST_SELF_HOST to 127.0.0.1 or to an IPv4 address of this host, or leave it out",
)  # fmt: skip
SSHD_OTHER_PORT = _cause(
    "sshd-other-port", Phase.ACCESS, Code.CONFIG, _NO,
    "Set MAST_SELF_PORT to sshd's port, then: systemctl restart --no-block mast-agent",
)  # fmt: skip
SSHD_USER_REFUSED = _cause(
    "sshd-user-refused", Phase.ACCESS, Code.CONFIG, _NO,
    f"Correct the lists of users and groups in sshd_config, {_RELOAD}",
)  # fmt: skip
SSHD_PUBKEY_OFF = _cause(
    "sshd-pubkey-off", Phase.ACCESS, Code.CONFIG, _NO,
    f"Set PubkeyAuthentication yes in sshd_config, {_RELOAD}",
)  # fmt: skip
SSHD_KEY_FILE = _cause(
    "sshd-key-file", Phase.ACCESS, Code.CONFIG, _NO,
    f"Have sshd read the rule for this user (docs/access.md), {_RELOAD}",
)  # fmt: skip
SSHD_METHODS = _cause(
    "sshd-methods", Phase.ACCESS, Code.CONFIG, _NO,
    f"Take AuthenticationMethods out of sshd_config for this user, {_RELOAD}",
)  # fmt: skip
SSHD_COMMAND_FORCED = _cause(
    "sshd-command-forced", Phase.ACCESS, Code.CONFIG, _NO,
    f"Take ForceCommand out of sshd_config for this user, {_RELOAD}",
)  # fmt: skip
ACCOUNT_SHELL = _cause(
    "account-shell", Phase.ACCESS, Code.CONFIG, _NO,
    "Give the account a shell that runs commands", "usermod -s /bin/sh {user}",
)  # fmt: skip
ACCOUNT_LOCKED = _cause(
    "account-locked", Phase.ACCESS, Code.CONFIG, _NO,
    "Unlock it without a password", "usermod -p * {user}",
)  # fmt: skip
ACCOUNT_EXPIRED = _cause(
    "account-expired", Phase.ACCESS, Code.CONFIG, _NO,
    "Let it live on", "usermod -e -1 {user}",
)  # fmt: skip
MAST_STAYS_AWAY = _cause(
    "mast-stays-away", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "See Mast's own log; its SSH client may be too old (docs/access.md)",
    "journalctl -u mast -n 50",
)  # fmt: skip
LOGIN_REFUSED = _cause(
    "login-refused", Phase.ACCESS, Code.CONFIG, _NO,
    "See what sshd says", "journalctl -t sshd -t sshd-session -n 20",
)  # fmt: skip

# --- a bug in the agent itself ------------------------------------------------------------------
BUG = _cause(
    "bug", Phase.RELEASE, Code.BUG, _NO,
    "Report it with the lines of", "journalctl -t mast-agent -n 50",
)  # fmt: skip
