"""Contenders against each other: how many times faster, from which batch on, and the best variant of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import exp, log2
from statistics import median

import numpy as np

from reports.compare.contenders import Cell, Contender, Point
from reports.stats.intervals import CONFIDENCE, LEAST_LAUNCHES, Summary, shift_interval

NO_INTERVAL = f"no interval: it takes {LEAST_LAUNCHES} launches on either side"
"""A ratio of fewer launches has this warning."""


Line = Sequence[tuple[float, float]]
"""Points of a curve that is straight between them, from left to right."""


def speedup_over(base: Cell, other: Cell) -> Summary | None:
    """Return how many times faster `other` is than `base`: above 1 is faster; None unless both were timed.

    The ratio of their medians over launches, with the rank-sum interval of the launches: they were not measured in
    turn, so nothing is paired, and a difference between the hours of measuring is part of the figure.
    """
    if not base.logs or not other.logs:
        return None
    centre = median(base.logs) - median(other.logs)
    n = min(len(base.logs), len(other.logs))
    bounds = shift_interval(other.logs, base.logs, confidence=CONFIDENCE) if n >= LEAST_LAUNCHES else None
    if bounds is None:
        return Summary(centre=exp(centre), n=n, warnings=(NO_INTERVAL,))
    low, high = min(bounds[0], centre), max(bounds[1], centre)
    return Summary(centre=exp(centre), low=exp(low), high=exp(high), n=n)


class Course(StrEnum):
    """How two contenders compare over the batches that both measured."""

    FASTER = "faster at every batch"
    SLOWER = "slower at every batch"
    OVERTAKES = "overtakes"
    FALLS_BEHIND = "falls behind"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where one contender overtakes another, or falls behind it, or that it never does.

    Attributes:
        base, other: their names; the course is the other's.
        curve: a point without its batch.
        course: what happens.
        batches: the smallest and the largest that both measured.
        at: the batch, between measured ones by straight lines in the logarithms; None where nothing crosses.
        low: lower end of the interval: where the favourable ends of the speed-ups' intervals cross; None if that is
            below the smallest batch, or there are no intervals.
        high: upper end, likewise.
        bounded: whether the speed-ups have intervals at all.
        rate: images/s of both where they cross; None where nothing crosses.
    """

    base: str
    other: str
    curve: tuple[str, str, str, str]
    course: Course
    batches: tuple[int, int]
    at: float | None = None
    low: float | None = None
    high: float | None = None
    bounded: bool = True
    rate: float | None = None


def crossings(base: Contender, other: Contender) -> list[Crossing]:
    """Return for each model, step, dtype and compile mode how `other` compares with `base` over the batches."""
    curves: dict[tuple[str, str, str, str], dict[int, Summary]] = {}
    rates: dict[tuple[str, str, str, str], dict[int, float]] = {}
    for point, cell in base.cells.items():
        theirs = other.cells.get(point)
        ratio = speedup_over(cell, theirs) if theirs else None
        if ratio is not None and cell.seconds is not None:
            curve = (point.model, point.step, point.dtype, point.compile)
            curves.setdefault(curve, {})[point.batch] = ratio
            rates.setdefault(curve, {})[point.batch] = point.batch / cell.seconds.centre
    courses = []
    for curve, by_batch in curves.items():
        if len(by_batch) > 1:  # one batch has no course
            batches = sorted(by_batch)
            ratios = [(batch, by_batch[batch]) for batch in batches]
            courses += _follow_curve(base.name, other.name, curve, ratios, rates[curve])
    return courses


def _follow_curve(
    base: str,
    other: str,
    curve: tuple[str, str, str, str],
    ratios: Sequence[tuple[int, Summary]],
    rates: Mapping[int, float],
) -> list[Crossing]:
    places = [log2(batch) for batch, _ in ratios]
    ends = (ratios[0][0], ratios[-1][0])
    centre = list(zip(places, [log2(ratio.centre) for _, ratio in ratios], strict=True))
    lows = [ratio.low for _, ratio in ratios if ratio.low is not None]
    highs = [ratio.high for _, ratio in ratios if ratio.high is not None]
    bounded = len(lows) == len(highs) == len(ratios)
    courses = []
    for place, rising in zero_crossings(centre):
        low = high = None
        if bounded:
            upper = list(zip(places, map(log2, highs), strict=True))
            lower = list(zip(places, map(log2, lows), strict=True))
            first, last = (upper, lower) if rising else (lower, upper)  # who crosses early, who crosses late
            low = max((at for at, way in zero_crossings(first) if way == rising and at <= place), default=None)
            high = min((at for at, way in zero_crossings(last) if way == rising and at >= place), default=None)
        courses.append(
            Crossing(
                base=base,
                other=other,
                curve=curve,
                course=Course.OVERTAKES if rising else Course.FALLS_BEHIND,
                batches=ends,
                at=2**place,
                low=None if low is None else 2**low,
                high=None if high is None else 2**high,
                bounded=bounded,
                rate=2 ** _interpolate(place, rates),
            )
        )
    if not courses:
        course = Course.FASTER if centre[0][1] > 0 else Course.SLOWER
        courses.append(Crossing(base=base, other=other, curve=curve, course=course, batches=ends, bounded=bounded))
    return courses


def zero_crossings(line: Line) -> list[tuple[float, bool]]:
    """Return where a curve crosses zero, and whether it rises there."""
    places = []
    for (x, y), (next_x, next_y) in pairwise(line):
        if (y > 0) != (next_y > 0):
            places.append((x + (next_x - x) * y / (y - next_y), next_y > 0))
    return places


def _interpolate(place: float, rates: Mapping[int, float]) -> float:
    """Return the logarithm of the rate at the logarithm of a batch; between batches the curve is straight."""
    batches = sorted(rates)
    logs = [log2(batch) for batch in batches], [log2(rates[batch]) for batch in batches]
    return float(np.interp(place, *logs))


def best_variants(contender: Contender) -> dict[tuple[str, str, int], tuple[Point, Cell]]:
    """Return the fastest dtype and compile mode for each model, step and batch."""
    best: dict[tuple[str, str, int], tuple[Point, Cell]] = {}
    for point, cell in contender.cells.items():
        if cell.seconds is None:
            continue
        key = (point.model, point.step, point.batch)
        now = best.get(key)
        if now is None or now[1].seconds is None or cell.seconds.centre < now[1].seconds.centre:
            best[key] = (point, cell)
    return best


def all_points(contenders: Iterable[Contender]) -> list[Point]:
    """Return the points that two contenders or more have, in display order."""
    count: dict[Point, int] = {}
    for contender in contenders:
        for point in contender.cells:
            count[point] = count.get(point, 0) + 1
    return [point for point, times in count.items() if times > 1]


def usd_per_million_images(cell: Cell, batch: int, usd_per_hour: float) -> float | None:
    """Return what a million images cost at a price per hour; None unless the case was timed."""
    return None if cell.seconds is None else cell.seconds.centre / batch * 1e6 * usd_per_hour / 3600
