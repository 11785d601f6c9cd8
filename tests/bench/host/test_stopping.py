"""A signal ends a run in order; a second one ends it at once."""

from __future__ import annotations

import os
import signal

import pytest

from bench.host import stopping
from bench.host.stopping import ENDINGS, StopSwitch, stoppable


@pytest.mark.parametrize("number", ENDINGS, ids=lambda number: number.name)
def test_signal_turns_the_switch_and_nothing_else(number: signal.Signals) -> None:
    """The run ends in order, between two requests; afterwards the signal means what it meant before."""
    before = signal.getsignal(number)
    with stoppable() as switch:
        assert switch() is None
        os.kill(os.getpid(), number)
        assert switch() == f"stopped by {number.name}"
    assert signal.getsignal(number) is before


def test_hang_up_that_is_ignored_stays_so() -> None:
    """``nohup pytest bench`` goes on when its terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable() as switch:
            os.kill(os.getpid(), signal.SIGHUP)
            assert switch() is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_second_signal_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal has it all."""
    codes: list[int] = []
    monkeypatch.setattr(stopping.os, "_exit", codes.append)
    switch = StopSwitch()
    switch.turn(signal.SIGINT, None)
    assert codes == []
    switch.turn(signal.SIGTERM, None)
    assert codes == [2]
