"""What a pooler's words amount to. What PgBouncer really says is in integration/test_pgbouncer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mast_agent.failures import causes
from mast_agent.postgres import pooler
from mast_agent.postgres.diagnose import connection_failure
from mast_agent.text.redact import MASK, Redactor
from unit.builders import target

# Sentences of PgBouncer 1.12 to 1.25 (their sources), and what the server's own become in them.
_PGBOUNCER = [
    ("no such database: shop", "database-missing"),
    ('database "shop" does not exist', "database-missing"),
    ('database "shop" is disabled', "pooler-refused"),
    ("auth failed", "wrong-password"),
    ("password authentication failed", "wrong-password"),
    ('password authentication failed for user "mast"', "wrong-password"),
    ("SASL authentication failed", "wrong-password"),
    ("LDAP authentication failed", "wrong-password"),
    ("PAM authentication failed", "wrong-password"),
    ('"trust" authentication failed', "wrong-password"),
    ("empty password returned by client", "wrong-password"),
    ("no such user", "wrong-password"),
    ("no such user: mast", "wrong-password"),
    ('role "mast" does not exist', "role-missing"),
    ('role "mast" is not permitted to log in', "role-nologin"),
    ('permission denied for database "shop"', "connect-denied"),
    ("login rejected", "hba-refused"),
    ("unix socket login rejected", "peer-refused"),
    ("certificate authentication failed", "hba-refused"),
    ("SSL required", "hba-refused"),
    ('no pg_hba.conf entry for host "192.0.2.1", user "mast"', "hba-refused"),
    ("no more connections allowed (max_client_conn)", "too-many-connections"),
    ("client connections exceeded (max_db_client_connections)", "too-many-connections"),
    ("client connections exceeded (max_user_client_connections)", "too-many-connections"),
    ("sorry, too many clients already", "too-many-connections"),
    ('too many connections for role "mast"', "too-many-connections"),
    (
        "remaining connection slots are reserved for roles with the SUPERUSER attribute",
        "too-many-connections",
    ),
    ("pgbouncer cannot connect to server", "pooler-server-down"),
    ("server login has been failing, try again later (server_login_retry)", "pooler-server-down"),
    ("server login failed", "pooler-server-down"),
    ("query_wait_timeout", "pooler-server-down"),
    ("client_login_timeout", "pooler-server-down"),
    ("client_login_timeout (server down)", "pooler-server-down"),
    ("server conn crashed?", "pooler-server-down"),
    ("the database system is starting up", "pooler-server-down"),
    ("server login failed: wrong password type", "pooler-misconfigured"),
    ("server login failed: invalid server signature", "pooler-misconfigured"),
    (
        "server login failed: none of the server's SASL authentication mechanisms are supported",
        "pooler-misconfigured",
    ),
    ("bouncer config error", "pooler-misconfigured"),
    ("unsupported startup parameter: search_path", "pooler-misconfigured"),
    ("unsupported startup parameter in options: x", "pooler-misconfigured"),
    ("transaction blocks not allowed in statement pooling mode", "pooler-statement-mode"),
    ("pooler is shutting down", "pooler-refused"),
    ("admin forced disconnect", "pooler-refused"),
    ("pause failed", "pooler-refused"),
    *(
        (f"server login has been failing, cached error: {words} (server_login_retry)", slug)
        for words, slug in (
            ("connect failed", "pooler-server-down"),
            ("server DNS lookup failed", "pooler-server-down"),
            ('password authentication failed for user "mast"', "wrong-password"),
            ('database "shop" does not exist', "database-missing"),
        )
    ),
    # Before 1.20 the server's words come so, whatever its language.
    ("Datenbank »shop« existiert nicht", "pooler-refused"),
]


@pytest.mark.parametrize(("words", "slug"), _PGBOUNCER)
def test_pgbouncer(words: str, slug: str) -> None:
    """Its SQLSTATE says nothing; its sentence tells the cause, and is quoted as the pooler's."""
    failure = pooler.failure("08P01", words, target())
    assert failure.cause.slug == slug
    assert failure.message == f"the pooler at db.example:5432 says: {words}"


@pytest.mark.parametrize(
    ("sqlstate", "words", "slug"),
    [
        ("3D000", "la base de données n'existe pas", "database-missing"),
        ("28P01", "Passwort falsch", "wrong-password"),
        ("53300", "zu viele", "too-many-connections"),
        ("57P03", "das Datenbanksystem startet", "starting"),
        ("42501", "keine Berechtigung", "connect-denied"),
        ("28000", "Rolle »mast« existiert nicht", "role-refused"),
        ("28000", "keine Zeile in pg_hba.conf", "hba-refused"),
        # Odyssey and PgCat.
        ("3D000", "odyssey: c1: route for 'shop.mast' is not found", "database-missing"),
        ("58000", 'No pool configured for database: "shop", user: "mast"', "database-missing"),
        ("58000", "could not get connection from the pool", "pooler-server-down"),
        ("08006", "odyssey: c1: failed to get remote server connection", "pooler-server-down"),
        ("XX000", "Tenant or user not found", "pooler-refused"),
    ],
)
def test_sqlstate(sqlstate: str, words: str, slug: str) -> None:
    """A SQLSTATE that says more than "no" is believed, in whatever language the words are."""
    failure = pooler.failure(sqlstate, words, target())
    assert failure.cause.slug == slug
    assert words in failure.message


def test_without_a_function_it_is_a_pooler() -> None:
    """A report without LOCATION is not PostgreSQL's own, whatever its SQLSTATE."""
    report = 'connection to server at "192.0.2.7", port 6432 failed: FATAL:  {}: no such thing\n'
    for sqlstate in ("08P01", "3D000", "28000", "XX000"):
        failure = connection_failure(report.format(sqlstate), target())
        assert failure.message.startswith("the pooler at db.example:5432 says: no such"), sqlstate


def test_remedies_name_the_poolers_settings() -> None:
    """Where it may be the pooler that lacks something, the remedy says where to look there."""
    assert "[databases]" in pooler.failure("08P01", "no such database: x", target()).remedy
    assert "auth_file" in pooler.failure("08P01", "no such user", target()).remedy
    assert "max_client_conn" in pooler.failure("53300", "x", target()).remedy
    role = pooler.failure("28000", "is not permitted to log in", target())
    assert role.remedy == causes.ROLE_NOLOGIN.remedy


def test_words_are_foreign() -> None:
    """They are masked, escaped and bounded; what they amount to does not depend on that."""
    secret = target(redactor=Redactor(["database", "canary-1"]))
    failure = pooler.failure("08P01", "no such database: canary-1\x1b[2J\u202e" + "x" * 999, secret)
    assert failure.cause is causes.DATABASE_MISSING
    assert failure.message.startswith(
        f"the pooler at db.example:5432 says: no such {MASK}: {MASK}\\x1b[2J\\u202e"
    )
    assert len(failure.message) < 400


@given(st.text("0123456789P", min_size=5, max_size=5), st.text(max_size=500))
def test_any_words(sqlstate: str, words: str) -> None:
    """Whatever it says is some failure of the database's phase, in one bounded line."""
    failure = pooler.failure(sqlstate, words, target())
    assert failure.phase == "database"
    assert len(failure.message) < 400
    assert len(failure.message.splitlines()) == 1
