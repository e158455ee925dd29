"""Causes in finding, reaching and entering the database, or a pooler before it."""

from __future__ import annotations

from mast_agent.failures.cause import Code, Phase
from mast_agent.failures.causes.table import CROWDED, GRACE, NO, RETRY, enter

_CREATE_ROLE = "DO $$BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN END$$"

URL_MISSING = enter(
    "url-missing", Phase.DATABASE, Code.CONFIG, NO,
    "Set DATABASE_URL in {env_file}: ecto://USER:PASSWORD@HOST:PORT/DATABASE",
    mast=True,
)  # fmt: skip
URL_REFUSED = enter(
    "url-refused", Phase.DATABASE, Code.CONFIG, NO,
    "Correct DATABASE_URL in {env_file}: ecto://USER:PASSWORD@HOST:PORT/DATABASE, percent-encoded",
    mast=True,
)  # fmt: skip
REFUSED = enter(
    "refused", Phase.DATABASE, Code.UNAVAILABLE, RETRY,
    "Start PostgreSQL", "systemctl start {stopped}",
    otherwise="Start PostgreSQL at {place}, or correct host and port of DATABASE_URL in {env_file}",
)  # fmt: skip
SOCKET_MISSING = enter(
    "socket-missing", Phase.DATABASE, Code.UNAVAILABLE, RETRY,
    "Start PostgreSQL", "systemctl start {stopped}",
    otherwise="Start PostgreSQL with the socket {place}, or correct DATABASE_URL in {env_file}",
)  # fmt: skip
SOCKET_DENIED = enter(
    "socket-denied", Phase.DATABASE, Code.NOPERM, NO,
    "Let the agent's user {os_user} open {place}, and enter the directories above it",
)  # fmt: skip
NAME_UNRESOLVED = enter(
    "name-unresolved", Phase.DATABASE, Code.UNAVAILABLE, RETRY,
    "Correct the host of DATABASE_URL in {env_file}, or the name service",
)  # fmt: skip
UNREACHABLE = enter(
    "unreachable", Phase.DATABASE, Code.UNAVAILABLE, RETRY,
    "Check the network and the firewall between this host and {place}",
)  # fmt: skip
TIMED_OUT = enter(
    "timed-out", Phase.DATABASE, Code.UNAVAILABLE, RETRY,
    "Check that PostgreSQL is what listens at {place} and that no firewall drops the packets",
)  # fmt: skip
STARTING = enter(
    "starting", Phase.DATABASE, Code.UNAVAILABLE, RETRY,
    "Wait until PostgreSQL has started or recovered; its log tells how far it is",
)  # fmt: skip
CONNECTION_LOST = enter(
    "connection-lost", Phase.DATABASE, Code.UNAVAILABLE, RETRY,
    "See the log of PostgreSQL for why it closes connections",
)  # fmt: skip
NOT_POSTGRESQL = enter(
    "not-postgresql", Phase.DATABASE, Code.UNAVAILABLE, GRACE,
    "Correct host and port of DATABASE_URL in {env_file}, where another program listens",
    escalates_to=Code.CONFIG, mast=True,
)  # fmt: skip
STALLED = enter(
    "stalled", Phase.DATABASE, Code.TEMPFAIL, RETRY,
    "See pg_stat_activity and the load of the database server",
)  # fmt: skip
TOO_MANY_CONNECTIONS = enter(
    "too-many-connections", Phase.DATABASE, Code.TEMPFAIL, CROWDED,
    "Raise max_connections of PostgreSQL, or lower POOL_SIZE in {env_file}",
)  # fmt: skip
SERVER_ERROR = enter(
    "server-error", Phase.DATABASE, Code.TEMPFAIL, RETRY,
    "Look the SQLSTATE up in the log of PostgreSQL",
)  # fmt: skip
READ_ONLY = enter(
    "read-only", Phase.DATABASE, Code.TEMPFAIL, RETRY,
    "Point DATABASE_URL in {env_file} at the primary, or promote this server",
)  # fmt: skip
WRONG_PASSWORD = enter(
    "wrong-password", Phase.DATABASE, Code.CONFIG, GRACE,
    "Correct DATABASE_URL in {env_file}, or make a role with the password that stands there",
    f"SQL {_CREATE_ROLE} | \\password {{role}}",
    otherwise="Correct user and password in DATABASE_URL ({env_file}), or the role on the server",
    mast=True,
)  # fmt: skip
PASSWORD_NEEDED = enter(
    "password-needed", Phase.DATABASE, Code.CONFIG, NO,
    "Put the password into DATABASE_URL in {env_file}, or use a socket with peer authentication",
    mast=True,
)  # fmt: skip
ROLE_MISSING = enter(
    "role-missing", Phase.DATABASE, Code.CONFIG, GRACE,
    "Create it", "SQL CREATE ROLE {role} LOGIN",
)  # fmt: skip
ROLE_REFUSED = enter(
    "role-refused", Phase.DATABASE, Code.CONFIG, GRACE,
    "Create the role, or let it log in", f"SQL {_CREATE_ROLE} | ALTER ROLE {{role}} LOGIN",
    otherwise="Create the role {role} there, or let it log in, or correct the user in DATABASE_URL",
)  # fmt: skip
ROLE_NOLOGIN = enter(
    "role-nologin", Phase.DATABASE, Code.NOPERM, NO,
    "Let it log in", "SQL ALTER ROLE {role} LOGIN",
)  # fmt: skip
PEER_REFUSED = enter(
    "peer-refused", Phase.DATABASE, Code.CONFIG, GRACE,
    "Ask as {role} (as root: --user {role}), name {os_user}'s role in DATABASE_URL, or map it "
    "in pg_ident.conf",
    mast=True,
)  # fmt: skip
HBA_REFUSED = enter(
    "hba-refused", Phase.DATABASE, Code.CONFIG, NO,
    "Admit it in {pg_directory}/pg_hba.conf; where that has hostssl, set ssl=true in DATABASE_URL",
    "systemctl reload {postgresql}",
    otherwise="Admit it in pg_hba.conf; where that has hostssl alone, set ssl=true in DATABASE_URL",
)  # fmt: skip
DATABASE_MISSING = enter(
    "database-missing", Phase.DATABASE, Code.CONFIG, GRACE,
    "Create it", "SQL CREATE DATABASE {database} OWNER {role}", "={migrate}",
)  # fmt: skip
CONNECT_DENIED = enter(
    "connect-denied", Phase.DATABASE, Code.NOPERM, NO,
    "Let it connect", "SQL GRANT CONNECT ON DATABASE {database} TO {role}",
)  # fmt: skip
TLS_UNSUPPORTED = enter(
    "tls-unsupported", Phase.DATABASE, Code.CONFIG, NO,
    "Turn TLS on in the server (ssl = on), or take ssl=true out of DATABASE_URL in {env_file}",
    mast=True,
)  # fmt: skip
TLS_UNTRUSTED = enter(
    "tls-untrusted", Phase.DATABASE, Code.CONFIG, NO,
    "Install the certificate's authority on this host, or name it by PGSSLROOTCERT in {env_file}",
    mast=True,
)  # fmt: skip
TLS_FAILED = enter(
    "tls-failed", Phase.DATABASE, Code.UNAVAILABLE, GRACE,
    "Compare the TLS settings of both sides (ssl_min_protocol_version, ssl_ciphers)",
    escalates_to=Code.CONFIG,
)  # fmt: skip

# --- a pooler before it -----------------------------------------------------------------------
POOLER_SERVER_DOWN = enter(
    "pooler-server-down", Phase.DATABASE, Code.UNAVAILABLE, RETRY,
    "Start the server behind the pooler; or see whether its pool is full or paused (SHOW POOLS)",
)  # fmt: skip
POOLER_MISCONFIGURED = enter(
    "pooler-misconfigured", Phase.DATABASE, Code.CONFIG, GRACE,
    "Correct the settings of the pooler at {place}; its log says more",
)  # fmt: skip
POOLER_STATEMENT_MODE = enter(
    "pooler-statement-mode", Phase.DATABASE, Code.CONFIG, NO,
    "Set pool_mode = transaction (or session) for this database: Mast works in transactions",
)  # fmt: skip
POOLER_REFUSED = enter(
    "pooler-refused", Phase.DATABASE, Code.UNAVAILABLE, RETRY,
    "See the log of the pooler; a database may be disabled there (PgBouncer: ENABLE)",
)  # fmt: skip
