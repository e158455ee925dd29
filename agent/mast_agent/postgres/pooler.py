"""Judges what a pooler says that stands before the database: PgBouncer above all.

A pooler answers in PostgreSQL's protocol with words of its own. It is known by what it leaves
out: PostgreSQL names the C function that reports an error (fields F, L and R of ErrorResponse),
PgBouncer (proto.c, send_pooler_error), Odyssey and PgCat send severity, SQLSTATE and text alone.

A SQLSTATE that says more than "no" is believed: PgBouncer hands on the server's since 1.20,
Odyssey has its own. PgBouncer's own answers are all 08P01, PgCat's 58000: there the text counts.
The pooler's sentences are never translated. The server's, which PgBouncer hands on as 08P01
before 1.20, come in the server's language: English ones are told apart, others are quoted and
retried. So is every sentence that is not in the table; nothing else depends on these words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mast_agent.failures import causes
from mast_agent.failures.failure import Failure

if TYPE_CHECKING:
    from mast_agent.failures.cause import Cause
    from mast_agent.postgres.parameters import ConnectionParameters

_BY_SQLSTATE = {
    "28P01": causes.WRONG_PASSWORD,
    "3D000": causes.DATABASE_MISSING,
    "42501": causes.CONNECT_DENIED,
    "53300": causes.TOO_MANY_CONNECTIONS,
    "57P03": causes.STARTING,
}

# Regular expressions; the first cause that has one counts. PgBouncer puts what the server said last
# into its own sentence ("server login has been failing, cached error: …"): reasons before results.
_BY_WORDS: tuple[tuple[Cause, tuple[str, ...]], ...] = (
    (causes.POOLER_STATEMENT_MODE, ("statement pooling mode",)),
    (
        causes.DATABASE_MISSING,
        ("no such database", "database .* does not exist", "no pool configured for database"),
    ),
    (causes.ROLE_MISSING, ("role .* does not exist",)),
    (causes.ROLE_NOLOGIN, ("is not permitted to log in",)),
    (causes.CONNECT_DENIED, ("permission denied for database",)),
    (causes.PEER_REFUSED, ("unix socket login rejected", "peer authentication failed")),
    (
        # PgBouncer's pg_hba.conf says so in these words, and the server's by its name.
        causes.HBA_REFUSED,
        ("login rejected", "certificate authentication failed", r"pg_hba\.conf", "SSL required"),
    ),
    (
        # By password, SASL, LDAP, PAM, "trust"; "auth failed" is older than 1.13.
        causes.WRONG_PASSWORD,
        ("auth(entication)? failed", "no such user", "empty password returned by client"),
    ),
    (
        causes.TOO_MANY_CONNECTIONS,
        (
            "too many (connections|clients)",
            "no more connections allowed",
            "connections exceeded",
            "connection slots",
            "resources exhaustion",
        ),
    ),
    (
        causes.POOLER_MISCONFIGURED,
        (
            "bouncer config error",
            "unsupported (options )?startup parameter",
            "not supported by this build",
            "no authentication method",
            "auth_ldap_options",
            # What it has in its auth_file does not open the server.
            "wrong password type",
            "server signature",
            "SASL authentication mechanisms are supported",
        ),
    ),
    (
        causes.POOLER_SERVER_DOWN,
        (
            "server login",
            "cannot connect",
            "connect(ion)? (failed|timeout)",
            "DNS lookup failed",
            "query_wait_timeout",
            "client_login_timeout",
            "server conn",
            "the database system is",
            "could not get connection",
        ),
    ),
)

# Where the cause's own remedy names PostgreSQL's settings alone.
_REMEDIES = {
    causes.WRONG_PASSWORD: "Correct user and password in DATABASE_URL, or among the pooler's users "
    "(PgBouncer: auth_file, auth_query)",
    causes.DATABASE_MISSING: "Correct the database's name in DATABASE_URL or among the pooler's "
    "databases (PgBouncer: [databases]), or create it on the server behind",
    causes.HBA_REFUSED: "Admit it in the pooler's settings (PgBouncer: auth_hba_file); where it "
    "admits only TLS, add ?ssl=true to DATABASE_URL",
    causes.TOO_MANY_CONNECTIONS: "Raise the pooler's limits (PgBouncer: max_client_conn) or the "
    "server's max_connections, or lower Mast's POOL_SIZE",
}


def failure(sqlstate: str, words: str, parameters: ConnectionParameters) -> Failure:
    """Return what a pooler's refusal amounts to, in its own words."""
    cause = _BY_SQLSTATE.get(sqlstate) or _by_words(words)
    if cause is None:
        cause = causes.ROLE_REFUSED if sqlstate == "28000" else causes.POOLER_REFUSED
    return Failure(
        cause,
        f"the pooler at {parameters.place} says: {parameters.redactor.quote(words)}",
        remedy=_REMEDIES.get(cause),
    )


def _by_words(words: str) -> Cause | None:
    for cause, sentences in _BY_WORDS:
        if any(re.search(sentence, words, re.IGNORECASE) for sentence in sentences):
            return cause
    return None
