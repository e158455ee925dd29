"""Where the database is, in words."""

from __future__ import annotations

import pytest
from unit.builders import target


@pytest.mark.parametrize(
    ("special", "place"),
    [
        ({}, "db.example:5432"),
        ({"host": "192.0.2.7", "port": 6543}, "192.0.2.7:6543"),
        ({"host": "2001:db8::7"}, "[2001:db8::7]:5432"),
        ({"host": None, "socket_directory": "/run/pg"}, "/run/pg/.s.PGSQL.5432"),
        ({"host": None, "socket_directory": "/run/pg/", "port": 1}, "/run/pg/.s.PGSQL.1"),
    ],
)
def test_place(special: dict[str, object], place: str) -> None:
    """The place is what an operator would type to look there."""
    assert target(**special).place == place


def test_repr() -> None:
    """A target in a traceback shows place, database and role, and no password."""
    shown = repr(target(password="Zq7_Canary"))
    assert "Zq7_Canary" not in shown
    assert "db.example:5432" in shown
    assert "'mast'" in shown
