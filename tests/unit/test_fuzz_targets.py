"""The fuzz targets (`make fuzz`) without the fuzzer: they run, and would see what is broken."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from chance import contract, database_url, environment_file, masking
from chance.draw import CANARY, Target
from chance.targets import TARGETS
from mast_agent.config.envsyntax import Scanner
from mast_agent.enroll import output
from mast_agent.enroll.output import Claim
from mast_agent.failures.failure import Failure
from mast_agent.postgres import ecto_url
from mast_agent.text import redact
from mast_agent.text.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

CASES = 200


def run(target: Target, seed: int) -> None:
    """Try the seeds, and what chance makes of them and of the words."""
    generator = random.Random(seed)  # noqa: S311 - the same cases each time
    for data in target.seeds:
        target.check(data)
    for _ in range(CASES):
        begin = bytearray(generator.choice(target.seeds))
        for _ in range(generator.randrange(6)):
            at = generator.randrange(len(begin) + 1)
            piece = generator.choice((*target.words, generator.randbytes(1)))
            begin[at : at + generator.randrange(3)] = piece
        target.check(bytes(begin))
        target.check(generator.randbytes(generator.randrange(80)))


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_is_found(name: str) -> None:
    """What a fuzzer begins with, and some hundred cases around it, keep every promise."""
    run(TARGETS[name], seed=20260101)


def _spoil_environment_file(patch: pytest.MonkeyPatch) -> None:
    def quoted(self: Scanner, _line: int, quote: str) -> str:
        raise SyntaxError(f"never closed: {self._text}{quote}")

    patch.setattr(Scanner, "_quoted", quoted)


def _spoil_database_url(patch: pytest.MonkeyPatch) -> None:
    original = ecto_url.parse

    def parse(mast: dict[str, str]) -> object:
        try:
            return original(mast)
        except Failure as failure:
            raise Failure(failure.cause, f"{mast} is malformed") from None

    patch.setattr(ecto_url, "parse", parse)


def _spoil_masking(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Redactor, "_beginning_at_end", lambda *_: None)


def _spoil_contract(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(contract, "read_claim", lambda _: Claim(server_id=CANARY))


@pytest.mark.parametrize(
    ("target", "spoil"),
    [
        (environment_file.TARGET, _spoil_environment_file),
        (database_url.TARGET, _spoil_database_url),
        (masking.TARGET, _spoil_masking),
        (contract.TARGET, _spoil_contract),
    ],
)
def test_what_is_broken_is_seen(
    target: Target, spoil: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each target notices a fault of its kind."""
    spoil(monkeypatch)
    with pytest.raises((AssertionError, SyntaxError)):
        run(target, seed=20260101)


def test_secrets_that_are_shown_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A masking that does nothing is noticed wherever a secret comes by."""
    monkeypatch.setattr(Redactor, "_mask", lambda _self, text, **_: text)
    for target in (masking.TARGET, database_url.TARGET, contract.TARGET):
        with pytest.raises(AssertionError):
            run(target, seed=20260101)


def test_control_characters_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """So is an escaping that does nothing."""
    for module in (redact, output):
        monkeypatch.setattr(module, "escape", str, raising=False)
    with pytest.raises(AssertionError):
        run(contract.TARGET, seed=20260101)
