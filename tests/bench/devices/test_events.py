"""Device events: a second opinion on the same slice, where a backend has any that tell a time."""

from __future__ import annotations

import pytest
import torch

from bench.devices import events
from bench.devices.events import EventClock, event_maker

CUDA = torch.device("cuda", 0)


class FakeEvent:
    """An event that notes when it was recorded, on a clock that the test moves."""

    now = 0.0

    def __init__(self, device: object = None, *, enable_timing: bool = False) -> None:
        assert enable_timing
        assert device in {None, CUDA}
        self.stamp: float | None = None

    def record(self) -> None:
        assert self.stamp is None, "recorded twice"
        self.stamp = FakeEvent.now

    def synchronize(self) -> None:
        """Nothing is queued."""

    def elapsed_time(self, end: FakeEvent) -> float:
        """Return milliseconds, as torch does."""
        assert self.stamp is not None
        assert end.stamp is not None
        return 1000 * (end.stamp - self.stamp)


@pytest.mark.parametrize("name", ["cpu", "mps"])
def test_untrusted_devices_have_none(name: str) -> None:
    """On MPS in torch 2.14 they can hang, so they are not even tried."""
    assert event_maker(torch.device(name)) is None


def test_events_are_tried_before_they_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that tell a time are used; those that stand still or refuse are not."""
    monkeypatch.setattr(torch, "Event", FakeEvent)

    def pass_time(seconds: float) -> None:
        FakeEvent.now += seconds

    monkeypatch.setattr(events, "sleep", pass_time)
    assert event_maker(CUDA) is not None
    monkeypatch.setattr(events, "sleep", lambda _: None)
    assert event_maker(CUDA) is None

    def refuse(**_: object) -> None:
        raise RuntimeError("this backend has no events")

    monkeypatch.setattr(torch, "Event", refuse)
    assert event_maker(CUDA) is None


def test_events_lie_inside_the_reads_and_add_up() -> None:
    """Begin: the clock is read, then the event recorded; end: the other way round. Pairs are summed."""
    stamps = iter([10.0, 13.0, 20.0, 25.0])

    def read() -> float:
        FakeEvent.now += 1.0
        return next(stamps)

    clock = EventClock(read, lambda: FakeEvent(enable_timing=True))  # type: ignore[arg-type,return-value]
    FakeEvent.now = 0.0
    host = -clock()
    FakeEvent.now += 2.0
    host += clock()
    host -= clock()
    FakeEvent.now += 4.0
    host += clock()
    assert host == 8.0
    assert clock.seconds() == 6.0
