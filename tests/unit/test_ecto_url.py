"""DATABASE_URL: Ecto's acceptances and refusals, and that a refusal shows nothing of the URL."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.postgres import ecto_options, ecto_url
from mast_agent.text.redact import MASK
from support.canaries import CANARY

# A scheme cannot have an underscore: this never is one.
_URL = "ecto://mast:pw@db.example/mast"


def _read(url: str, **mast: str) -> tuple[str, str | None, str, str]:
    """Return user, password, place and database."""
    target = ecto_url.parse({"DATABASE_URL": url, **mast})
    return target.user, target.password, target.place, target.database


_PLAIN = ("mast", "pw", "db:5432", "mast")

_ACCEPTED = [
    pytest.param("ecto://mast:pw@db/mast", {}, _PLAIN, id="ecto"),
    pytest.param("postgres://mast:pw@db/mast", {}, _PLAIN, id="postgres"),
    pytest.param("postgresql://mast:pw@db/mast", {}, _PLAIN, id="postgresql"),
    pytest.param("ECTO://mast:pw@db/mast", {}, _PLAIN, id="scheme-in-capitals"),
    pytest.param("mysql://mast:pw@db/mast", {}, _PLAIN, id="any-scheme"),
    pytest.param("//mast:pw@db/mast", {}, _PLAIN, id="no-scheme"),
    pytest.param("ecto://mast:pw@db:/mast", {}, _PLAIN, id="empty-port"),
    pytest.param(
        "ecto://mast:pw@db:6543/mast", {}, ("mast", "pw", "db:6543", "mast"), id="port"
    ),
    pytest.param(
        "ecto://mast:pw@db:65535/mast", {}, ("mast", "pw", "db:65535", "mast"), id="last-port"
    ),
    pytest.param(
        "ecto://mast:pw@db/mast?port=6543", {}, ("mast", "pw", "db:6543", "mast"), id="query-port"
    ),
    pytest.param(
        "ecto://us%40er:pw@db/mast", {}, ("us@er", "pw", "db:5432", "mast"), id="user-encoded"
    ),
    pytest.param(
        "ecto://mast:p%40%3A%2F%23%3F%25@db/mast",
        {},
        ("mast", "p@:/#?%", "db:5432", "mast"),
        id="password-encoded",
    ),
    pytest.param(
        "ecto://mast:p%c3%a9@db/mast", {}, ("mast", "pé", "db:5432", "mast"), id="password-utf8"
    ),
    pytest.param(
        "ecto://mast:pé@db/mast", {}, ("mast", "pé", "db:5432", "mast"), id="password-raw-utf8"
    ),
    pytest.param(
        "ecto://mast:p@w@db/mast", {}, ("mast", "p@w", "db:5432", "mast"), id="at-in-password"
    ),
    pytest.param(
        "ecto://mast:p+w@db/mast", {}, ("mast", "p+w", "db:5432", "mast"), id="plus-in-password"
    ),
    pytest.param(
        "ecto://m%zz:p%4@db/mast%", {}, ("m%zz", "p%4", "db:5432", "mast%"), id="stray-percents"
    ),
    pytest.param(
        "ecto://mast@db/mast?password=a%25",
        {},
        ("mast", "a%", "db:5432", "mast"),
        id="query-stray-percent",
    ),
    pytest.param("ecto://mast:pw@d%62/mast", {}, _PLAIN, id="host-encoded"),
    pytest.param(
        "ecto://mast:pw@db/ma%20st", {}, ("mast", "pw", "db:5432", "ma st"), id="database-encoded"
    ),
    pytest.param(
        "ecto://mast:pw@db/ma%2Fst", {}, ("mast", "pw", "db:5432", "ma/st"), id="database-slash"
    ),
    pytest.param("ecto://mast:@db/mast", {}, ("mast", None, "db:5432", "mast"), id="empty-pw"),
    pytest.param("ecto://mast@db/mast", {}, ("mast", None, "db:5432", "mast"), id="no-pw"),
    pytest.param("ecto://mast@db/mast", {"PGPASSWORD": "pw"}, _PLAIN, id="pgpassword"),
    pytest.param("ecto://mast:pw@db/mast", {"PGPASSWORD": "x"}, _PLAIN, id="pw-over-pgpassword"),
    pytest.param("ecto://db/mast?username=mast&password=pw", {}, _PLAIN, id="query-user"),
    pytest.param("ecto://mast:pw@db/mast?username=x", {}, _PLAIN, id="user-over-query-user"),
    pytest.param("ecto://db/mast?password=pw", {"PGUSER": "mast"}, _PLAIN, id="pguser"),
    pytest.param("ecto://db/mast?password=pw", {"USER": "mast"}, _PLAIN, id="os-user"),
    pytest.param("ecto://@db/mast?password=pw", {"USER": "mast"}, _PLAIN, id="empty-userinfo"),
    pytest.param(
        "ecto://mast@db/mast?password=a+b", {}, ("mast", "a b", "db:5432", "mast"), id="query-plus"
    ),
    pytest.param(
        "ecto://mast@db/mast?password=a%2Bb",
        {},
        ("mast", "a+b", "db:5432", "mast"),
        id="query-encoded-plus",
    ),
    pytest.param(
        "ecto://mast@db/mast?password=a%2540b",
        {},
        ("mast", "a@b", "db:5432", "mast"),
        id="query-decoded-twice",
    ),
    pytest.param(
        "ecto://mast@db/mast?password=a=b",
        {},
        ("mast", "a=b", "db:5432", "mast"),
        id="query-value-with-equals",
    ),
    pytest.param(
        "ecto://mast@db/mast?password=a&password=pw", {}, _PLAIN, id="query-last-one-wins"
    ),
    pytest.param("ecto://mast:pw@db/mast?", {}, _PLAIN, id="query-empty"),
    pytest.param("ecto://mast:pw@db/mast?&&", {}, _PLAIN, id="query-only-separators"),
    pytest.param("ecto://mast:pw@db/mast?prefix=x&a", {}, _PLAIN, id="query-unknown-keys"),
    pytest.param("ecto://mast:pw@db/mast?pool_size=20&timeout=15000", {}, _PLAIN, id="integers"),
    pytest.param("ecto://mast:pw@db/mast?timeout=%2B15000", {}, _PLAIN, id="signed-integer"),
    pytest.param("ecto://mast:pw@db/mast#ssl=true", {}, _PLAIN, id="fragment"),
    pytest.param("ecto://mast:pw@db/mast?sslmode=prefer", {}, _PLAIN, id="sslmode-prefer"),
    pytest.param("ecto://mast:pw@db/mast?idle_interval=-5", {}, _PLAIN, id="negative-idle"),
    pytest.param("ecto://mast:pw@db/mast?timeout=0004294967295", {}, _PLAIN, id="greatest-timeout"),
    pytest.param(
        "ecto://mast:pw@db/mast?options=-c&pgbouncer=true&target_session_attrs=any&queue=false", {},
        _PLAIN, id="keys-that-nobody-reads",
    ),
    pytest.param("ecto://db/mast?password=pw", {"PGUSER": "mast", "USER": "x"}, _PLAIN, id="both"),
    # ecto_sql has put 5432 before Postgrex looks for PGPORT.
    pytest.param("ecto://mast:pw@db/mast", {"PGPORT": "6543"}, _PLAIN, id="pgport-not-read"),
    pytest.param("ecto://mast:pw@db/mast", {"PGHOST": "x", "PGDATABASE": "x"}, _PLAIN, id="pghost"),
    pytest.param(
        "ecto://mast@localhost/mast?socket_dir=/run/postgresql",
        {},
        ("mast", None, "/run/postgresql/.s.PGSQL.5432", "mast"),
        id="socket-dir",
    ),
    pytest.param(
        "ecto://mast@localhost:6543/mast?socket_dir=%2Frun%2Fpostgresql%2F",
        {},
        ("mast", None, "/run/postgresql/.s.PGSQL.6543", "mast"),
        id="socket-dir-and-port",
    ),
    pytest.param(
        "ecto://mast@localhost/mast?socket=/run/pg/.s.PGSQL.6543",
        {},
        ("mast", None, "/run/pg/.s.PGSQL.6543", "mast"),
        id="socket",
    ),
    pytest.param(
        "ecto://mast:pw@[2001:db8::7]:6543/mast",
        {"ECTO_IPV6": "true"},
        ("mast", "pw", "[2001:db8::7]:6543", "mast"),
        id="ipv6",
    ),
    pytest.param(
        "ecto://mast:pw@[::1]/mast", {"ECTO_IPV6": "1"}, ("mast", "pw", "[::1]:5432", "mast"),
        id="ipv6-loopback",
    ),
    pytest.param("ecto://mast:pw@db/mast", {"ECTO_IPV6": "true"}, _PLAIN, id="ipv6-name"),
    pytest.param(
        "ecto://mast:pw@192.0.2.7/mast", {"ECTO_IPV6": "false"},
        ("mast", "pw", "192.0.2.7:5432", "mast"), id="ipv4",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("url", "mast", "expected"), _ACCEPTED)
def test_accepted(
    url: str, mast: dict[str, str], expected: tuple[str, str | None, str, str]
) -> None:
    """What Ecto takes is read as Ecto reads it."""
    assert _read(url, **mast) == expected


_REFUSED = [
    pytest.param(f"mast:{CANARY}@db/mast", {}, "no host", id="no-scheme-no-slashes"),
    pytest.param(f"jdbc:postgresql://mast:{CANARY}@db/mast", {}, "no host", id="jdbc"),
    pytest.param(f"ecto:/mast:{CANARY}@db/mast", {}, "no host", id="one-slash"),
    pytest.param(f"ecto:///{CANARY}", {}, "no host", id="no-authority"),
    pytest.param(f"ecto://mast:{CANARY}@/mast", {}, "no host", id="no-host"),
    pytest.param(f"ecto://mast:{CANARY}@:5432/mast", {}, "no host", id="port-without-host"),
    pytest.param(f"ecto://mast:{CANARY}@[]/mast", {}, "no host", id="empty-brackets"),
    pytest.param(f"host=db password={CANARY}", {}, "blank", id="libpq-keywords"),
    pytest.param(f"ecto://mast:{CANARY}@db", {}, "database name", id="no-path"),
    pytest.param(f"ecto://mast:{CANARY}@db/", {}, "database name", id="empty-path"),
    pytest.param(f"ecto://mast:{CANARY}@db/a/b", {}, "database name", id="nested-path"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast/", {}, "database name", id="slash-at-end"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast\n", {}, "line break", id="newline-at-end"),
    pytest.param(f"ecto://mast:{CANARY} @db/mast", {}, "blank", id="blank"),
    pytest.param(f"ecto://mast:{CANARY}\0@db/mast", {}, "control", id="raw-nul"),
    pytest.param(f"ecto://mast:{CANARY}%00@db/mast", {}, "NUL", id="encoded-nul"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast%00", {}, "NUL", id="nul-in-database"),
    pytest.param(f"ecto://mast:{CANARY}%ff@db/mast", {}, "UTF-8", id="encoded-bad-utf8"),
    pytest.param(f"ecto://mast:{CANARY}\udcff@db/mast", {}, "UTF-8", id="raw-bad-utf8"),
    pytest.param(f"ecto://mast:{CANARY}:x@db/mast", {}, "%3A", id="colon-in-password"),
    pytest.param(f"ecto://mast:{CANARY}/x@db/mast", {}, "percent-encoded", id="slash-in-password"),
    pytest.param(f"ecto://mast:{CANARY}#x@db/mast", {}, "percent-encoded", id="hash-in-password"),
    pytest.param(f"ecto://mast:{CANARY}?x@db/mast", {}, "percent-encoded", id="query-in-password"),
    # With digits first, what stands before the slash would be a port.
    pytest.param(f"ecto://mast:12/{CANARY}@db", {}, "percent-encoded", id="slash-behind-digits"),
    pytest.param(
        f"ecto://mast:12/{CANARY}?x@db/mast", {}, "percent-encoded", id="query-behind-digits"
    ),
    pytest.param(
        f"ecto://mast:12/{CANARY}#x@db/mast", {}, "percent-encoded", id="hash-behind-digits"
    ),
    pytest.param(f"ecto://:{CANARY}@db/mast", {}, "no user", id="empty-user"),
    pytest.param(f"ecto://db/{CANARY}", {}, "no user", id="no-user-anywhere"),
    pytest.param(f"ecto://mast:{CANARY}@db:0/mast", {}, "port", id="port-zero"),
    pytest.param(f"ecto://mast:{CANARY}@db:65536/mast", {}, "port", id="port-too-great"),
    pytest.param(f"ecto://mast:{CANARY}@db:x5432/mast", {}, "port", id="port-letters"),
    pytest.param(f"ecto://mast:{CANARY}@db:-1/mast", {}, "port", id="port-negative"),
    pytest.param(f"ecto://mast:{CANARY}@db:\u0665/mast", {}, "port", id="port-arabic-digit"),
    pytest.param(f"ecto://mast:{CANARY}@db:1:2/mast", {}, "port", id="two-ports"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?port=x", {}, "port", id="query-port-letters"),
    pytest.param(f"ecto://mast:{CANARY}@::1/mast", {}, "host", id="ipv6-without-brackets"),
    pytest.param(f"ecto://mast:{CANARY}@[::1]/mast", {}, "ECTO_IPV6", id="ipv6-unset"),
    pytest.param(
        f"ecto://mast:{CANARY}@[::1]/mast", {"ECTO_IPV6": "yes"}, "ECTO_IPV6", id="ipv6-yes"
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@192.0.2.7/mast", {"ECTO_IPV6": "true"}, "IPv4", id="ipv4-as-ipv6"
    ),
    pytest.param(f"ecto://mast:{CANARY}@[db]/mast", {}, "brackets", id="name-in-brackets"),
    pytest.param(
        f"ecto://mast:{CANARY}@%2Frun%2Fpostgresql/mast", {}, "socket_dir", id="path-as-host"
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?host=/run/pg", {}, "socket_dir", id="libpq-host"
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?socket_dir=run/pg", {}, "socket_dir", id="relative-dir"
    ),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?socket_dir=", {}, "socket_dir", id="empty-dir"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?socket=/run/pg", {}, "socket", id="dir-as-socket"),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?socket=/run/.s.PGSQL.65536", {}, "socket", id="socket-port"
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?socket=/run/.s.PGSQL.05432", {}, "socket", id="socket-zero"
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?socket_dir=/run/pg", {"ECTO_IPV6": "true"}, "ECTO_IPV6",
        id="ipv6-and-socket",
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?socket_dir=/run/pg&ssl=true", {}, "ssl", id="tls-and-socket"
    ),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?ssl=require", {}, "ssl", id="ssl-other"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?ssl=", {}, "ssl", id="ssl-empty"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?sslmode=require", {}, "sslmode", id="sslmode"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?pool_size=ten", {}, "pool_size", id="pool-size"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?timeout=1.5", {}, "timeout", id="timeout-float"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?timeout=+1", {}, "timeout", id="timeout-plus"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?idle_interval=", {}, "idle_interval", id="idle"),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?timeout=5&timeout=x", {}, "timeout", id="first-timeout-wins"
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?timeout=x&timeout=5", {}, "timeout", id="each-is-parsed"
    ),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?timeout=%2531", {}, "timeout", id="encoded-twice"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?timeout=0", {}, "timeout", id="timeout-zero"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?timeout=-1", {}, "timeout", id="timeout-negative"),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?timeout=4294967296", {}, "timeout", id="timeout-too-great"
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?timeout={'9' * 5000}", {}, "timeout", id="timeout-endless"
    ),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?pool_size=0", {}, "pool_size", id="no-pool"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?ssl=%2574rue", {}, "ssl", id="ssl-encoded-twice"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?ssl=no&ssl=true", {}, "ssl", id="each-ssl"),
    pytest.param(
        f"ecto://mast:{CANARY}@db/mast?ssl=false&sslmode=require", {}, "ssl=true", id="ssl-counts"
    ),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?{'k' * 256}=1", {}, "255", id="key-too-long"),
    pytest.param(f"ecto://mast:{CANARY}@db/mast?port=", {}, "port", id="query-port-empty"),
    pytest.param(f"ecto://db/{CANARY}?username=", {"USER": "mast"}, "user", id="query-user-empty"),
    pytest.param(f"ecto://db/{CANARY}", {"PGUSER": "", "USER": "mast"}, "user", id="pguser-empty"),
    pytest.param(f"ecto://mast:{CANARY}@one,two/mast", {}, "several hosts", id="two-hosts"),
    pytest.param(
        f"ecto://mast:{CANARY}@one:5432,two:5433/mast", {}, "several hosts", id="two-hosts-ports"
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@[::1],[::2]/mast", {"ECTO_IPV6": "1"}, "several hosts", id="two-ipv6"
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@[fe80::1%25eth0]/mast", {"ECTO_IPV6": "1"}, "a zone", id="zone"
    ),
    pytest.param(
        f"ecto://mast:{CANARY}@[fe80::1%eth0]:5432/mast", {}, "a zone", id="zone-not-encoded"
    ),
    pytest.param(f"https://mast:{CANARY}@db/mast", {}, "ecto://", id="scheme-with-a-port"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "mast", "reason"), _REFUSED)
def test_refused(url: str, mast: dict[str, str], reason: str) -> None:
    """What Ecto refuses or misreads ends with 78 and a reason, and nothing of the URL is shown."""
    with pytest.raises(Failure) as caught:
        ecto_url.parse({"DATABASE_URL": url, **mast})
    failure = caught.value
    assert failure.cause is causes.URL_REFUSED
    assert failure.code == Code.CONFIG
    assert reason in failure.message
    assert CANARY.lower() not in f"{failure} {failure.__cause__}".lower()
    assert failure.__suppress_context__ or failure.__context__ is None


# What to write instead of each key that Mast's libraries read and cannot take as a string: which
# these are has been seen by starting, loading and migrating a repository with each of them.
_INSTEAD = {
    "write timeout=": ("connect_timeout", "handshake_timeout", "ping_timeout"),
    "write pool_size=": ("pool_count",),
    "write idle_interval=": ("idle_limit",),
    "write ssl=true": ("ssl_opts",),
    "write socket_dir=": ("host", "hostaddr"),
    "name one host": ("endpoints",),
    "ECTO_IPV6": ("socket_options",),
    "max_prepared_statements": ("prepare",),
    "ALTER ROLE": ("parameters", "search_path"),
    "leave it out": (
        "pool", "queue_target", "queue_interval", "max_lifetime", "max_restarts", "max_seconds",
        "shutdown", "spawn_opt", "backoff_type", "backoff_min", "backoff_max", "configure",
        "after_connect", "connection_listeners", "disconnect_on_error_codes",
        "show_sensitive_data_on_connection_error", "target_server_type", "transactions", "types",
        "disable_composite_types", "log", "log_stacktrace_mfa", "stacktrace", "telemetry_prefix",
        "otp_app", "priv", "start_apps_before_migration", "migration_lock", "migration_source",
        "migration_repo", "migration_default_prefix", "migration_primary_key",
        "migration_foreign_key", "migration_timestamps", "migration_cast_version_column",
        "migration_advisory_lock_max_tries", "migration_advisory_lock_retry_interval_ms",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "instead"), [(key, text) for text, keys in _INSTEAD.items() for key in keys]
)
@pytest.mark.parametrize("value", ["=10", "=", "=true", ""])
def test_keys_that_mast_cannot_take(key: str, instead: str, value: str) -> None:
    """Each is refused by its name, whatever its value, with what to write instead of it."""
    with pytest.raises(Failure) as caught:
        ecto_url.parse({"DATABASE_URL": f"ecto://mast:{CANARY}@db/mast?ssl=true&{key}{value}"})
    failure = caught.value
    assert failure.cause is causes.URL_REFUSED
    assert f" {key}, " in failure.message
    assert instead in failure.message
    assert CANARY not in str(failure)


def test_no_other_key_is_refused() -> None:
    """The table above has all of them."""
    assert {key for keys in _INSTEAD.values() for key in keys} == set(ecto_options.INSTEAD)


@pytest.mark.parametrize(
    ("mast", "named"),
    [
        ({"DATABASE_URL": "ecto://db/mast", "PGUSER": "m\udce4st"}, "PGUSER"),
        ({"DATABASE_URL": "ecto://db/mast", "USER": "m\udce4st"}, "USER"),
        ({"DATABASE_URL": "ecto://mast@db/mast", "PGPASSWORD": "p\udce4ss"}, "PGPASSWORD"),
        (
            {"DATABASE_URL": f"{_URL}?ssl=true", "PGSSLROOTCERT": "/etc/\udce4.pem"},
            "PGSSLROOTCERT",
        ),
    ],
)
def test_variables_that_are_not_utf8(mast: dict[str, str], named: str) -> None:
    """What the URL falls back to has to be text too: it is named, and is no bug of the agent's."""
    with pytest.raises(Failure, match=f"{named}.* is not UTF-8") as caught:
        ecto_url.parse(mast)
    assert caught.value.cause is causes.VARIABLE_MALFORMED
    assert "ss" not in caught.value.message
    # Where it is not taken, it may be what it likes.
    ecto_url.parse({**mast, "DATABASE_URL": _URL})


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("//mast:Zq7%2FCanary@db/mast", id="no-scheme"),
        pytest.param("ecto://mast@db/mast?password=Zq7%2FCanary", id="query"),
        pytest.param("ecto://mast@db/mast?password=Zq7%252FCanary", id="query-encoded-twice"),
    ],
)
def test_password_is_masked_as_it_is_in_the_end(url: str) -> None:
    """However the URL has the password, what the server gets of it is masked."""
    target = ecto_url.parse({"DATABASE_URL": url})
    assert target.password == "Zq7/Canary"
    assert target.redactor.quote("it is Zq7/Canary!") == f"it is {MASK}!"


def test_password_with_blanks_is_masked() -> None:
    """A plus in the query is a blank of the password."""
    target = ecto_url.parse({"DATABASE_URL": "ecto://mast@db/mast?password=+Zq7+Canary"})
    assert target.password == " Zq7 Canary"
    assert target.redactor.quote("it is ' Zq7 Canary'") == f"it is '{MASK}'"


@pytest.mark.parametrize("mast", [{}, {"DATABASE_URL": ""}])
def test_missing(mast: dict[str, str]) -> None:
    """No URL and an empty one are a cause of their own."""
    with pytest.raises(Failure) as caught:
        ecto_url.parse(mast)
    assert caught.value.cause is causes.URL_MISSING


@pytest.mark.parametrize(
    ("query", "tls"),
    [
        ("", False),
        ("?ssl=false", False),
        ("?ssl=true", True),
        ("?ssl=true&sslmode=require", True),
        ("?sslmode=verify-full&ssl=true", True),
        ("?ssl=true&sslmode=disable", True),
        ("?ssl=false&sslmode=prefer", False),
        ("?ssl=false&ssl=true", True),
    ],
)
def test_tls(*, query: str, tls: bool) -> None:
    """TLS is what ssl=true asks for, verified against the authorities of PGSSLROOTCERT."""
    target = ecto_url.parse(
        {"DATABASE_URL": f"ecto://u:p@db/mast{query}", "PGSSLROOTCERT": "/etc/ca.pem"}
    )
    assert target.tls is tls
    assert target.root_certificate == ("/etc/ca.pem" if tls else None)


def test_tls_without_authorities_of_its_own() -> None:
    """Without PGSSLROOTCERT it is a bundle of the system."""
    target = ecto_url.parse({"DATABASE_URL": "ecto://u:p@db/mast?ssl=true"})
    assert str(target.root_certificate).startswith("/etc/")


def test_repr_without_password() -> None:
    """A target in a traceback or a log does not show the password."""
    target = ecto_url.parse({"DATABASE_URL": f"ecto://mast:{CANARY}@db/mast"})
    assert target.password == CANARY
    assert CANARY not in repr(target)
    assert "db:5432" in repr(target)


_PART = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
_HOST = st.sampled_from(["db", "localhost", "db-1.example.org", "192.0.2.7", "x_y"])


@given(user=_PART, password=_PART, host=_HOST, port=st.integers(1, 65535), database=_PART)
def test_round_trip(user: str, password: str, host: str, port: int, database: str) -> None:
    """Whatever the parts are, percent-encoded into a URL they are read back the same."""
    userinfo = f"{quote(user, safe='')}:{quote(password, safe='')}"
    target = ecto_url.parse(
        {"DATABASE_URL": f"ecto://{userinfo}@{host}:{port}/{quote(database, safe='')}"}
    )
    assert (target.user, target.password) == (user, password)
    assert (target.host, target.port, target.database) == (host, port, database)


def _shown(url: str) -> str:
    """Return everything that a refusal of `url` shows; empty when it is accepted."""
    shown = ""
    try:
        ecto_url.parse({"DATABASE_URL": url})
    except Failure as failure:
        shown = f"{failure.message} {failure.remedy} {failure.__cause__} (exit {failure.code:d})"
    assert not shown or shown.endswith("(exit 78)")
    return shown


_VALID = [
    f"ecto://mast:{CANARY}@db.example:5432/mast?ssl=true&pool_size=10#x",
    f"postgres://{CANARY}:pw%40@[::1]/mast?timeout=15000",
    f"ecto://mast@localhost/mast?socket_dir=/run/postgresql&password={CANARY}",
]
_PIECES = st.one_of(
    st.sampled_from(["", "@", ":", "/", "//", "?", "#", "%", "%0", "%00", "%ff", "[", "]", "&"]),
    st.sampled_from(["=", "+", " ", "\n", "\0", "\udcff", "ssl=", "port=x", "0", "99999"]),
    st.text(max_size=3),
)


@given(
    url=st.sampled_from(_VALID),
    cuts=st.lists(st.tuples(st.integers(0, 80), st.integers(0, 3), _PIECES), max_size=4),
)
def test_mutations_show_nothing(url: str, cuts: list[tuple[int, int, str]]) -> None:
    """A URL damaged anywhere is read or refused, and the secret in it is never shown."""
    for at, size, piece in cuts:
        url = url[:at] + piece + url[at + size :]
    shown = _shown(url)
    # A cut through the secret leaves pieces of it, which must not be seen either.
    assert "Zq7" not in shown
    assert "Canary" not in shown


_GREEK = "αβγδ"


@given(st.text(st.sampled_from(_GREEK + ":/?#[]@%+&=.0123abcdef \n\0\udc80"), max_size=60))
def test_any_text_shows_nothing(text: str) -> None:
    """Any text is read or refused with 78, never with another exception, and never repeated."""
    shown = _shown(text or "-")
    assert not set(_GREEK) & set(shown)
