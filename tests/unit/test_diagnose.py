"""The cause of a failed connection, from libpq's verbose report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.failures import causes
from mast_agent.postgres.diagnose import by_sqlstate, connection_failure
from unit.builders import target

if TYPE_CHECKING:
    from mast_agent.failures.cause import Cause

_TCP = 'connection to server at "192.0.2.7", port 5432 failed: '
_SOCKET = 'connection to server on socket "/run/postgresql/.s.PGSQL.5432" failed: '


def _server(sqlstate: str, text: str, function: str) -> str:
    """Make a verbose report of what the server said; severity and text are localized."""
    return f"{_TCP}FATAL:  {sqlstate}: {text}\nLOCATION:  {function}, file.c:123\n"


_FROM_SERVER = [
    ("28P01", 'password authentication failed for user "mast"', "auth_failed", "wrong-password"),
    ("28P01", "Passwort-Authentifizierung fehlgeschlagen", "auth_failed", "wrong-password"),
    ("3D000", 'database "mast" does not exist', "InitPostgres", "database-missing"),
    ("3D000", "la base de données n'existe pas", "InitPostgres", "database-missing"),
    ("42501", 'permission denied for database "mast"', "CheckMyDatabase", "connect-denied"),
    ("57P03", "the database system is starting up", "ProcessStartupPacket", "starting"),
    ("57P01", "terminating connection", "ProcessInterrupts", "connection-lost"),
    ("57P02", "terminating connection because of crash", "quickdie", "connection-lost"),
    ("53300", "sorry, too many clients already", "InitProcess", "too-many-connections"),
    ("53200", "out of memory", "AllocSetAlloc", "server-error"),
    ("53100", "could not write: No space left on device", "x", "server-error"),
    ("XX000", "internal error", "elog", "server-error"),
    ("08P01", "server login failed: wrong password type", "x", "connection-lost"),
    ("28000", 'no pg_hba.conf entry for host "…"', "ClientAuthentication", "hba-refused"),
    ("28000", "pg_hba.conf weist die Verbindung zurück", "ClientAuthentication", "hba-refused"),
    ("28000", 'Peer authentication failed for user "mast"', "auth_failed", "peer-refused"),
    ("28000", 'role "mast" does not exist', "InitializeSessionUserId", "role-missing"),
    ("28000", 'role "mast" is not permitted to log in', "InitializeSessionUserId", "role-nologin"),
    ("28000", "Rolle »mast« existiert nicht", "InitializeSessionUserId", "role-refused"),
    ("28000", "Rolle »mast« hat keine Berechtigung", "InitializeSessionUserId", "role-refused"),
]


@pytest.mark.parametrize(("sqlstate", "text", "function", "slug"), _FROM_SERVER)
def test_server(sqlstate: str, text: str, function: str, slug: str) -> None:
    """SQLSTATE and the reporting function tell the cause, in whatever language the server is."""
    assert connection_failure(_server(sqlstate, text, function), target()).cause.slug == slug


_FROM_LIBPQ = [
    (f"{_TCP}Connection refused\n\tIs the server running?", "refused"),
    (f"{_SOCKET}No such file or directory\n\tIs the server running?", "socket-missing"),
    (f"{_SOCKET}Permission denied\n\tIs the server running?", "socket-denied"),
    (f"{_TCP}timeout expired", "timed-out"),
    (f"{_TCP}Connection timed out", "timed-out"),
    (f"{_TCP}No route to host", "unreachable"),
    (f"{_TCP}Network is unreachable", "unreachable"),
    (f"{_TCP}server closed the connection unexpectedly\n\tThis probably means", "connection-lost"),
    (f"{_TCP}could not receive data from server: Connection reset by peer", "connection-lost"),
    (f"{_TCP}expected authentication request from server, but received H", "not-postgresql"),
    (f"{_TCP}received invalid response to SSL negotiation: H", "not-postgresql"),
    (f"{_TCP}received invalid response to GSSAPI negotiation: H", "not-postgresql"),
    (f"{_TCP}server does not support SSL, but SSL was required", "tls-unsupported"),
    (f"{_TCP}SSL error: certificate verify failed", "tls-untrusted"),
    (f'{_TCP}server certificate for "a" does not match host name "b"', "tls-untrusted"),
    (f'{_TCP}root certificate file "/etc/ca.pem" does not exist', "tls-untrusted"),
    (f'{_TCP}could not read root certificate file "/x": no certificate', "tls-untrusted"),
    (f"{_TCP}SSL error: tlsv1 alert protocol version", "tls-failed"),
    ("fe_sendauth: no password supplied\n", "password-needed"),
    (f"{_TCP}something new in a later libpq", "connection-lost"),
    ("", "connection-lost"),
]


@pytest.mark.parametrize(("report", "slug"), _FROM_LIBPQ)
def test_libpq(report: str, slug: str) -> None:
    """What libpq says itself, which no language changes here, tells the cause."""
    assert connection_failure(report, target()).cause.slug == slug


def test_words() -> None:
    """A failure names place, role and database, so that nobody has to guess which."""
    message = connection_failure(_server("28P01", "x", "auth_failed"), target()).message
    assert "'mast'" in message
    message = connection_failure(_server("3D000", "x", "y"), target(database="shop")).message
    assert "'shop'" in message
    assert "db.example:5432" in connection_failure(f"{_TCP}Connection refused", target()).message
    socket = target(host=None, socket_directory="/run/postgresql")
    message = connection_failure(f"{_SOCKET}No such file or directory", socket).message
    assert "/run/postgresql/.s.PGSQL.5432" in message


def test_hba_says_which_kind() -> None:
    """A refusal by pg_hba.conf says whether the connection had TLS, which often is the reason."""
    report = _server("28000", "x", "ClientAuthentication")
    assert "without TLS" in connection_failure(report, target()).message
    tls = target(tls=True, root_certificate="/etc/ca.pem")
    assert "with TLS" in connection_failure(report, tls).message


@pytest.mark.parametrize(
    ("sqlstate", "cause"),
    [
        ("57P01", causes.CONNECTION_LOST),
        ("57P03", causes.STARTING),
        ("08006", causes.CONNECTION_LOST),
        ("53300", causes.TOO_MANY_CONNECTIONS),
        ("53100", causes.SERVER_ERROR),
        ("42P01", causes.SERVER_ERROR),
        ("3D000", causes.SERVER_ERROR),
        ("28P01", causes.SERVER_ERROR),
    ],
)
def test_in_a_session(sqlstate: str, cause: Cause) -> None:
    """In an open session the class tells; what only a refusal can mean is not read into it."""
    failure = by_sqlstate(sqlstate, "what was seen")
    assert failure.cause is cause
    assert failure.message == "what was seen"


@given(
    st.one_of(st.text(max_size=200), st.text("{}:FATAL 28P0\n", max_size=60)),
    st.text("{}'\"\\ m", max_size=8),
)
def test_any_report(report: str, name: str) -> None:
    """Any report of any server is some failure of the database's phase, in bounded words."""
    failure = connection_failure(report, target(user=name, database=name))
    assert failure.phase == "database"
    assert 0 < len(failure.message) < 400


def test_without_verbosity() -> None:
    """Where libpq could not be made verbose, a server's refusal is retried, with its text."""
    failure = connection_failure(f"{_TCP}FATAL:  Passwort falsch\n", target())
    assert failure.cause is causes.CONNECTION_LOST
    assert "Passwort falsch" in failure.message
