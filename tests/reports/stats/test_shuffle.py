"""Shuffling rows: scipy's p for one column, and one error for several."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import permutation_test

from reports.stats.shuffle import EXACT_SHUFFLES, permutation_p
from reports.stats.signflip import Array


def samples(seed: int, *, m: int, n: int, columns: int = 1, slower: float = 0.0) -> tuple[Array, Array]:
    """Return two samples whose first column differs by `slower`."""
    generator = np.random.default_rng(seed)
    before, after = generator.normal(0.0, 0.05, (m, columns)), generator.normal(0.0, 0.05, (n, columns))
    after[:, 0] += slower
    return before, after


def scipys_p(before: Array, after: Array) -> float:
    """Return scipy's p of the first column, all ways of shuffling gone through."""
    return float(
        permutation_test(
            (after[:, 0], before[:, 0]),
            lambda x, y: np.mean(x) - np.mean(y),
            alternative="greater",
            n_resamples=np.inf,
        ).pvalue
    )


@pytest.mark.parametrize(("m", "n", "slower"), [(6, 6, 0.0), (6, 8, 0.03), (5, 7, -0.03)])
def test_p_of_one_column_is_scipys(m: int, n: int, slower: float) -> None:
    """All ways of shuffling are gone through: there is nothing random in it."""
    before, after = samples(1, m=m, n=n, slower=slower)
    assert permutation_p(before, after) == [pytest.approx(scipys_p(before, after))]


def test_random_shuffles_come_near_the_exact_p() -> None:
    """Two samples of nine have 48,620 ways, more than are gone through."""
    before, after = samples(2, m=9, n=9, slower=0.03)
    (p,) = permutation_p(before, after)
    assert p == pytest.approx(scipys_p(before, after), abs=4 * (0.25 / EXACT_SHUFFLES) ** 0.5)
    assert permutation_p(before, after) == [p]


def test_random_p_is_never_zero() -> None:
    """The observed order is one of those that chance makes."""
    assert permutation_p(*samples(3, m=15, n=15, slower=9.0)) == [1 / (1 + EXACT_SHUFFLES)]


def test_more_columns_cost_power_and_none_hides_another() -> None:
    """The p of a column is adjusted for all of them, and the one that changed is found among the others."""
    alone = permutation_p(*samples(4, m=8, n=8, columns=1, slower=0.1))
    among = permutation_p(*samples(4, m=8, n=8, columns=20, slower=0.1))
    assert alone[0] < 0.01
    assert among[0] < 0.05
    assert min(among[1:]) > 0.05


def test_column_that_never_varies_is_not_larger() -> None:
    """Nothing is divided by nothing."""
    before, after = samples(5, m=6, n=6, columns=2)
    before[:, 1] = after[:, 1] = 1.0
    assert permutation_p(before, after)[1] == 1.0
