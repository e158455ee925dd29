"""The query keys of DATABASE_URL that Mast's libraries read, and cannot take from a URL.

Ecto makes an option of every key, with a string for its value; only ssl=true and ssl=false and
the three of INTEGERS become what they mean. So `connect_timeout=10` reaches Postgrex as the string
"10", and Mast ends as soon as it connects, or migrates, or comes under load. Others are taken, and
mean something else: stacktrace=false is a string and therefore true, queue_target is compared with
a number and never reached, migration_source has the migrations counted in another table than the
agent's. All of these are refused, with what to write instead. Keys that nobody reads (options,
pgbouncer, target_session_attrs, …) are ignored by Mast, and here.

Read in, and each key tried on: ecto 3.14.1 (Ecto.Repo.Supervisor.parse_url and init_config,
Ecto.Migrator), ecto_sql 3.14.0 (Ecto.Adapters.SQL.init, Ecto.Adapters.Postgres), postgrex 0.22.2
(Postgrex.Protocol.connect) and db_connection 2.10.2 (ConnectionPool, Connection, Backoff).
"""

from __future__ import annotations

import re

INTEGERS = frozenset({"timeout", "pool_size", "idle_interval"})
"""What Ecto makes an integer of (@integer_url_query_params)."""

POSITIVE = frozenset({"timeout", "pool_size"})
"""Those of INTEGERS that have to be above zero."""

MAX_INTEGER = 0xFFFFFFFF
"""Erlang's timers go no further, in milliseconds: 49 days."""

MAX_KEY_CHARACTERS = 255
"""An option's name is an atom, which cannot be longer."""

_LEAVE_OUT = "leave it out: only Mast's own configuration can set it"
_TIMEOUT = "write timeout=15000 (milliseconds), which counts for this too"
_ROLE = "set it for the role: ALTER ROLE … SET …"

INSTEAD: dict[str, str] = {
    **dict.fromkeys(("connect_timeout", "handshake_timeout", "ping_timeout"), _TIMEOUT),
    # How connections are pooled and retried.
    "pool_count": "write pool_size=10, or set POOL_SIZE",
    "idle_limit": "write idle_interval=1000 (milliseconds), or leave it out",
    **dict.fromkeys((
        "pool", "queue_target", "queue_interval", "max_lifetime", "max_restarts", "max_seconds",
        "shutdown", "spawn_opt", "backoff_type", "backoff_min", "backoff_max", "configure",
        "after_connect", "connection_listeners", "disconnect_on_error_codes",
        "show_sensitive_data_on_connection_error",
    ), _LEAVE_OUT),
    # How Postgrex talks to the server.
    "endpoints": "name one host before the database",
    "ssl_opts": "write ssl=true, which verifies against the system's authorities",
    "socket_options": "leave it out, and for IPv6 set ECTO_IPV6=true",
    "prepare": "leave it out; PgBouncer has max_prepared_statements",
    **dict.fromkeys(("parameters", "search_path"), _ROLE),
    **dict.fromkeys((
        "target_server_type", "transactions", "types", "disable_composite_types",
    ), _LEAVE_OUT),
    # What Ecto does around it.
    **dict.fromkeys((
        "log", "log_stacktrace_mfa", "stacktrace", "telemetry_prefix", "otp_app", "priv",
        "start_apps_before_migration", "migration_lock", "migration_source", "migration_repo",
        "migration_default_prefix", "migration_primary_key", "migration_foreign_key",
        "migration_timestamps", "migration_cast_version_column",
        "migration_advisory_lock_max_tries", "migration_advisory_lock_retry_interval_ms",
    ), _LEAVE_OUT),
    # libpq's; Ecto ignores it and goes to the host before the database.
    **dict.fromkeys(("host", "hostaddr"), "for a socket write socket_dir=/DIR"),
}  # fmt: skip
"""Key, and what to write instead of it."""


def fault(key: str, value: str) -> str | None:
    """Return what the value of one of INTEGERS is not and has to be, None where it is that."""
    if not re.fullmatch(r"[+-]?[0-9]+", value):
        return "an integer"
    least = 1 if key in POSITIVE else -MAX_INTEGER
    digits = value.lstrip("+-").lstrip("0")
    # Not longer than its limit: Python refuses to convert thousands of digits.
    number = int(f"{'-' if value.startswith('-') else ''}{digits[:11] or 0}")
    return None if least <= number <= MAX_INTEGER else f"from {least} to {MAX_INTEGER}"
