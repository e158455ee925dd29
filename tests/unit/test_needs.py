"""What a host that has its row still needs an eval for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mast_agent.config.login import Wanted
from mast_agent.enroll import needs
from mast_agent.report.record import Key
from unit.builders import record, server

VAULT = "dmF1bHQta2V5LWNhbmFyeS1vZi0zMi1ieXRlcy14eXo="
KEY = Key(id="key-1", public="ssh-ed25519 AAAA")


def test_nothing() -> None:
    """A row that is as it should be needs none, with or without a record."""
    row = server(port=22)
    assert not needs.of(row, None, Wanted(port=22), access=False, vault="v")
    assert not needs.of(row, record(), Wanted(port=22), access=False, vault="v")


@pytest.mark.parametrize("access", [True, False])
def test_key(*, access: bool) -> None:
    """Where Mast is to log in, its key has to be known, and to be the row's present one."""
    row = server(key_id="key-1")
    for recorded, known in [
        (None, False),
        (record(), False),
        (record(key=replace(KEY, id="key-0")), False),
        (record(key=KEY, server_id="another"), False),
        (record(key=KEY), True),
    ]:
        found = needs.of(row, recorded, Wanted(), access=access, vault=None)
        assert found.key is (access and not known)
        assert ("public key could not be learned" in str(found)) is found.key


def test_differences() -> None:
    """A row that says otherwise than MAST_SELF_* is to be brought up to date."""
    found = needs.of(server(port=22), record(), Wanted(port=2222), access=False, vault=None)
    assert found
    assert str(found) == "the row still has port 22 where MAST_SELF_PORT is 2222"


@pytest.mark.parametrize(
    ("has", "wanted", "different"),
    [
        ({}, Wanted(), []),
        ({"host": "10.0.0.1", "port": 2222, "user": "x"}, Wanted(), []),
        ({"host": "localhost"}, Wanted(host="127.0.0.1"), []),
        ({"host": "Mast.LAN."}, Wanted(host="mast.lan"), []),
        ({"host": None, "port": None, "user": None}, Wanted(host="a", port=1, user="b"), []),
        ({"host": "::1"}, Wanted(host="127.0.0.1"), ["host ::1"]),
        ({"host": "10.0.0.1"}, Wanted(host="10.0.0.2"), ["host 10.0.0.1"]),
        ({"port": 22}, Wanted(port=2222), ["port 22"]),
        ({"user": "ubuntu"}, Wanted(user="mast"), ["user ubuntu"]),
        (
            {"host": "10.0.0.1", "port": 22, "user": "u"},
            Wanted(host="h", port=2, user="v"),
            ["host 10.0.0.1", "port 22", "user u"],
        ),
    ],
)
def test_each_column(has: dict[str, object], wanted: Wanted, different: list[str]) -> None:
    """What is set and what the row has are compared, each column by itself."""
    found = needs.differences(server(**has), wanted)
    assert [each.split(" where ")[0] for each in found] == different


def test_vault_key() -> None:
    """Another MAST_VAULT_KEY than the last eval's is to be tried; an unknown one is not."""
    digest = needs.vault_digest(VAULT, "id")
    assert digest is not None
    assert digest != needs.vault_digest(VAULT, "id-2")
    assert digest != needs.vault_digest(VAULT.lower(), "id")
    assert needs.vault_digest("", "id") is None
    for recorded, expected in [(None, False), (digest, False), ("other", True)]:
        found = needs.of(server(), record(vault=recorded), Wanted(), access=False, vault=digest)
        assert found.vault is expected
        assert bool(found) is expected
    assert VAULT not in digest
