"""How Mast is to log in to its own host."""

from __future__ import annotations

import pytest
from mast_agent.config import login
from mast_agent.config.login import Wanted
from mast_agent.failures import causes
from mast_agent.failures.failure import Failure


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
