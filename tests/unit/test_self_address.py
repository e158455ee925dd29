"""From which addresses Mast's key has to be good, for each MAST_SELF_HOST."""

from __future__ import annotations

import pytest
from mast_agent.access import self_address
from mast_agent.access.self_address import LOOPBACK
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure
from mast_agent.host.identity import Host

HOST = Host(
    names=frozenset({"web1", "web1.example"}),
    addresses=frozenset({"192.0.2.7", "10.0.0.7", "2001:db8::7"}),
    machine=None,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", LOOPBACK),
        ("127.0.1.1", LOOPBACK),
        ("localhost", LOOPBACK),
        ("LocalHost.", LOOPBACK),
        ("192.0.2.7", ("192.0.2.7",)),
        ("web1", (*LOOPBACK, "10.0.0.7", "192.0.2.7")),
        ("WEB1.example.", (*LOOPBACK, "10.0.0.7", "192.0.2.7")),
    ],
)
def test_sources(text: str, expected: tuple[str, ...]) -> None:
    """The loopback for the loopback, an own address for itself, all of them for a name."""
    assert self_address.sources(text, HOST) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("192.0.2.8", "not an address of this host"),
        ("web2", "not a name of this host"),
        ("::1", "IPv6"),
        ("[::1]", "IPv6"),
        ("2001:db8::7", "IPv6"),
        ("", "not a name"),
    ],
)
def test_refused(text: str, why: str) -> None:
    """Another host, and what Mast's SSH client cannot reach, are named as what they are."""
    with pytest.raises(Failure, match=why) as caught:
        self_address.sources(text, HOST)
    assert caught.value.cause is causes.ACCESS_HOST_FOREIGN
