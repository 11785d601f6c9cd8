"""A permutation test of two samples with several columns: whole rows are shuffled between them."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np

from reports.stats.signflip import Array, step_down

EXACT_SHUFFLES = 20_000


def _p(before: Array, after: Array) -> list[float]:
    """Return for each case the step-down p of `after` being slower: whole launches are shuffled between the runs."""
    both, m = np.concatenate([before, after]), len(before)
    total = len(both)
    if comb(total, m) <= EXACT_SHUFFLES:
        chosen = np.zeros((comb(total, m), total))
        for row, picked in enumerate(combinations(range(total), m)):
            chosen[row, list(picked)] = 1.0
        exact = True
    else:
        generator = np.random.default_rng(total)
        ranks = generator.random((EXACT_SHUFFLES, total)).argsort(axis=1)
        chosen, exact = np.asarray(ranks < m, dtype=np.float64), False
    scale = both.std(axis=0)
    safe = np.where(scale > 0, scale, 1.0)

    def statistic(picked: Array) -> Array:
        return np.asarray(((1 - picked) @ both / (total - m) - picked @ both / m) / safe)

    observed = statistic(np.array([[1.0] * m + [0.0] * (total - m)]))[0]
    return step_down(statistic(chosen), observed, exact=exact)
