"""Which row of servers is this host."""

from __future__ import annotations

import pytest
from mast_agent import servers
from mast_agent.host import Host
from mast_agent.snapshot import Server

HOST = Host(names=frozenset({"web1"}), addresses=frozenset({"192.0.2.7"}), machine="0" * 32)
BY_NAME = Server(id="name", name="web1", host="198.51.100.1")
BY_ADDRESS = Server(id="address", name="gateway", host="192.0.2.7")
BY_HOST_NAME = Server(id="hostname", name="gateway", host="WEB1")
NO_HOST = Server(id="nohost", name="nas", host=None)
OTHER = Server(id="other", name="web2", host="192.0.2.8")


@pytest.mark.parametrize(
    ("rows", "recorded", "expected"),
    [
        pytest.param([], None, None, id="empty"),
        pytest.param([], "name", None, id="recorded-but-gone"),
        pytest.param([OTHER, NO_HOST], None, None, id="only-others"),
        pytest.param([OTHER, NO_HOST], "other", OTHER, id="recorded-id-wins"),
        pytest.param([OTHER, BY_NAME], "other", OTHER, id="recorded-id-over-name"),
        pytest.param([OTHER, BY_NAME], "gone", BY_NAME, id="name-when-id-is-gone"),
        pytest.param([BY_ADDRESS, BY_NAME], None, BY_NAME, id="name-over-address"),
        pytest.param([OTHER, BY_ADDRESS], None, BY_ADDRESS, id="address"),
        pytest.param([OTHER, BY_HOST_NAME], None, BY_HOST_NAME, id="name-as-host"),
    ],
)
def test_known(rows: list[Server], recorded: str | None, expected: Server | None) -> None:
    """Without an eval: the recorded id, else the name, else the address."""
    assert servers.known(rows, recorded, HOST) == expected


@pytest.mark.parametrize(
    ("before", "after", "reported", "expected"),
    [
        pytest.param([], [OTHER], "other", OTHER, id="reported"),
        pytest.param([], [OTHER, BY_NAME], "other", OTHER, id="reported-over-name"),
        pytest.param([], [BY_NAME], "lie", None, id="reported-but-not-there"),
        pytest.param([], [], None, None, id="nothing-appeared"),
        pytest.param([], [OTHER], None, OTHER, id="the-one-that-appeared"),
        pytest.param([OTHER], [OTHER, NO_HOST], None, NO_HOST, id="appeared-among-others"),
        pytest.param([BY_NAME], [BY_NAME, OTHER], None, OTHER, id="appeared-over-name"),
        pytest.param([], [OTHER, BY_ADDRESS], None, BY_ADDRESS, id="of-two-the-one-called-so"),
        pytest.param([], [OTHER, NO_HOST], None, None, id="of-two-neither"),
        pytest.param([BY_NAME], [BY_NAME], None, BY_NAME, id="was-there-before"),
        pytest.param([OTHER], [OTHER], None, None, id="only-others"),
        pytest.param([BY_NAME], [], None, None, id="disappeared"),
    ],
)
def test_enrolled(
    before: list[Server], after: list[Server], reported: str | None, expected: Server | None
) -> None:
    """After an eval: the reported id, else the row that appeared, else name and address."""
    assert servers.enrolled(before, after, reported, HOST) == expected
