"""How Mast is to log in to its own host, and whether its row says so."""

from __future__ import annotations

import pytest
from mast_agent import causes, login
from mast_agent.failure import Failure
from mast_agent.login import Wanted
from unit.builders import server


def test_what_is_set() -> None:
    """Only what is set is wanted; empty is as good as not set."""
    assert login.wanted({}) == Wanted()
    assert login.wanted({login.HOST: "", login.PORT: "", login.USER: ""}) == Wanted()
    assert login.wanted({login.HOST: "10.0.0.1", login.PORT: "2222", login.USER: "ops"}) == Wanted(
        host="10.0.0.1", port=2222, user="ops"
    )


@pytest.mark.parametrize("host", ["::1", "[::1]", "2001:db8::7", "fe80::1%eth0", "::ffff:10.0.0.1"])
def test_ipv6_is_refused(host: str) -> None:
    """Mast's SSH takes no IPv6 address (OTP 25 and 27: nxdomain), with the way out."""
    with pytest.raises(Failure) as caught:
        login.require_usable({login.HOST: host})
    assert caught.value.cause is causes.SELF_HOST_IPV6
    assert "127.0.0.1" in caught.value.remedy


@pytest.mark.parametrize("host", ["", "127.0.0.1", "localhost", "mast.example.org", "10.0.0.1"])
def test_the_rest_is_not(host: str) -> None:
    """IPv4 addresses and names are Mast's to connect to."""
    login.require_usable({login.HOST: host, login.PORT: "65535"})
    login.require_usable({})


@pytest.mark.parametrize("port", ["0", "65536", "22x", "-1", " 22", "²"])
def test_malformed_port(port: str) -> None:
    """A port that is none is configuration, and no eval is spent on it."""
    with pytest.raises(Failure) as caught:
        login.require_usable({login.PORT: port})
    assert caught.value.cause is causes.VARIABLE_MALFORMED
    assert login.PORT in caught.value.message
    assert login.wanted({login.PORT: port}) == Wanted()


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
def test_differences(has: dict[str, object], wanted: Wanted, different: list[str]) -> None:
    """What is set and what the row has are compared, each column by itself."""
    found = login.differences(server(**has), wanted)
    assert [each.split(" where ")[0] for each in found] == different
