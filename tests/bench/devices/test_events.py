"""Device events: a second opinion on the same slice, where a backend has any that tell a time."""

from __future__ import annotations

import pytest
import torch

from bench.devices import events
from bench.devices.events import EventClock, event_maker
from tests.makers.backends import CUDA, FakeEvent


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
