"""Contenders against each other: how many times faster, from which batch on, and the best variant of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from math import exp, log2
from statistics import median, median_low

import numpy as np

from bench.record.case import Variant
from reports.compare.contenders import Cell, Contender, Point
from reports.stats.intervals import CONFIDENCE, LEAST_LAUNCHES, Summary, shift_interval

NO_INTERVAL = f"no interval: it takes {LEAST_LAUNCHES} launches on either side"
"""A ratio of fewer launches has this warning."""


MOST_RATIOS = 1 << 17
"""So many ratios are kept: several tables need each, and its interval looks at every pair of launches."""

Curve = tuple[str, str, Variant]
"""Model, step and variant: what is followed over the batches."""

Line = Sequence[tuple[float, float]]
"""Points of a curve that is straight between them, from left to right."""


def speedup_over(base: Cell, other: Cell) -> Summary | None:
    """Return how many times faster `other` is than `base`: above 1 is faster; None unless both were timed.

    The ratio of their medians over launches, with the rank-sum interval of the launches: they were not measured in
    turn, so nothing is paired, and a difference between the hours of measuring is part of the figure.
    """
    return speedup_of_logs(base.logs, other.logs)


@lru_cache(maxsize=MOST_RATIOS)
def speedup_of_logs(
    base: tuple[float, ...], other: tuple[float, ...], *, confidence: float = CONFIDENCE
) -> Summary | None:
    """Return `speedup_over` of the ln of the seconds of each launch."""
    if not base or not other:
        return None
    centre = median(base) - median(other)
    n = min(len(base), len(other))
    bounds = shift_interval(other, base, confidence=confidence) if n >= LEAST_LAUNCHES else None
    if bounds is None:
        return Summary(centre=exp(centre), n=n, warnings=(NO_INTERVAL,))
    low, high = min(bounds[0], centre), max(bounds[1], centre)
    return Summary(centre=exp(centre), low=exp(low), high=exp(high), n=n)


def compare_with_one(ratio: Summary | None) -> int:
    """Return 1 if a ratio's whole interval lies above 1, -1 if below, and 0 if it includes 1 or there is none."""
    if ratio is None or ratio.low is None or ratio.high is None:
        return 0
    return int(ratio.low > 1) - int(ratio.high < 1)


class Course(StrEnum):
    """How two contenders compare over the batches that both measured, as far as the intervals tell."""

    FASTER = "faster at every batch"
    SLOWER = "slower at every batch"
    OVERTAKES = "overtakes"
    FALLS_BEHIND = "falls behind"
    UNTOLD = "cannot be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where one contender overtakes another, or falls behind it, or that it never does, or that this cannot be told.

    Attributes:
        base, other: their names; the course is the other's.
        curve: model, step and variant: a point without its batch.
        course: what happens; it overtakes only where its interval lies below 1 at one batch and above 1 at a later one.
        batches: the smallest and the largest that both measured.
        untold: those at which the speed-up's interval includes 1, or at which there is none.
        elsewhere: what it is at all other batches, if the course cannot be told: faster, slower, or None without any.
        at: the batch, between measured ones by straight lines in the logarithms; None where nothing crosses.
        low: lower end of the interval: where the favourable ends of the speed-ups' intervals cross.
        high: upper end, likewise.
        bounded: whether all speed-ups have intervals.
        rate: images/s of both where they cross; None where nothing crosses.
    """

    base: str
    other: str
    curve: Curve
    course: Course
    batches: tuple[int, int]
    untold: tuple[int, ...] = ()
    elsewhere: str | None = None
    at: float | None = None
    low: float | None = None
    high: float | None = None
    bounded: bool = True
    rate: float | None = None


def crossings(base: Contender, other: Contender) -> list[Crossing]:
    """Return for each model, step and variant how `other` compares with `base` over the batches."""
    curves: dict[Curve, dict[int, Summary]] = {}
    rates: dict[Curve, dict[int, float]] = {}
    for point, cell in base.cells.items():
        theirs = other.cells.get(point)
        ratio = speedup_over(cell, theirs) if theirs else None
        if ratio is not None and cell.seconds is not None:
            curve = (point.model, point.step, point.variant)
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
    curve: Curve,
    ratios: Sequence[tuple[int, Summary]],
    rates: Mapping[int, float],
) -> list[Crossing]:
    told = [(batch, sign) for batch, ratio in ratios if (sign := compare_with_one(ratio))]
    untold = tuple(batch for batch, ratio in ratios if not compare_with_one(ratio))
    course = _name_course([sign for _, sign in told], untold)
    known = Crossing(
        base=base,
        other=other,
        curve=curve,
        course=course,
        batches=(ratios[0][0], ratios[-1][0]),
        untold=untold,
        elsewhere=("faster" if told[0][1] > 0 else "slower") if told and course is Course.UNTOLD else None,
        bounded=all(ratio.low is not None for _, ratio in ratios),
    )
    changes = [(left, right) for (left, sign), (right, after) in pairwise(told) if sign != after]
    if not changes:
        return [known]
    return [_cross(known, [item for item in ratios if left <= item[0] <= right], rates) for left, right in changes]


def _name_course(signs: Sequence[int], untold: Sequence[int]) -> Course:
    """Return the course of a curve without a crossing, given on which side of 1 the intervals lie that exclude it."""
    if untold or not signs:
        return Course.UNTOLD
    return Course.FASTER if signs[0] > 0 else Course.SLOWER


def _cross(known: Crossing, ratios: Sequence[tuple[int, Summary]], rates: Mapping[int, float]) -> Crossing:
    """Return the crossing between two batches at which the intervals lie on different sides of 1.

    Between them lies no batch that can be told. Where the medians cross several times, the middle crossing is taken.
    """
    bounded = [(log2(batch), ratio) for batch, ratio in ratios if ratio.low is not None and ratio.high is not None]
    centre = [(place, log2(ratio.centre)) for place, ratio in bounded]
    low = [(place, log2(ratio.low or ratio.centre)) for place, ratio in bounded]
    high = [(place, log2(ratio.high or ratio.centre)) for place, ratio in bounded]
    rising = centre[0][1] < 0
    early, late = (high, low) if rising else (low, high)

    def cross(line: Line) -> list[float]:
        return [at for at, way in zero_crossings(line) if way == rising]

    place = median_low(cross(centre))
    return replace(
        known,
        course=Course.OVERTAKES if rising else Course.FALLS_BEHIND,
        elsewhere=None,
        at=2**place,
        low=2 ** min(cross(early)),
        high=2 ** max(cross(late)),
        rate=2 ** _interpolate(place, rates),
    )


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
    """Return the fastest variant for each model, step and batch."""
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
