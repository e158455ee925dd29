"""Fuzzes the reader of DATABASE_URL: what it refuses, and what it tells libpq."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from mast_agent.failures import causes
from mast_agent.failures.cause import Code
from mast_agent.failures.failure import Failure
from mast_agent.postgres import ecto_url, libpq
from psycopg.conninfo import conninfo_to_dict

from chance.draw import CANARY, Draw, Target
from chance.masking import assert_masked

if TYPE_CHECKING:
    from mast_agent.postgres.parameters import ConnectionParameters as Database

_QUERY_KEYS = (
    "ssl", "sslmode", "socket_dir", "socket", "port", "username", "password", "pool_size",
    "timeout", "connect_timeout", "options",
)  # fmt: skip


def database_url(data: bytes) -> None:
    """Any URL is refused in words that show nothing of it, or means what libpq can be told."""
    draw = Draw(data)
    mast = {
        name: draw.text(12)
        for name in ("PGUSER", "USER", "PGPASSWORD", "PGSSLROOTCERT")
        if draw.number(3) == 0
    }
    if draw.number(3) == 0:
        mast["ECTO_IPV6"] = draw.one_of(("true", "1", "no"))
    match draw.number(2):
        case 0:
            url = draw.rest().replace(b"\0", b"").decode("utf-8", "surrogateescape")
        case 1:
            url = _with_parts(draw)
        case _:
            _round_trip(draw)
            return
    _parse({**mast, "DATABASE_URL": url})
    at = draw.number(0xFFFF) % (len(url) + 1)
    _parse({**mast, "DATABASE_URL": url[:at] + CANARY + url[at:]})


def _with_parts(draw: Draw) -> str:
    """Return what has the form of a URL, of parts that may be anything."""
    user, password, host = draw.text(12), draw.text(16), draw.text(12)
    port, database = draw.text(6), draw.text(12)
    query = "&".join(f"{draw.one_of(_QUERY_KEYS)}={draw.text(16)}" for _ in range(draw.number(3)))
    return (
        f"{draw.one_of(('ecto', 'postgres', 'http', ''))}://{user}:{password}@{host}"
        f"{draw.one_of((':', ''))}{port}/{database}{'?' if query else ''}{query}"
    )


def _parse(mast: dict[str, str]) -> None:
    try:
        target = ecto_url.parse(mast)
    except Failure as failure:
        _assert_refused(failure)
        return
    assert 0 < target.port <= 65535
    assert (target.host is None) == (target.socket_directory is not None)
    _told_to_libpq(target)
    public = (target.user, target.database, target.host)
    if target.password and target.password.strip() and target.password not in public:
        assert_masked(target.redactor, target.password)


def _assert_refused(failure: Failure) -> None:
    assert failure.cause in (causes.URL_MISSING, causes.URL_REFUSED, causes.VARIABLE_MALFORMED)
    assert failure.code == Code.CONFIG
    assert CANARY[:4].lower() not in f"{failure} {failure.__cause__ or ''}".lower()
    assert failure.__suppress_context__ or failure.__context__ is None


def _told_to_libpq(target: Database) -> None:
    """Whatever was accepted reaches libpq, and as it was."""
    conninfo = libpq._conninfo(target, None)  # noqa: SLF001 - what libpq is told
    told = conninfo_to_dict(conninfo.encode().decode())
    assert told["dbname"] == target.database
    assert told["user"] == target.user
    assert told.get("password") == target.password
    assert told.get("host") == (target.socket_directory or target.host)
    assert int(str(told["port"])) == target.port


def _round_trip(draw: Draw) -> None:
    """What is percent-encoded as it has to be comes out as it was."""
    user, password, database = (
        draw.piece(20).replace(b"\0", b"").decode("utf-8", "ignore") or "x" for _ in range(3)
    )
    port = 1 + draw.number(65534)
    encoded = [quote(text, safe="") for text in (user, password, database)]
    url = "ecto://{}:{}@db.example:{}/{}".format(*encoded[:2], port, encoded[2])
    target = ecto_url.parse({"DATABASE_URL": url})
    found = (target.user, target.password, target.host, target.port, target.database)
    assert found == (user, password, "db.example", port, database)


TARGET = Target(
    check=database_url,
    seeds=(
        b"\1\1\1\1\1\0ecto://mast:secret@db.example:5432/mast?ssl=true&pool_size=10",
        b"\1\1\1\1\1\0ecto://mast@localhost/mast?socket_dir=/run/postgresql",
        b"\0\4mast\0\4mast\0\4pass\0\2/x\0\1\4user\x06secret\7db.host\0\4mast\0\0\0",
        b"\1\1\1\1\1\2\4user\x06se:@/\xc3\xa9\x04mast\x15\x38",
    ),
    words=(b"ecto://", b"@", b":", b"/", b"?", b"#", b"&", b"=", b"%", b"%2F", b"%00", b"%ff",
           b"[::1]", b",", b"ssl=true", b"socket_dir=/", b"socket=/.s.PGSQL.5432", b"port=",
           b"username=", b"password=", b"timeout=", b"+", b"\xff"),
)  # fmt: skip
