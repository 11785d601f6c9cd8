"""How benchmatrix decides, written again from its documentation and held to its own figures: version 1.2.1.

Each process has one figure for a case, the mean of its rounds. What is estimated is the ratio of the medians over
processes; its interval is a bootstrap of whole processes, 50,000 times, bias-corrected and accelerated (BCa), at 95 %
shared out among all cases (Bonferroni). A case regressed if the whole interval lies beyond a threshold, 5 % by default,
is unchanged if it lies within, and is inconclusive otherwise, as it is with fewer than five processes a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 50_000
CONFIDENCE = 0.95
LEAST_RUNS = 5
THRESHOLD = 0.05
NORMAL = NormalDist()

Array = NDArray[np.float64]


def is_regressed(
    base: Sequence[float],
    head: Sequence[float],
    *,
    cases: int,
    threshold: float = THRESHOLD,
    base_first: Sequence[bool] | None = None,
    slower: float = 0.0,
) -> bool:
    """Whether a case is called regressed.

    Args:
        base: the mean of each of base's processes.
        head: likewise.
        cases: how many are compared in all.
        threshold: the smallest change that counts.
        base_first: of each pair of processes, which one was first; None for processes that are not paired.
        slower: by what share head's times are to be longer than they are.
    """
    if min(len(base), len(head)) < LEAST_RUNS:
        return False
    level = 1 - (1 - CONFIDENCE) / cases
    low, _ = find_interval(tuple(base), tuple(head), level, None if base_first is None else tuple(base_first))
    return (1 + low) * (1 + slower) - 1 > threshold  # a longer head moves the whole interval with it


@cache
def find_interval(
    base: tuple[float, ...], head: tuple[float, ...], level: float, base_first: tuple[bool, ...] | None
) -> tuple[float, float]:
    """Return the interval of head's change as a share of base's time; for the other arguments see `is_regressed`."""
    values = np.array(base), np.array(head)
    lots = np.random.default_rng(0)
    if base_first is None:
        picked = [_draw(lots, np.arange(len(one))) for one in values]
        left_out = [
            np.array([_change(np.delete(values[0], each), values[1]) for each in range(len(base))]),
            np.array([_change(values[0], np.delete(values[1], each)) for each in range(len(head))]),
        ]
    else:
        orders = [np.flatnonzero(np.array(base_first) == order) for order in set(base_first)]
        picked = [np.concatenate([_draw(lots, pairs) for pairs in orders], axis=1)] * 2
        left_out = [
            np.array([_change(*(np.delete(one, each) for one in values)) for each in pairs]) for pairs in orders
        ]
    medians = [np.median(one[drawn], axis=1) for one, drawn in zip(values, picked, strict=True)]
    changes = medians[1] / medians[0] - 1
    low, high = np.quantile(changes, _correct(changes, _change(*values), left_out, level))
    return float(low), float(high)


def _draw(lots: np.random.Generator, members: NDArray[np.int64]) -> NDArray[np.int64]:
    return members[lots.integers(len(members), size=(RESAMPLES, len(members)))]


def _change(base: Array, head: Array) -> float:
    return float(np.median(head) / np.median(base) - 1)


def _correct(changes: Array, estimate: float, left_out: Sequence[Array], level: float) -> list[float]:
    """Return the probabilities of the bootstrap's quantiles; see Efron, JASA 82, 1987."""
    plain = [(1 - level) / 2, (1 + level) / 2]
    share = float(np.mean(changes < estimate) + np.mean(changes == estimate) / 2)
    least = 0.5 / len(changes)
    bias = NORMAL.inv_cdf(min(1 - least, max(least, share)))
    pseudo = [(len(group) - 1) * (group.mean() - group) for group in left_out]
    squares = sum(float((group**2).sum()) / len(group) ** 2 for group in pseudo)
    if not squares:
        return plain
    acceleration = sum(float((group**3).sum()) / len(group) ** 3 for group in pseudo) / (6 * squares**1.5)
    moved = [bias + NORMAL.inv_cdf(one) for one in plain]
    return [NORMAL.cdf(bias + one / (1 - acceleration * one)) for one in moved]
