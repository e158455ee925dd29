"""The table of causes: everything that the agent can tell apart.

Documented for operators in docs/reference.md; a test holds the two against each other.
"""

from __future__ import annotations

from mast_agent.failure import Cause, Code, Patience, Phase

_NO, _GRACE, _RETRY, _CROWDED = Patience.NONE, Patience.GRACE, Patience.RETRY, Patience.CROWDED
_EVALS = Patience.EVALS
_ENV = "the environment file (MAST_AGENT_ENV_FILE) or the environment"


def _cause(  # noqa: PLR0917 - a table reads best without names
    slug: str,
    phase: Phase,
    code: Code,
    patience: Patience,
    remedy: str,
    settled: Code | None = None,
) -> Cause:
    cause = Cause(
        slug=slug, phase=phase, code=code, patience=patience, remedy=remedy, settled=settled
    )
    CAUSES[slug] = cause
    return cause


CAUSES: dict[str, Cause] = {}

# --- release: settings, environment file, the release on disk -------------------------------
SETTING_MALFORMED = _cause(
    "setting-malformed", Phase.RELEASE, Code.CONFIG, _NO, "Correct the setting"
)
ENV_FILE_MISSING = _cause(
    "env-file-missing", Phase.RELEASE, Code.CONFIG, _NO,
    "Create the file, or correct MAST_AGENT_ENV_FILE",
)  # fmt: skip
ENV_FILE_UNREADABLE = _cause(
    "env-file-unreadable", Phase.RELEASE, Code.CONFIG, _NO,
    "Make it readable for the agent's user, as root: chown root:mast FILE && chmod 0640 FILE",
)  # fmt: skip
ENV_FILE_MALFORMED = _cause(
    "env-file-malformed", Phase.RELEASE, Code.CONFIG, _NO,
    "Correct that line; the syntax is that of EnvironmentFile= in systemd.exec(5)",
)  # fmt: skip
VARIABLE_MISSING = _cause("variable-missing", Phase.RELEASE, Code.CONFIG, _NO, f"Set it in {_ENV}")
VARIABLE_MALFORMED = _cause(
    "variable-malformed", Phase.RELEASE, Code.CONFIG, _NO, f"Correct it in {_ENV}"
)
ENVIRONMENT_TOO_LARGE = _cause(
    "environment-too-large", Phase.RELEASE, Code.CONFIG, _NO,
    f"Shorten the variable in {_ENV}",
)  # fmt: skip
SELF_HOST_IPV6 = _cause(
    "self-host-ipv6", Phase.RELEASE, Code.CONFIG, _NO,
    "Let sshd listen on 127.0.0.1 too (ListenAddress), and leave MAST_SELF_HOST out",
)  # fmt: skip
RELEASE_MISSING = _cause(
    "release-missing", Phase.RELEASE, Code.CONFIG, _NO,
    "Install Mast, or set MAST_BIN to the bin/mast of its release",
)  # fmt: skip
RELEASE_NOT_EXECUTABLE = _cause(
    "release-not-executable", Phase.RELEASE, Code.CONFIG, _NO,
    "Make it executable for the agent's user: chmod a+rx FILE",
)  # fmt: skip
NOT_A_RELEASE = _cause(
    "not-a-release", Phase.RELEASE, Code.CONFIG, _NO,
    "Set MAST_BIN to the bin/mast of an unpacked Mast release",
)  # fmt: skip
RUNTIME_DENIED = _cause(
    "runtime-denied", Phase.RELEASE, Code.NOPERM, _NO,
    "Run it through the unit (systemctl start mast-agent), or set RUNTIME_DIRECTORY",
)  # fmt: skip

# --- release: the service's user, where root asks or enrolls by hand --------------------------
SERVICE_USER_MISSING = _cause(
    "service-user-missing", Phase.RELEASE, Code.CONFIG, _NO,
    "Create it: systemd-sysusers; or name another: --user NAME",
)  # fmt: skip
SERVICE_USER_DENIED = _cause(
    "service-user-denied", Phase.RELEASE, Code.NOPERM, _NO,
    "Run it with CAP_SETUID and CAP_SETGID, as an ordinary root",
)  # fmt: skip
SERVICE_USER_DYNAMIC = _cause(
    "service-user-dynamic", Phase.RELEASE, Code.NOPERM, _NO,
    "Let the unit do it: systemctl restart --no-block mast-agent && mast-agent status --wait",
)  # fmt: skip
DIRECTORY_DENIED = _cause(
    "directory-denied", Phase.RELEASE, Code.NOPERM, _NO,
    "Let the service's user have it, or name another directory",
)  # fmt: skip
RESET_DENIED = _cause(
    "reset-denied", Phase.RELEASE, Code.NOPERM, _NO, "Run it as root: sudo mast-agent reset"
)

# --- database: finding, reaching and entering it ----------------------------------------------
URL_MISSING = _cause("url-missing", Phase.DATABASE, Code.CONFIG, _NO, f"Set DATABASE_URL in {_ENV}")
URL_REFUSED = _cause(
    "url-refused", Phase.DATABASE, Code.CONFIG, _NO,
    "Correct DATABASE_URL: ecto://USER:PASSWORD@HOST:PORT/DATABASE, specials percent-encoded",
)  # fmt: skip
REFUSED = _cause(
    "refused", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Start PostgreSQL (systemctl start postgresql), or correct host and port in DATABASE_URL",
)  # fmt: skip
SOCKET_MISSING = _cause(
    "socket-missing", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Start PostgreSQL (systemctl start postgresql), or correct socket_dir in DATABASE_URL",
)  # fmt: skip
SOCKET_DENIED = _cause(
    "socket-denied", Phase.DATABASE, Code.NOPERM, _NO,
    "Give the agent's user access to the socket and the directories above it",
)  # fmt: skip
NAME_UNRESOLVED = _cause(
    "name-unresolved", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Correct the host in DATABASE_URL, or the name service",
)  # fmt: skip
UNREACHABLE = _cause(
    "unreachable", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Check the network and the firewall between this host and the database server",
)  # fmt: skip
TIMED_OUT = _cause(
    "timed-out", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Check that PostgreSQL is what listens there and that no firewall drops the packets",
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
    "Correct host and port in DATABASE_URL: something else listens there", Code.CONFIG,
)  # fmt: skip
STALLED = _cause(
    "stalled", Phase.DATABASE, Code.TEMPFAIL, _RETRY,
    "See pg_stat_activity and the load of the database server",
)  # fmt: skip
TOO_MANY_CONNECTIONS = _cause(
    "too-many-connections", Phase.DATABASE, Code.TEMPFAIL, _CROWDED,
    "Raise max_connections or the role's CONNECTION LIMIT, or lower Mast's POOL_SIZE",
)  # fmt: skip
SERVER_ERROR = _cause(
    "server-error", Phase.DATABASE, Code.TEMPFAIL, _RETRY,
    "Look the SQLSTATE up in the log of PostgreSQL",
)  # fmt: skip
READ_ONLY = _cause(
    "read-only", Phase.DATABASE, Code.TEMPFAIL, _RETRY,
    "Point DATABASE_URL at the primary, or promote this server",
)  # fmt: skip
WRONG_PASSWORD = _cause(
    "wrong-password", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Correct user and password in DATABASE_URL, or set the role's: ALTER ROLE … PASSWORD '…'",
)  # fmt: skip
PASSWORD_NEEDED = _cause(
    "password-needed", Phase.DATABASE, Code.CONFIG, _NO,
    "Put the password into DATABASE_URL, or use a socket with peer authentication",
)  # fmt: skip
ROLE_MISSING = _cause(
    "role-missing", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Create it: CREATE ROLE … LOGIN; or correct the user in DATABASE_URL",
)  # fmt: skip
ROLE_REFUSED = _cause(
    "role-refused", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Create the role, or allow it to log in: ALTER ROLE … LOGIN",
)  # fmt: skip
ROLE_NOLOGIN = _cause(
    "role-nologin", Phase.DATABASE, Code.NOPERM, _NO, "Allow it: ALTER ROLE … LOGIN"
)
PEER_REFUSED = _cause(
    "peer-refused", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Run as the user that the role belongs to (as root: --user NAME), or map it in pg_ident.conf",
)  # fmt: skip
HBA_REFUSED = _cause(
    "hba-refused", Phase.DATABASE, Code.CONFIG, _NO,
    "Admit it in pg_hba.conf; where only TLS is admitted (hostssl), add ?ssl=true to DATABASE_URL",
)  # fmt: skip
DATABASE_MISSING = _cause(
    "database-missing", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Create it: CREATE DATABASE … OWNER …; or correct its name in DATABASE_URL",
)  # fmt: skip
CONNECT_DENIED = _cause(
    "connect-denied", Phase.DATABASE, Code.NOPERM, _NO,
    "Allow it: GRANT CONNECT ON DATABASE … TO …",
)  # fmt: skip
TLS_UNSUPPORTED = _cause(
    "tls-unsupported", Phase.DATABASE, Code.CONFIG, _NO,
    "Turn TLS on in the server (ssl = on), or take ssl=true out of DATABASE_URL",
)  # fmt: skip
TLS_UNTRUSTED = _cause(
    "tls-untrusted", Phase.DATABASE, Code.CONFIG, _NO,
    "Install the certificate's authority on this host, or name it in PGSSLROOTCERT",
)  # fmt: skip
TLS_FAILED = _cause(
    "tls-failed", Phase.DATABASE, Code.UNAVAILABLE, _GRACE,
    "Compare the TLS settings of both sides (ssl_min_protocol_version, ssl_ciphers)", Code.CONFIG,
)  # fmt: skip

# --- database: a pooler before it -------------------------------------------------------------
POOLER_SERVER_DOWN = _cause(
    "pooler-server-down", Phase.DATABASE, Code.UNAVAILABLE, _RETRY,
    "Start the server behind the pooler; or see whether its pool is full or paused (SHOW POOLS)",
)  # fmt: skip
POOLER_MISCONFIGURED = _cause(
    "pooler-misconfigured", Phase.DATABASE, Code.CONFIG, _GRACE,
    "Correct the pooler's settings; its log says more",
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
    "Run them: bin/mast eval 'Mast.Release.migrate()' (mast.service does so when it starts)",
)  # fmt: skip
MIGRATIONS_RUNNING = _cause(
    "migrations-running", Phase.MIGRATIONS, Code.TEMPFAIL, _RETRY,
    "Wait until they are through; the log of the migrating process tells how far they are",
)  # fmt: skip
SCHEMA_AHEAD = _cause(
    "schema-ahead", Phase.MIGRATIONS, Code.CONFIG, _NO,
    "Install the newer release again, or roll the migrations back with it before the downgrade",
)  # fmt: skip
SCHEMA_INCOMPLETE = _cause(
    "schema-incomplete", Phase.MIGRATIONS, Code.CONFIG, _NO,
    "Point DATABASE_URL at Mast's own database; schema_migrations there is another application's",
)  # fmt: skip
SELECT_DENIED = _cause(
    "select-denied", Phase.MIGRATIONS, Code.NOPERM, _NO,
    "Let the role own the database: ALTER DATABASE … OWNER TO …; or GRANT SELECT on the table",
)  # fmt: skip

# --- enroll: locks and the eval ---------------------------------------------------------------
LOCK_HELD = _cause(
    "lock-held", Phase.ENROLL, Code.TEMPFAIL, _CROWDED,
    "Wait for the other mast-agent, or stop it",
)  # fmt: skip
LOCK_DENIED = _cause(
    "lock-denied", Phase.ENROLL, Code.NOPERM, _NO,
    "Run it as the unit's user: systemctl start mast-agent",
)  # fmt: skip
BOOTSTRAP_MISSING = _cause(
    "bootstrap-missing", Phase.ENROLL, Code.SOFTWARE, _NO,
    "Build Mast with Mast.Bootstrap of this project: /usr/share/mast-agent/bootstrap.ex",
)  # fmt: skip
NAME_TAKEN = _cause(
    "name-taken", Phase.ENROLL, Code.SOFTWARE, _NO,
    "Delete that server in Mast, or rename this host: hostnamectl hostname NAME",
)  # fmt: skip
VAULT_KEY_WRONG = _cause(
    "vault-key-wrong", Phase.ENROLL, Code.CONFIG, _NO,
    "Set MAST_VAULT_KEY to the key that this database was set up with, where mast.service reads it",
)  # fmt: skip
EVAL_FAILED = _cause(
    "eval-failed", Phase.ENROLL, Code.TEMPFAIL, _EVALS,
    "See what it printed: journalctl -t mast-agent",
)  # fmt: skip
EVAL_HUNG = _cause(
    "eval-hung", Phase.ENROLL, Code.TEMPFAIL, _EVALS,
    "See what it printed: journalctl -t mast-agent; or raise MAST_AGENT_TIMEOUT",
)  # fmt: skip
EVAL_UNSTARTED = _cause(
    "eval-unstarted", Phase.ENROLL, Code.TEMPFAIL, _NO,
    "Raise MAST_AGENT_TIMEOUT; the unit is started again by itself",
)  # fmt: skip
EVAL_KILLED = _cause(
    "eval-killed", Phase.ENROLL, Code.TEMPFAIL, _EVALS,
    "See the kernel log for the out-of-memory killer: journalctl -k",
)  # fmt: skip
EVAL_UNSTARTABLE = _cause(
    "eval-unstartable", Phase.ENROLL, Code.CONFIG, _NO,
    "Reinstall the release for this machine's architecture; it needs coreutils, sed, grep and awk",
)  # fmt: skip
EVAL_NOT_EXECUTABLE = _cause(
    "eval-not-executable", Phase.ENROLL, Code.CONFIG, _NO,
    "Let the agent's user execute all of the release (chmod -R a+rX); mount it without noexec",
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
    "eval-misconfigured", Phase.ENROLL, Code.CONFIG, _NO, f"Set it in {_ENV}"
)
EVAL_DENIED = _cause(
    "eval-denied", Phase.ENROLL, Code.SOFTWARE, _NO,
    "Loosen the unit's sandbox by a drop-in, and report the system call",
)  # fmt: skip

# --- verify -----------------------------------------------------------------------------------
NOT_ENROLLED = _cause(
    "not-enrolled", Phase.VERIFY, Code.SOFTWARE, _NO,
    "Install a Mast whose Mast.Bootstrap.self_enroll! works, and see: journalctl -t mast-agent",
)  # fmt: skip

# What is to be said of a row that is this host's all the same.
ROW_DIFFERS = _cause(
    "row-differs", Phase.VERIFY, Code.TEMPFAIL, _NO,
    "Have it brought up to date: systemctl restart --no-block mast-agent",
)  # fmt: skip
ROW_DOUBLED = _cause(
    "row-doubled", Phase.VERIFY, Code.TEMPFAIL, _NO, "Delete the older one in Mast's dashboard"
)  # fmt: skip
ROW_NAMED_OTHERWISE = _cause(
    "row-named-otherwise", Phase.VERIFY, Code.TEMPFAIL, _NO,
    "If it is a clone: sudo mast-agent reset, then: systemctl restart --no-block mast-agent",
)  # fmt: skip

# --- access: the key, the user and sshd, on the host's side -----------------------------------
ACCESS_NOT_ENROLLED = _cause(
    "access-not-enrolled", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Enroll it first: systemctl start mast-agent",
)  # fmt: skip
ACCESS_RECORD_UNUSABLE = _cause(
    "access-record-unusable", Phase.ACCESS, Code.CONFIG, _NO,
    "Have it written anew: systemctl restart mast-agent",
)  # fmt: skip
ACCESS_DENIED = _cause(
    "access-denied", Phase.ACCESS, Code.NOPERM, _NO,
    "Run it as root: systemctl start mast-agent-access",
)  # fmt: skip
ACCESS_USER_MALFORMED = _cause(
    "access-user-malformed", Phase.ACCESS, Code.CONFIG, _NO,
    "Set MAST_SELF_USER to an account that is there for Mast alone, or leave it out",
)  # fmt: skip
ACCESS_USER_MISSING = _cause(
    "access-user-missing", Phase.ACCESS, Code.CONFIG, _NO,
    "Create it: systemd-sysusers (on NixOS: services.mast.selfManageAccess = true)",
)  # fmt: skip
ACCESS_KEY_UNKNOWN = _cause(
    "access-key-unknown", Phase.ACCESS, Code.SOFTWARE, _NO,
    "Have Mast asked for it: systemctl restart mast-agent, and see: journalctl -t mast-agent",
)  # fmt: skip
ACCESS_KEY_INVALID = _cause(
    "access-key-invalid", Phase.ACCESS, Code.CONFIG, _NO,
    "Have Mast make a new one: delete the server in Mast, then systemctl restart mast-agent",
)  # fmt: skip
ACCESS_KEY_ABSENT = _cause(
    "access-key-absent", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Install it: systemctl start mast-agent-access",
)  # fmt: skip
ACCESS_KEY_OUTDATED = _cause(
    "access-key-outdated", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Install the present one: systemctl start mast-agent-access",
)  # fmt: skip
ACCESS_PATH_FOREIGN = _cause(
    "access-path-foreign", Phase.ACCESS, Code.CONFIG, _NO,
    "See who put it there and remove it, then: systemctl start mast-agent-access",
)  # fmt: skip
ACCESS_KEY_ELSEWHERE = _cause(
    "access-key-elsewhere", Phase.ACCESS, Code.CONFIG, _NO,
    "Take the key out of that file, or the file out of sshd's AuthorizedKeysFile",
)  # fmt: skip
ACCESS_UNWRITABLE = _cause(
    "access-unwritable", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Make room on the file system, then: systemctl start mast-agent-access",
)  # fmt: skip
ACCESS_UNIT_FAILED = _cause(
    "access-unit-failed", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "See: journalctl -u mast-agent-access",
)  # fmt: skip
SSHD_SILENT = _cause(
    "sshd-silent", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Start it: systemctl start ssh (on NixOS: sshd); or correct MAST_SELF_HOST, MAST_SELF_PORT",
)  # fmt: skip

# --- concerns: what `status` says of a host besides its verdict --------------------------------
RECORD_FOREIGN = _cause(
    "record-foreign", Phase.RELEASE, Code.TEMPFAIL, _NO,
    "Let the agent replace it: systemctl restart --no-block mast-agent",
)  # fmt: skip
HOST_RENAMED = _cause(
    "host-renamed", Phase.VERIFY, Code.SOFTWARE, _NO,
    "Rename its server in Mast; or, if this is a copy, give it a machine id of its own: "
    "docs/reference.md",
)  # fmt: skip
MAST_FAILED = _cause(
    "mast-failed", Phase.RELEASE, Code.TEMPFAIL, _NO,
    "See why: journalctl -u mast -n 50, then: systemctl restart --no-block mast",
)  # fmt: skip
RECORD_UNWRITABLE = _cause(
    "record-unwritable", Phase.VERIFY, Code.TEMPFAIL, _NO,
    "Make room for it in the state directory, then: systemctl restart --no-block mast-agent",
)  # fmt: skip
ACCESS_KEY_REPLACED = _cause(
    "access-key-replaced", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "Have Mast asked for it: systemctl restart --no-block mast-agent",
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
    "Give the account a shell that runs commands, as root: usermod -s /bin/sh USER",
)  # fmt: skip
ACCOUNT_LOCKED = _cause(
    "account-locked", Phase.ACCESS, Code.CONFIG, _NO,
    "Unlock it without a password, as root: usermod -p '*' USER",
)  # fmt: skip
ACCOUNT_EXPIRED = _cause(
    "account-expired", Phase.ACCESS, Code.CONFIG, _NO,
    "Let it live on, as root: usermod -e '' USER",
)  # fmt: skip
MAST_STAYS_AWAY = _cause(
    "mast-stays-away", Phase.ACCESS, Code.TEMPFAIL, _NO,
    "See Mast's own log (journalctl -u mast); its SSH client may be too old (docs/access.md)",
)  # fmt: skip
LOGIN_REFUSED = _cause(
    "login-refused", Phase.ACCESS, Code.CONFIG, _NO,
    "See what sshd says: journalctl -t sshd -t sshd-session -n 20",
)  # fmt: skip

# --- a bug in the agent itself ------------------------------------------------------------------
BUG = _cause(
    "bug", Phase.RELEASE, Code.BUG, _NO,
    "Report it with the lines of: journalctl -t mast-agent",
)  # fmt: skip
