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
    by_group: dict[int, dict[Group, dict[int, float]]] = {}
    for measurement in run.measurements:
        slices, case = measurement.slices, measurement.case
        if slices is not None and measurement.launch != 0 and case.device == device:
            by_set = by_group.setdefault(measurement.launch, {}).setdefault(case.group, {})
            by_set.update(zip(slices.set_index, slices.yardstick_seconds, strict=True))
    by_launch = [list(chain.from_iterable(map(dict.values, groups.values()))) for groups in by_group.values()]
    medians = [median(readings) for readings in by_launch]
    if not medians:
        return None
    every = chain.from_iterable(by_launch)
    return Yardsticks(seconds=summarize(medians), spread=relative_spread(every), logs=tuple(map(log, medians)))
