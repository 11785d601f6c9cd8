"""A permutation test of two samples with several columns: whole rows are shuffled between them."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from reports.stats.signflip import Array, step_down

EXACT_SHUFFLES = 20_000
"""Up to so many ways of shuffling all are gone through; of more, as many random ones are tried."""


def permutation_p(before: Array, after: Array) -> list[float]:
    """Return for each column the step-down p of `after` being larger, adjusted for all columns.

    Rows are shuffled whole, so that columns of one row may move together. The statistic is the difference of the
    means over the standard deviation of both samples together; swap the samples for the other direction.

    Args:
        before: (m, C), one row for each replicate.
        after: (n, C).
    """
    both, m = np.concatenate([before, after]), len(before)
    total = len(both)
    if comb(total, m) <= EXACT_SHUFFLES:
        chosen = np.zeros((comb(total, m), total))
        for row, first in enumerate(combinations(range(total), m)):
            chosen[row, list(first)] = 1.0
        exact = True
    else:
        generator = np.random.default_rng(total)
        ranks = generator.random((EXACT_SHUFFLES, total)).argsort(axis=1)
        chosen, exact = np.asarray(ranks < m, dtype=np.float64), False
    scale = both.std(axis=0)
    safe = np.where(scale > 0, scale, 1.0)

    def compute_statistic(first: Array) -> Array:
        return np.asarray((((1 - first) @ both / (total - m) - first @ both / m) / safe).T)

    observed = compute_statistic(np.array([[1.0] * m + [0.0] * (total - m)]))[:, 0]
    return step_down(compute_statistic(chosen), observed, exact=exact)
