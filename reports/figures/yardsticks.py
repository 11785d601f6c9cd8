"""The yardstick of a device over a whole run: the state of the machine while everything there was timed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from math import log
from statistics import median

from bench.record.case import Group
from bench.record.run import Run
from reports.stats.intervals import Summary, relative_spread, summarize


@dataclass(frozen=True, slots=True, kw_only=True)
class Yardsticks:
    """What the yardstick read beside a device's cases.

    Attributes:
        seconds: per product, the median over launches of each launch's median over sets.
        spread: interquartile range over median, of all readings; None for a single one.
        logs: ln of each launch's median.
    """

    seconds: Summary
    spread: float | None
    logs: tuple[float, ...]


def collect_yardsticks(run: Run, device: str) -> Yardsticks | None:
    """Return the yardsticks of a device, dropped sets included; None if nothing was timed there.

    A reading belongs to a set, and so to all its slices: it counts once.
    """
    by_launch: dict[int, dict[tuple[Group, int], float]] = {}
    for measurement in run.measurements:
        if measurement.slices is None or measurement.launch == 0 or measurement.case.device != device:
            continue
        readings = by_launch.setdefault(measurement.launch, {})
        for index, seconds in zip(measurement.slices.set_index, measurement.slices.yardstick_seconds, strict=True):
            readings[measurement.case.group, index] = seconds
    medians = [median(readings.values()) for readings in by_launch.values() if readings]
    if not medians:
        return None
    every = chain.from_iterable(readings.values() for readings in by_launch.values())
    return Yardsticks(seconds=summarize(medians), spread=relative_spread(every), logs=tuple(map(log, medians)))
