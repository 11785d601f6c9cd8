"""Where a trend steps: the segmentation of ruptures, with a threshold that the shuffled past itself sets.

Advice and no verdict: a machine that drifts from one run to the next steps, too, and the shuffles take its runs to be
exchangeable. Whether a change of code made it slower is what a gate says.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import ruptures
from numpy.typing import NDArray

from reports.stats.signflip import Array

LEAST_POINTS = 8
"""Fewer runs have no shuffles that a step could be told from."""

LEAST_BETWEEN = 3
"""So many runs lie between two steps at least: one odd run is none."""

SHUFFLES, LEVEL = 200, 0.99
"""A step must gain more than the best split of so large a share of so many shuffles."""

SEED = 0
"""Of the shuffles: the same history always has the same steps."""


def find_steps(logs: Array) -> tuple[int, ...]:
    """Return the places at which a trend steps: each the index of the first point after it.

    Args:
        logs: ln of seconds in order of time.
    """
    if len(logs) < LEAST_POINTS or not np.ptp(logs) > 0:
        return ()
    threshold = float(np.quantile(_gains_of_shuffles(logs), LEVEL))
    found = ruptures.KernelCPD(kernel="linear", min_size=LEAST_BETWEEN).fit(logs.reshape(-1, 1)).predict(pen=threshold)
    return tuple(int(place) for place in found[:-1])


def _gains_of_shuffles(logs: Array) -> Array:
    """Return how much the best split of each shuffle lowers the sum of squares."""
    count = len(logs)
    before = np.arange(LEAST_BETWEEN, count - LEAST_BETWEEN + 1)
    sums = np.cumsum((logs - logs.mean())[_shuffle(count)], axis=1)[:, before - 1]
    gains: Array = sums**2 * (count / (before * (count - before)))
    best: Array = gains.max(axis=1)
    return best


@lru_cache(maxsize=8)
def _shuffle(count: int) -> NDArray[np.intp]:
    """Return the orders of so many points, a row each: those of all cases of a history, which are as long."""
    return np.random.default_rng(SEED).permuted(np.tile(np.arange(count), (SHUFFLES, 1)), axis=1)
