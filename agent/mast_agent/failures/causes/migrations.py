"""Causes in the database's schema."""

from __future__ import annotations

from mast_agent.failures.cause import Code, Phase
from mast_agent.failures.causes.table import NO, RETRY, enter

_GRANT = (
    "GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {role}; "
    "GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
)

MIGRATIONS_PENDING = enter(
    "migrations-pending", Phase.MIGRATIONS, Code.TEMPFAIL, RETRY,
    "Run them", "={migrate}", mast=True,
)  # fmt: skip
MIGRATIONS_RUNNING = enter(
    "migrations-running", Phase.MIGRATIONS, Code.TEMPFAIL, RETRY,
    "Wait until they are through; the log of the migrating process tells how far they are",
)  # fmt: skip
SCHEMA_AHEAD = enter(
    "schema-ahead", Phase.MIGRATIONS, Code.CONFIG, NO,
    "Unpack the newer release again, or restore a backup of the database from before it", mast=True,
)  # fmt: skip
SCHEMA_INCOMPLETE = enter(
    "schema-incomplete", Phase.MIGRATIONS, Code.CONFIG, NO,
    "Name Mast's own database in DATABASE_URL ({env_file}); this one is another application's",
    mast=True,
)  # fmt: skip
SELECT_DENIED = enter(
    "select-denied", Phase.MIGRATIONS, Code.NOPERM, NO,
    "Let the role own Mast's tables, or at least use them", f"SQL_HERE {_GRANT}",
)  # fmt: skip
