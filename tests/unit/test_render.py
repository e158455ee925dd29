"""What a status looks like, as text and as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mast_agent import __version__
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.postgres.migrations import Progress
from mast_agent.show import phases, render, screen
from mast_agent.status.facts import Facts
from mast_agent.status.status import Status
from mast_agent.status.verdict import State, Verdict
from unit import builders
from unit.builders import published, record, server, unit

if TYPE_CHECKING:
    from mast_agent.access.access import Access

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"


def _status(*, state: State = State.PENDING, **special: Any) -> Status:
    """Make a status; what is special may belong to the facts or to the status."""
    facts: dict[str, Any] = {
        "published": None,
        "published_readable": True,
        "record": None,
        "record_readable": True,
        "agent_unit": None,
        "looked": False,
        "server": None,
        "failure": None,
        "now": 0.0,
        "mast_unit": None,
        "foreign": False,
        "alive": False,
        "concerns": (),
    }
    rest: dict[str, Any] = {
        "settings_failure": None,
        "release": None,
        "release_failure": None,
        "migrations": None,
        "access_unit": None,
        "record_state": "absent",
        "access": builders.access(key="absent"),
        "access_wanted": False,
    }
    for key, value in special.items():
        (facts if key in facts else rest)[key] = value
    return Status(
        verdict=Verdict(state=state, summary="the summary", remedy="The remedy"),
        facts=Facts(**facts),
        **rest,
    )


_FULL: dict[str, Any] = {
    "published": published(
        "waiting",
        error=builders.error(),
        next_retry_at="2026-01-02T03:14:12+00:00",
        migrations={"applied": 3, "total": 21},
    ),
    "record": record(),
    "record_state": "present",
    "alive": True,
    "now": 1767323045.0 + 600,
    "agent_unit": unit("activating", sub_state="start", restarts=2, wanted_by=("mast.service",)),
    "mast_unit": unit("active", name="mast.service"),
    "looked": True,
    "server": server(),
    "release": builders.found_release(),
    "migrations": Progress(applied=20, total=21),
    "access_unit": unit("inactive", name="mast-agent-access.service"),
    "access": builders.access(),
    "access_wanted": True,
}


def _rows(text: str) -> dict[str, str]:
    """Return the labelled rows below the verdict."""
    lines = [line for line in text.splitlines()[1:] if line.strip()]
    marked = {
        line[16:28].strip(): line[28:] for line in lines if line[16:28].strip() in phases.ORDER
    }
    return {line[2:14].strip(): line[14:] for line in lines} | marked


def test_verdict_comes_first() -> None:
    """The first line is the verdict, whatever else is known."""
    for special in ({}, _FULL):
        assert screen.text(_status(**special)).splitlines()[0] == "not enrolled yet: the summary"


def test_full_text() -> None:
    """The text has all that is known, each under its label."""
    text = screen.text(_status(**_FULL))
    rows = _rows(text)
    assert rows["remedy"] == "The remedy"
    assert rows["database"] == "waiting for 10 min, attempt 3, next try in 7 s"
    assert rows["migrations"] == "20 of 21 applied"
    assert "  mast-agent         activating (start), restarted 2 times\n" in text
    assert "  mast               active (dead)\n" in text
    assert rows["release"] == "version 0.5.0, /opt/mast/bin/mast, without Mast.Bootstrap"
    assert builders.SERVER_ID in rows["record"]


def test_sparse_text() -> None:
    """What is not known is left out, or said to be unknown."""
    rows = _rows(screen.text(_status()))
    assert {"remedy", "units", *phases.ORDER} <= set(rows)
    assert rows["units"] == "unknown: systemd does not answer"
    assert rows["record"] == ""


_SILENT = Failure(causes.SSHD_SILENT, "nothing listens at 127.0.0.1:22")


@pytest.mark.parametrize(
    ("access", "wanted", "text"),
    [
        (builders.access(key="absent"), False, ""),
        (builders.access(), False, "off; but the key is installed"),
        (
            builders.access(),
            True,
            "mast-managed@127.0.0.1:22, key installed, something listens there",
        ),
        (
            builders.access(listening=None),
            None,
            "mast-managed@127.0.0.1:22, key installed, cannot tell whether sshd listens",
        ),
        (builders.access(problems=(_SILENT,)), True, _SILENT.message),
        (
            builders.access(problems=(_SILENT,)),
            None,
            f"unknown whether wanted: {_SILENT.message}",
        ),
    ],
)
def test_text_of_access(access: Access, wanted: bool | None, text: str) -> None:  # noqa: FBT001
    """Whether Mast can log in is one row, which says why not, and whether that matters."""
    rows = _rows(screen.text(_status(state=State.ENROLLED, access=access, access_wanted=wanted)))
    assert rows["access"] == text


def test_text_of_failures() -> None:
    """Why database and release could not be asked is said, and the causes' names at the end."""
    text = screen.text(
        _status(
            settings_failure=Failure(causes.URL_MISSING, "DATABASE_URL is not set"),
            release_failure=Failure(causes.RELEASE_MISSING, "there is no mast"),
        )
    )
    assert "database    not asked: DATABASE_URL is not set\n" in text
    assert "  also        Set DATABASE_URL" in text
    assert text.splitlines()[-1].endswith("causes: url-missing, release-missing]")
    rows = _rows(text)
    assert rows["release"] == "there is no mast"


def test_migrations_of_the_last_run() -> None:
    """Without the database, the count is the last run's."""
    last = published("waiting", pid=0, migrations={"applied": 3, "total": 21})
    status = _status(published=last)
    assert _rows(screen.text(status))["migrations"] == "3 of 21 applied"
    assert render.document(status)["migrations"] == {"applied": 3, "total": 21}


def test_text_is_escaped() -> None:
    """No text from elsewhere adds a line or reaches the terminal as it is."""
    status = _status(published=published("waiting", phase="\x1b[31m\nenrolled: forged"))
    assert "\x1b" not in screen.text(status)
    assert not any(line.startswith("enrolled") for line in screen.text(status).splitlines())


def test_full_document() -> None:
    """The JSON document has all that is known, in the words of the interface."""
    document = render.document(_status(**_FULL))
    assert json.loads(json.dumps(document)) == document
    assert document["version"] == 1
    assert document["agent_version"] == __version__
    assert (document["verdict"], document["code"]) == ("pending", 3)
    assert (document["summary"], document["remedy"]) == ("the summary", "The remedy")
    assert (document["phase"], document["attempts"]) == ("database", 3)
    assert document["error"] == {
        "cause": "refused",
        "message": "nothing listens at db.example:5432",
        "remedy": "Start PostgreSQL",
        "code": 69,
    }
    assert document["server"] == {"id": builders.SERVER_ID, "name": "web1"}
    assert document["database"] == {"asked": True, "reachable": True, "error": None}
    assert document["migrations"] == {"applied": 20, "total": 21}
    assert document["release"]["version"] == "0.5.0"
    assert document["units"]["mast-agent.service"]["restarts"] == 2
    assert document["record"]["state"] == "present"


@pytest.mark.parametrize(
    ("special", "expected"),
    [
        pytest.param({"looked": True, "server": server(name="now")}, "now", id="database"),
        pytest.param({"looked": True, "record": record()}, None, id="database-says-none"),
        pytest.param(
            {"published": published("enrolled", server={"id": "x", "name": "run"}),
             "record": record()}, "run", id="last-run",
        ),
        pytest.param({"record": record(server_name="kept")}, "kept", id="record"),
        pytest.param({}, None, id="nothing"),
    ],
)  # fmt: skip
def test_server(special: dict[str, Any], expected: str | None) -> None:
    """The server is the database's word, else the last run's, else the record's."""
    shown = render.document(_status(**special))["server"]
    assert (shown["name"] if shown else None) == expected


def test_document_of_failures() -> None:
    """Failures in the document carry cause, remedy and code, and no control character."""
    failure = Failure(causes.REFUSED, "nothing\x1b listens", remedy="Start it")
    document = render.document(_status(failure=failure, release_failure=failure))
    expected = {
        "cause": "refused",
        "message": "nothing\\x1b listens",
        "remedy": "Start it",
        "code": 69,
    }
    assert document["database"] == {"asked": True, "reachable": False, "error": expected}
    assert document["release"]["error"] == expected


def test_concerns() -> None:
    """Each concern is in the document, and what to do about it in the text, once."""
    concerns = (
        Failure(causes.MAST_FAILED, "mast.service has failed", remedy="The remedy"),
        Failure(causes.SSHD_SILENT, "nothing\x1b listens", remedy="Start sshd"),
    )
    status = _status(concerns=concerns)
    document = render.document(status)["concerns"]
    assert [each["cause"] for each in document] == ["mast-failed", "sshd-silent"]
    assert document[1]["message"] == "nothing\\x1b listens"
    assert _rows(screen.text(status))["also"] == "Start sshd"
    assert screen.text(status).count("The remedy") == 1


def test_what_counts_for_nothing_is_not_shown() -> None:
    """What the run before the present one has published is nowhere."""
    status = _status(
        published=published("failed", error=builders.error(), invocation="a" * 32, pid=0),
        agent_unit=unit("activating", invocation="b" * 32, job=True),
    )
    assert "attempt" not in screen.text(status)
    assert builders.error().message not in screen.text(status)
    document = render.document(status)
    assert (document["phase"], document["attempts"], document["error"]) == (None, None, None)


def test_record_of_another_machine() -> None:
    """What another machine's record says is not shown as this host's."""
    status = _status(record=record(), record_state="foreign", foreign=True)
    assert _rows(screen.text(status))["record"].startswith("another machine's: ")
    assert render.document(status)["server"] is None
    assert render.document(status)["record"]["state"] == "foreign"


@pytest.mark.parametrize("special", [{}, _FULL], ids=["sparse", "full"])
def test_documented(special: dict[str, Any]) -> None:
    """The document has exactly the keys that the reference lists, whatever is known."""
    section = REFERENCE.read_text(encoding="utf-8").partition("status --json`\n")[2]
    table = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section.partition("\n## ")[0], re.MULTILINE)
    documented = {key for row in table for key in re.findall(r"`(\w+)`", row)}
    assert set(render.document(_status(**special))) == documented
