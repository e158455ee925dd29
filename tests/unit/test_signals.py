"""Holding stop signals off for a moment: none ends the process, and none is forgotten."""

from __future__ import annotations

import signal

import pytest
from mast_agent.failures.failure import Stopped
from mast_agent.host.signals import STOP_SIGNALS, deferred, raised


@pytest.mark.parametrize("signum", STOP_SIGNALS)
def test_deferred(signum: signal.Signals) -> None:
    """A signal that comes meanwhile is told of, in order, and the handlers are as before."""
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    with deferred() as received:
        signal.raise_signal(signum)
        signal.raise_signal(signal.SIGTERM)
    assert received == [signum, signal.SIGTERM]
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


def test_nothing_came() -> None:
    """Without a signal nothing is received, and an exception passes."""
    with pytest.raises(ZeroDivisionError), deferred() as received:
        raise ZeroDivisionError
    assert received == []


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_raised(signum: signal.Signals) -> None:
    """For a while a signal is an exception, and afterwards what it was."""
    before = signal.getsignal(signum)
    with pytest.raises(Stopped) as caught, raised():
        signal.raise_signal(signum)
    assert caught.value.signum == signum
    assert signal.getsignal(signum) == before
