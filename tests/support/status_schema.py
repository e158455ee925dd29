"""Holds documents of `mast-agent status --json` against docs/status.schema.json."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

SCHEMA = Path(__file__).parents[2] / "docs" / "status.schema.json"


@functools.cache
def validator() -> Draft202012Validator:
    """Return what checks a document. Made once: it is used at each `status` of the tests."""
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def check(document: object) -> None:
    """Raise AssertionError, which names each wrong place, unless the schema allows `document`."""
    wrong = [f"{each.json_path}: {each.message}" for each in validator().iter_errors(document)]
    assert not wrong, "\n".join(wrong)


def check_within(facts: Any) -> None:
    """Check each status that a guest has brought along in what it tells, however deep.

    `exit` is the guest's own: the code of the command.
    """
    if isinstance(facts, dict):
        if {"agent_version", "verdict", "summary"} <= set(facts):
            check({key: value for key, value in facts.items() if key != "exit"})
        else:
            check_within([*facts.values()])
    elif isinstance(facts, list):
        for each in facts:
            check_within(each)
