"""The one clock of a device waits before it is read; it can be slowed on purpose, and its cost is known."""

from __future__ import annotations

from time import perf_counter

import pytest

from bench.devices import clock as clock_module
from bench.devices.backend import UnknownDeviceError
from tests.makers.backends import CPU, CUDA, pretend


def test_clock_of_the_cpu_is_the_hosts() -> None:
    """Nothing is queued there, so nothing is waited for."""
    assert clock_module.clock(CPU) is perf_counter


def test_clock_waits_before_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads first reports a hundredfold speed-up."""
    log: list[str] = []
    monkeypatch.setattr(clock_module, "synchronizer", lambda _: lambda: log.append("wait"))
    monkeypatch.setattr(clock_module, "perf_counter", lambda: log.append("read") or 7.0)
    read = clock_module.clock(CUDA)
    assert log == []
    assert read() == 7.0
    assert log == ["wait", "read"]


def test_device_that_cannot_be_waited_for_has_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing could be timed on it, so it is refused rather than timed wrongly."""
    pretend(monkeypatch, own=None, module=None)
    with pytest.raises(UnknownDeviceError, match="cannot synchronise"):
        clock_module.clock(CUDA)


class Time:
    """A time that goes on by a quarter of a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 10.0

    def __call__(self) -> float:
        self.now += 0.25
        return self.now


@pytest.mark.parametrize("share", [0.5, 1.0, 3.0])
def test_slowed_clock_waits_between_every_pair_of_reads(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice as slow: what took 16 seconds takes 32, and the next pair begins anew, without a wait before it."""
    time = Time()
    monkeypatch.setattr(clock_module, "perf_counter", time)
    slow = clock_module.slowed(time, share)
    for _ in range(2):
        looked_at = time.now
        begin = slow()
        assert begin == looked_at + 0.25
        time.now += 15.75
        assert slow() - begin == pytest.approx(16 * (1 + share), abs=0.5)


def test_clock_cost_is_the_median_of_pairs_of_reads() -> None:
    """A slice must be so long that it does not matter; one disturbed read does not decide."""
    stamps = [0.0, 0.0, 1.0, 5.0, 7.0, 10.0, 110.0]
    left = iter(stamps)
    assert clock_module.clock_cost(left.__next__, samples=3) == 2.0
    assert list(left) == []
