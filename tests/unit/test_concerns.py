"""What is to be said of a row that is this host's all the same."""

from __future__ import annotations

import pytest
from mast_agent.config.login import Wanted
from mast_agent.enroll import concerns
from mast_agent.failures import causes
from mast_agent.host.identity import Host
from unit.builders import server

HOST = Host(names=frozenset({"web1"}), addresses=frozenset({"192.0.2.7"}), machine=None)
ROW = server(host="127.0.0.1", port=22)


def test_nothing() -> None:
    """A row as it should be, among other servers, is nothing to speak of."""
    others = [server(id="2", name="web2", host="192.0.2.8"), server(id="3", name="web3", host=None)]
    assert concerns.of([ROW, *others], ROW, HOST, Wanted(host="127.0.0.1", port=22)) == []


def test_moved_sshd() -> None:
    """After sshd has moved, the row still has the old port, and enroll sees to it."""
    (said,) = concerns.of([ROW], ROW, HOST, Wanted(port=2222))
    assert said.cause is causes.ROW_DIFFERS
    assert "port 22 where MAST_SELF_PORT is 2222" in said.message
    assert "restart --no-block mast-agent" in said.remedy


@pytest.mark.parametrize("address", ["localhost", "web1"])
def test_two_rows(address: str) -> None:
    """After a restore under another name the host has two rows."""
    old = server(id="old-id", name="old", host=address, port=22)
    (said,) = concerns.of([old, ROW], ROW, HOST, Wanted())
    assert said.cause is causes.ROW_DOUBLED
    assert "'old' (old-id)" in said.message


def test_clone_with_the_same_machine_id() -> None:
    """A row that is this host's by the record alone may be that of the host it was copied from."""
    row = server(name="original", host="10.0.0.5", port=22)
    (said,) = concerns.of([row], row, HOST, Wanted())
    assert said.cause is causes.ROW_NAMED_OTHERWISE
    assert "'original' at 10.0.0.5" in said.message
    assert "web1" in said.message


def test_loopback_row_of_another_name() -> None:
    """A Mast.Bootstrap may call its host as it likes: where the row leads here, that is all."""
    row = server(name="mast", host="localhost", port=22)
    assert concerns.of([row], row, HOST, Wanted()) == []
