"""Device events beside the host's clock, where a backend has them: a second opinion on the same slice."""

from __future__ import annotations

from collections.abc import Callable
from time import sleep

import torch

from bench.devices.clock import Clock

UNTRUSTED = ("cpu", "mps")
"""Devices whose events are never used: a CPU queues nothing; on MPS, in torch 2.14, they can hang or run backwards."""

EventMaker = Callable[[], torch.Event]


def event_maker(device: torch.device) -> EventMaker | None:
    """Return a maker of events that can tell a time, found by trying; None where there are none."""
    if device.type in UNTRUSTED:
        return None

    def make() -> torch.Event:
        return torch.Event(device=device, enable_timing=True)

    try:
        begin, end = make(), make()
        begin.record()
        sleep(0.001)
        end.record()
        end.synchronize()
        trusted = begin.elapsed_time(end) > 0
    except (RuntimeError, TypeError, ValueError, NotImplementedError, AttributeError):  # no events on this backend
        return None
    return make if trusted else None


class EventClock:
    """A clock, read in pairs, that records a device event inside each pair of reads.

    Args:
        read: the device's clock, which waits before it reads.
        make: of events.
    """

    def __init__(self, read: Clock, make: EventMaker) -> None:
        self._read = read
        self._make = make
        self._pairs: list[tuple[torch.Event, torch.Event]] = []
        self._open = False

    def __call__(self) -> float:
        """Answer seconds on the device's clock."""
        self._open = not self._open
        if not self._open:
            self._pairs[-1][1].record()
            return self._read()
        self._pairs.append((self._make(), self._make()))
        now = self._read()
        self._pairs[-1][0].record()
        return now

    def seconds(self) -> float:
        """Return the seconds between the events of all finished pairs, by the device."""
        return sum(begin.elapsed_time(end) for begin, end in self._pairs) / 1000
