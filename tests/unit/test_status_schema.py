"""docs/status.schema.json allows what `status --json` prints, and nothing else."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from mast_agent.access import reach
from mast_agent.access.access import Login
from mast_agent.access.reach import Contact, Reach
from mast_agent.access.revocation import Revocation
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.postgres.migrations import Progress
from mast_agent.report import published
from mast_agent.report.login_report import LoginReport
from mast_agent.show import render
from mast_agent.status.judge import judge
from mast_agent.status.status import Status
from mast_agent.status.verdict import State, Verdict
from support import status_schema
from unit import builders, test_verdict
from unit.builders import record, server, unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mast_agent.status.facts import Facts

REFERENCE = status_schema.SCHEMA.with_name("reference.md")
SCHEMA: dict[str, Any] = json.loads(status_schema.SCHEMA.read_text(encoding="utf-8"))
FAILURE = Failure(causes.REFUSED, "nothing\x1b listens")
KEYS = ("installed", "absent", "outdated", "unreadable", "foreign")
RECORDS = ("present", "absent", "unreadable", "unusable", "foreign")
UNITS = ("mast-agent.service", "mast.service", "mast-agent-access.service")
#: What only JSON objects, only lists and so on may be replaced by to be of a wrong type.
OTHER_TYPE = {dict: [], list: {}, str: 1.5, bool: "true", int: "1", float: "1", type(None): []}


def _document(facts: Facts, verdict: Verdict | None = None, **special: Any) -> dict[str, Any]:
    """Return what a program reads of these facts: the document, after its way through JSON."""
    plain: dict[str, Any] = {
        "settings_failure": None,
        "release": None,
        "release_failure": None,
        "migrations": None,
        "access_unit": None,
        "record_state": "absent",
        "access": builders.access(),
        "access_wanted": None,
    }
    found = Status(verdict=verdict or judge(facts), facts=facts, **{**plain, **special})
    document: dict[str, Any] = json.loads(json.dumps(render.document(found)))
    return document


def _report(**special: Any) -> LoginReport:
    return LoginReport(
        **{"user": "mast-managed", "host": "127.0.0.1", "port": 22, "tried": True, **special}
    )


def _full() -> dict[str, Any]:
    """Return a document in which nothing is null that can be something else at the same time."""
    last = builders.published(
        "waiting",
        error=builders.error(),
        next_retry_at="2026-01-02T03:04:06+00:00",
        gives_up_at="2026-01-02T03:09:05+00:00",
        migrations={"applied": 3, "total": 21},
        server={"id": "id", "name": "web1"},
    )
    facts = test_verdict.facts(
        published=last,
        record=record(),
        looked=True,
        server=server(),
        failure=FAILURE,
        agent_unit=unit(
            "activating", invocation="a" * 32, wanted_by=("mast.service",), restart_at=1767323045.0
        ),
        mast_unit=unit("active", name="mast.service", restart_at=1767323045.0),
        concerns=(FAILURE,),
    )
    return _document(
        facts,
        Verdict(state=State.UNREACHED, summary="the summary", remedy="Do it: mast-agent check"),
        release=builders.found_release(),
        release_failure=FAILURE,
        migrations=Progress(applied=20, total=21),
        access_unit=unit("inactive", name="mast-agent-access.service", restart_at=1767323045.0),
        record_state="present",
        access=builders.access(
            problems=(FAILURE,), revoked=Revocation(at="2026-01-02T03:04:05+00:00")
        ),
        access_wanted=True,
        contact=Contact(reach=Reach.REACHED, seconds=1.5, since_key=True),
        login=_report(why="a reason", problems=(FAILURE,)),
        root=False,
    )


def _places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the way to each value in a document."""
    if way:
        yield way
    for key, each in value.items() if isinstance(value, dict) else ():
        yield from _places(each, (*way, key))
    for index, each in enumerate(value) if isinstance(value, list) else ():
        yield from _places(each, (*way, index))


def _at(document: Any, way: tuple[Any, ...]) -> Any:
    for key in way:
        document = document[key]
    return document


PLACES = list(_places(_full()))
OBJECTS = [(), *(way for way in PLACES if isinstance(_at(_full(), way), dict))]


def _is_allowed(document: object) -> bool:
    return bool(status_schema.validator().is_valid(document))


def test_schema() -> None:
    """The schema is one of draft 2020-12, and each object in it is closed and described."""
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    objects = [
        each
        for each in (_at(SCHEMA, way) for way in [(), *_places(SCHEMA)])
        if isinstance(each, dict) and each.get("type") == "object"
    ]
    assert len(objects) >= 10
    for each in objects:
        assert each["additionalProperties"] is False
        assert set(each["required"]) == set(each["properties"])


@pytest.mark.parametrize(("known", "word", "_summary"), test_verdict.TABLE)
def test_every_verdict(known: dict[str, Any], word: str, _summary: str) -> None:
    """Each row of the table of verdicts has a document that the schema allows."""
    document = _document(test_verdict.facts(**known))
    status_schema.check(document)
    assert document["verdict"] == word


@pytest.mark.parametrize("state", State)
def test_every_state(state: State) -> None:
    """Each verdict goes with its code alone."""
    document = _document(test_verdict.facts(), Verdict(state=state, summary="s"))
    status_schema.check(document)
    codes = {each.code for each in State if each.word == state.word}
    for code in {each.code for each in State} | {2, 75}:
        assert _is_allowed({**document, "code": code}) is (code in codes)


@pytest.mark.parametrize("cause", causes.CAUSES.values(), ids=lambda cause: cause.slug)
def test_every_cause(cause: Any) -> None:
    """A failure may be of each cause, before and after it is believed."""
    before = Failure(cause, "what was seen")
    after = before.escalated()
    status_schema.check(_document(test_verdict.facts(failure=before, concerns=(before, after))))


def test_closed_sets() -> None:
    """Of what the agent itself chooses from a list, the schema has that list."""
    contact = SCHEMA["properties"]["access"]["properties"]["contact"]["properties"]
    assert contact["reach"]["enum"] == [each.value for each in Reach]
    assert set(SCHEMA["properties"]["verdict"]["enum"]) == {each.word for each in State}
    assert set(SCHEMA["properties"]["code"]["enum"]) == {each.code for each in State}
    known = {
        int(code)
        for each in causes.CAUSES.values()
        for code in (each.code, each.escalates_to)
        if code
    }
    assert set(SCHEMA["$defs"]["failure"]["properties"]["code"]["enum"]) == known


_OPTIONAL_FAILURE = st.sampled_from([None, FAILURE])
_FACTS = st.builds(
    test_verdict.facts,
    published=st.sampled_from(
        [
            None,
            *map(builders.published, published.STATES),
            builders.published("waiting", error=builders.error(), next_retry_at="soon"),
            builders.published("failed", phase="", error=builders.error(code=255), pid=0),
            builders.published("running", migrations={"applied": 0, "total": 0}),
        ]
    ),
    record=st.sampled_from([None, record(), record(machine=None)]),
    agent_unit=st.sampled_from(
        [None, *map(unit, ("active", "failed", "refreshing")), unit("inactive", exit_status=-1)]
    ),
    mast_unit=st.sampled_from([None, unit("active", name="mast.service")]),
    looked=st.booleans(),
    server=st.sampled_from([None, server()]),
    failure=_OPTIONAL_FAILURE,
    foreign=st.booleans(),
    concerns=st.sampled_from([(), (FAILURE,), (FAILURE, FAILURE)]),
)
_SPECIAL = st.fixed_dictionaries(
    {
        "settings_failure": _OPTIONAL_FAILURE,
        "release": st.sampled_from([None, builders.found_release()]),
        "release_failure": _OPTIONAL_FAILURE,
        "migrations": st.sampled_from([None, Progress(applied=0, total=3)]),
        "access_unit": st.sampled_from([None, unit("failed", name="mast-agent-access.service")]),
        "record_state": st.sampled_from(RECORDS),
        "access_wanted": st.sampled_from([None, False, True]),
        "access": st.builds(
            builders.access,
            login=st.builds(
                Login,
                host=st.just("host"),
                port=st.sampled_from([0, 22, 99999]),
                user=st.just("_a"),
            ),
            user_exists=st.booleans(),
            key=st.sampled_from(KEYS),
            listening=st.sampled_from([None, False, True]),
            problems=st.sampled_from([(), (FAILURE,)]),
            revoked=st.sampled_from([None, Revocation(at=None), Revocation(at="2026-01-02T03:04")]),
        ),
        "contact": st.sampled_from(
            [
                reach.UNKNOWN,
                Contact(reach=Reach.LOST, since_key=False),
                Contact(reach=Reach.UNCHECKED, seconds=0.0),
            ]
        ),
        "login": st.sampled_from(
            [
                None,
                _report(),
                _report(problems=(FAILURE,)),
                _report(tried=False, why="there is no sshd"),
            ]
        ),
        "root": st.booleans(),
    }
)


@given(facts=_FACTS, special=_SPECIAL)
def test_whatever_is_known(facts: Facts, special: dict[str, Any]) -> None:
    """With and without each part, in any combination, the document is as the schema says."""
    status_schema.check(_document(facts, **special))


def test_full() -> None:
    """The schema allows the document of which the tests below make wrong ones."""
    status_schema.check(_full())
    assert None not in [_at(_full(), way) for way in PLACES]


@pytest.mark.parametrize("way", OBJECTS, ids=str)
def test_an_unknown_key_is_refused(way: tuple[Any, ...]) -> None:
    """No object of the document may have a key that the schema does not name."""
    document = _full()
    _at(document, way)["unknown"] = None
    assert not _is_allowed(document)


@pytest.mark.parametrize("way", PLACES, ids=str)
def test_a_wrong_type_is_refused(way: tuple[Any, ...]) -> None:
    """No value of the document may be of another type."""
    document = _full()
    parent, key = _at(document, way[:-1]), way[-1]
    parent[key] = OTHER_TYPE[type(parent[key])]
    assert not _is_allowed(document)


@pytest.mark.parametrize("way", [way for way in PLACES if isinstance(way[-1], str)], ids=str)
def test_a_missing_key_is_refused(way: tuple[Any, ...]) -> None:
    """No key is ever left out."""
    document = _full()
    del _at(document, way[:-1])[way[-1]]
    assert not _is_allowed(document)


@pytest.mark.parametrize("name", UNITS)
def test_each_unit_is_under_its_name(name: str) -> None:
    """What systemd says of one unit does not stand for another."""
    document = _full()
    document["units"][name]["name"] = "other.service"
    assert not _is_allowed(document)


def test_what_a_guest_brings_is_checked() -> None:
    """A wrong status is found wherever it is in the facts of a machine."""
    good = {**_full(), "exit": 6}
    status_schema.check_within({"a": [good, {"b": good}], "c": 1})
    wrong = copy.deepcopy(good)
    wrong["record"]["state"] = "lost"
    with pytest.raises(AssertionError, match=r"record\.state"):
        status_schema.check_within({"a": [good, {"b": wrong}]})


def test_the_reference_names_all_keys() -> None:
    """Each key of the schema is in the section of reference.md that describes the document."""
    section = REFERENCE.read_text(encoding="utf-8").partition("status --json`\n")[2]
    section = section.partition("\n## ")[0]
    assert status_schema.SCHEMA.name in section
    keys = {key for way in PLACES for key in way if isinstance(key, str)}
    assert [key for key in sorted(keys) if f"`{key}`" not in section] == []
