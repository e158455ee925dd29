"""The terminal sessions in README are what the agent says today: `make pictures` makes them."""

from __future__ import annotations

import pytest
from pictures import drawing, sessions
from pictures.sessions import SESSIONS, Session

pytestmark = [pytest.mark.root, pytest.mark.slow(20)]


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    """The pictures, made anew, by their names."""
    return sessions.make_all()


@pytest.mark.parametrize("session", SESSIONS, ids=lambda each: each.name)
def test_picture_is_up_to_date(made: dict[str, str], session: Session) -> None:
    """Whoever changes what is said has to make the pictures again: `make pictures`."""
    kept = drawing.text(session.picture.read_text(encoding="utf-8"))
    assert drawing.text(made[session.name]) == kept


def test_the_failure_is_mended(made: dict[str, str]) -> None:
    """What was printed as the remedy is carried out, and then the host is enrolled."""
    rows = "\n".join(drawing.text(made["failure"]))
    failed, mended, enrolled = (
        rows.index(text)
        for text in ("[role-nologin", "\nALTER ROLE\n", "\nenrolled: server 'tower'")
    )
    assert failed < mended < enrolled
