"""The one clock of a device, what reading it costs, and a clock that makes everything slower on purpose."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch

from bench.devices.backend import synchronizer

Clock = Callable[[], float]
"""Answers seconds on a monotonic clock, after everything queued on its device has finished."""


def clock(device: torch.device) -> Clock:
    """Return the one clock of a device: the host's, read after the device has caught up.

    Device events are not used here: MPS events in torch 2.14 can hang or run backwards.
    """
    if device.type == "cpu":
        return perf_counter
    synchronize = synchronizer(device)

    def read() -> float:
        synchronize()
        return perf_counter()

    return read


def slowed(read: Clock, share: float) -> Clock:
    """Return a clock between whose reads, taken in pairs, a busy wait makes everything `share` slower.

    This is how a known slowdown is put where a real one would be: between the two reads, on this processor.
    """
    begin: float | None = None

    def slow() -> float:
        nonlocal begin
        now = read()
        if begin is None:
            begin = now
            return now
        until = now + (now - begin) * share
        begin = None
        while perf_counter() < until:
            pass
        return perf_counter()  # nothing was queued since

    return slow


def clock_cost(read: Clock, samples: int = 101) -> float:
    """Return what one pair of reads costs when nothing is queued: the median of `samples`, in seconds."""
    read()
    costs = []
    for _ in range(samples):
        begin = read()
        costs.append(read() - begin)
    return median(costs)
