r"""Tells the cause of a failed connection from what libpq reports.

psycopg gives no SQLSTATE for a connection that failed (its issue 1188), and the server's text
comes in the server's language. `connect` therefore has libpq report verbosely:

    connection to server at "127.0.0.1", port 5432 failed: FATAL:  28P01: password …
    LOCATION:  auth_failed, auth.c:334

The SQLSTATE and the C function in LOCATION are never translated, and libpq's own sentences are
English here, because this process never leaves the C locale for LC_MESSAGES. The server's own
sentences are looked at in one place only, as a refinement that may fail: `_role`. A report without
a LOCATION is not PostgreSQL's own: `pooler`.

What stays indistinguishable, because the protocol says nothing of it:
- a missing role, a wrong and an expired password under password authentication (all 28P01);
- a server that admits only TLS and one that has no rule at all for this client (both 28000 from
  ClientAuthentication);
- a missing role and one without LOGIN, from a server that does not speak English.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.postgres import pooler

if TYPE_CHECKING:
    from mast_agent.failures.cause import Cause
    from mast_agent.postgres.parameters import ConnectionParameters

# Every SQLSTATE has a digit, and the severity before it ("FATAL") has none.
_SERVER_REPORT = re.compile(r":\s+(?=[A-Z]*[0-9])([0-9A-Z]{5}):\s+(.*)")
_LOCATION = re.compile(r"^LOCATION:\s+(\w+),", re.MULTILINE)

# 53300 is the role's limit, the database's, or else the server's: postinit.c, miscinit.c.
_LIMITS = {
    "InitializeSessionUserId": (
        replace(
            causes.TOO_MANY_CONNECTIONS,
            remedy="Lower POOL_SIZE in {env_file}, or raise the role's own limit",
            run=("SQL ALTER ROLE {role} CONNECTION LIMIT -1",),
        ),
        "the role {user!r} has as many connections as it may have (CONNECTION LIMIT)",
    ),
    "CheckMyDatabase": (
        replace(
            causes.TOO_MANY_CONNECTIONS,
            remedy="Lower POOL_SIZE in {env_file}, or raise the database's own limit",
            run=("SQL ALTER DATABASE {database} CONNECTION LIMIT -1",),
        ),
        "the database {database!r} has as many connections as it may have (CONNECTION LIMIT)",
    ),
}

_BY_SQLSTATE: dict[str, tuple[Cause, str]] = {
    "28P01": (
        causes.WRONG_PASSWORD,
        "the server rejects the password of {user!r} (or that role does not exist)",
    ),
    "3D000": (causes.DATABASE_MISSING, "the database {database!r} does not exist"),
    "42501": (causes.CONNECT_DENIED, "{user!r} may not connect to the database {database!r}"),
    "57P03": (causes.STARTING, "the server is starting up, recovering or shutting down"),
    "57P01": (causes.CONNECTION_LOST, "the server ended the connection: it is shutting down"),
    "57P02": (causes.CONNECTION_LOST, "the server ended the connection: another backend crashed"),
    "53300": (causes.TOO_MANY_CONNECTIONS, "the server has no connection left for {user!r}"),
}

# libpq's sentences (fe-connect.c, fe-secure-openssl.c, fe-auth.c) and the C library's.
_BY_SENTENCE: tuple[tuple[str, Cause, str], ...] = (
    (
        "server does not support SSL",
        causes.TLS_UNSUPPORTED,
        "DATABASE_URL has ssl=true and the server at {place} has no TLS",
    ),
    (
        "certificate verify failed",
        causes.TLS_UNTRUSTED,
        "no authority in {root} vouches for the certificate of the server at {place}",
    ),
    (
        "does not match host name",
        causes.TLS_UNTRUSTED,
        "the certificate of the server at {place} is for another name",
    ),
    ("root certificate file", causes.TLS_UNTRUSTED, "the file of authorities {root} is missing"),
    ("could not read root certificate", causes.TLS_UNTRUSTED, "{root} holds no certificates"),
    (
        "received invalid response to SSL negotiation",
        causes.NOT_POSTGRESQL,
        "what listens at {place} does not speak PostgreSQL's protocol",
    ),
    ("SSL error", causes.TLS_FAILED, "the TLS handshake with {place} failed"),
    (
        "no password supplied",
        causes.PASSWORD_NEEDED,
        "the server wants a password of {user!r} and DATABASE_URL has none",
    ),
    (
        "expected authentication request from server",
        causes.NOT_POSTGRESQL,
        "what listens at {place} does not speak PostgreSQL's protocol",
    ),
    (
        "invalid response",
        causes.NOT_POSTGRESQL,
        "what listens at {place} does not speak PostgreSQL's protocol",
    ),
    ("Connection refused", causes.REFUSED, "nothing listens at {place} (connection refused)"),
    ("No such file or directory", causes.SOCKET_MISSING, "the socket {place} does not exist"),
    ("Permission denied", causes.SOCKET_DENIED, "the socket {place} may not be opened"),
    ("timeout expired", causes.TIMED_OUT, "the server at {place} does not answer"),
    ("Connection timed out", causes.TIMED_OUT, "the server at {place} does not answer"),
    ("No route to host", causes.UNREACHABLE, "there is no route to {place}"),
    ("Network is unreachable", causes.UNREACHABLE, "there is no route to {place}"),
    (
        "server closed the connection unexpectedly",
        causes.CONNECTION_LOST,
        "what listens at {place} closed the connection",
    ),
    (
        "Connection reset by peer",
        causes.CONNECTION_LOST,
        "what listens at {place} reset the connection",
    ),
    ("Broken pipe", causes.CONNECTION_LOST, "what listens at {place} closed the connection"),
)


def connection_failure(report: str, parameters: ConnectionParameters) -> Failure:
    """Return the failure that libpq's verbose `report` on a connection amounts to."""
    server = _SERVER_REPORT.search(report)
    if server is not None:
        return _from_server(server[1], server[2], report, parameters)
    for sentence, cause, message in _BY_SENTENCE:
        if sentence in report:
            return _failure(cause, message, parameters)
    return Failure(
        causes.CONNECTION_LOST,
        f"the connection to {parameters.place} failed: "
        f"{parameters.redactor.quote(_first_line(report))}",
    )


def _from_server(
    sqlstate: str, text: str, report: str, parameters: ConnectionParameters
) -> Failure:
    location = _LOCATION.search(report)
    if location is None:
        return pooler.failure(sqlstate, text, parameters)
    if sqlstate == "28000":
        return _role(location[1], text, parameters)
    if sqlstate == "53300" and location[1] in _LIMITS:
        return _failure(*_LIMITS[location[1]], parameters)
    if sqlstate in _BY_SQLSTATE:
        return _failure(*_BY_SQLSTATE[sqlstate], parameters)
    return by_sqlstate(sqlstate, f"the server at {parameters.place} refuses (SQLSTATE {sqlstate})")


def by_sqlstate(sqlstate: str, message: str) -> Failure:
    """Return the failure for a SQLSTATE without a meaning of its own here, by its class.

    Source of the classes: PostgreSQL's appendix A.
    """
    if sqlstate in _BY_SQLSTATE and sqlstate[:2] in ("57", "53"):
        return Failure(_BY_SQLSTATE[sqlstate][0], message)
    by_class = {
        "08": causes.CONNECTION_LOST,
        "57": causes.CONNECTION_LOST,
    }
    return Failure(by_class.get(sqlstate[:2], causes.SERVER_ERROR), message)


def _role(function: str, text: str, parameters: ConnectionParameters) -> Failure:
    """28000 says only "invalid authorization": the C function that reported it says more."""
    if function == "ClientAuthentication":
        kind = "with TLS" if parameters.tls else "without TLS"
        return _failure(
            causes.HBA_REFUSED,
            f"the server at {{place}} admits no connection {kind} "
            "of {user!r} to {database!r} from here (pg_hba.conf)",
            parameters,
        )
    if function == "auth_failed":
        return _failure(
            causes.PEER_REFUSED,
            "the server does not take this operating-system user for {user!r}",
            parameters,
        )
    # InitializeSessionUserId reports both; only the sentence tells which, where it is English.
    if "is not permitted to log in" in text:
        return _failure(causes.ROLE_NOLOGIN, "the role {user!r} may not log in", parameters)
    if "does not exist" in text:
        return _failure(causes.ROLE_MISSING, "the role {user!r} does not exist", parameters)
    return _failure(
        causes.ROLE_REFUSED, "the role {user!r} does not exist or may not log in", parameters
    )


def _failure(cause: Cause, message: str, parameters: ConnectionParameters) -> Failure:
    return Failure(
        cause,
        message.format(
            place=parameters.place,
            user=parameters.user,
            database=parameters.database,
            root=parameters.root_certificate or "the system's list",
        ),
    )


def _first_line(report: str) -> str:
    return report.strip().partition("\n")[0]
