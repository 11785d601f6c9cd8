"""The joint sign-flip test: which effects are more than chance, at one error for all cases together.

Who played base in a block was a coin. If head and base are the same, every block's row of effects is therefore as
likely as its negative, whatever the noise is: its size may differ by block, and cases of one block may move together.
Sources: Westfall and Young, Resampling-Based Multiple Testing, 1993 (max statistic, step-down); Phipson and Smyth,
"Permutation P-values Should Never Be Zero", 2010 (the +1 of random flips).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

EXACT_BLOCKS = 16
"""Up to so many blocks all 2^K sign patterns are gone through; of more blocks random ones are."""

RANDOM_FLIPS = 100_000
"""Above, so many random patterns are drawn: the smallest alpha that a look may spend is three of them wide, the largest
400."""

TIE = 1e-9
"""Statistics nearer than this are equal: the observed pattern must count itself, whatever rounding does."""


def adjusted_p(effects: Array) -> tuple[list[float], list[float]]:
    """Return for each case the step-down p of its effect being above 0, and of its being below.

    With each pattern its mirror is among them, so both directions have the same null distribution.

    Args:
        effects: (K, C), log ratio of head over base for K blocks and C cases.

    Raises:
        ValueError: if there is no block or no case, or an effect is not finite.
    """
    null, exact = _null(effects), len(effects) <= EXACT_BLOCKS
    observed = _statistic(effects, np.ones((1, len(effects))))[:, 0]
    return step_down(null, observed, exact=exact), step_down(null, -observed, exact=exact)


def step_down(null: Array, observed: Array, *, exact: bool) -> list[float]:
    """Return for each case the p of its statistic against the maximum over it and all cases ranked below it.

    Args:
        null: (C, patterns), every case's statistic under each pattern.
        observed: (C,).
        exact: whether the patterns are all there are, the observed one among them.
    """
    cases, patterns = null.shape
    p, reached = np.ones(cases), np.zeros(cases)
    order = np.argsort(-observed, kind="stable")
    largest = np.full(patterns, -np.inf)  # of a case and those ranked below it
    for rank in reversed(range(cases)):
        case = order[rank]
        np.maximum(largest, null[case], out=largest)
        reached[rank] = np.count_nonzero(largest >= observed[case] - TIE)
    shares = reached / patterns if exact else (1 + reached) / (1 + patterns)
    p[order] = np.maximum.accumulate(shares)
    return [float(value) for value in p]


def critical(effects: Array, alpha: float) -> float:
    """Return what the largest statistic of all cases exceeds with probability `alpha` when nothing changed."""
    return float(np.quantile(_null(effects).max(axis=0), 1 - alpha, method="higher"))


def _null(effects: Array) -> Array:
    """Return (C, patterns): every case's statistic under each sign pattern of the blocks."""
    if effects.ndim != 2 or not effects.size or not np.isfinite(effects).all():  # noqa: PLR2004  a table
        raise ValueError("the test needs a table of finite effects, blocks by cases")
    return _statistic(effects, signs(len(effects)))


def _statistic(effects: Array, patterns: Array) -> Array:
    """Return (C, patterns): the signed sum over its own length, which no scale of a case changes; 0 where all is 0."""
    length = np.sqrt((effects**2).sum(axis=0))
    return np.asarray((effects / np.where(length > 0, length, 1.0)).T @ patterns.T)


@cache
def signs(blocks: int) -> Array:
    """Return (patterns, blocks) of +1 and -1: all of them for few blocks, else fixed random ones."""
    if blocks <= EXACT_BLOCKS:
        numbers = np.arange(2**blocks)[:, None] >> np.arange(blocks)[None, :]
        return np.asarray(1.0 - 2.0 * (numbers & 1))
    generator = np.random.default_rng(blocks)  # the same data have the same p, whoever computes it
    half = 1.0 - 2.0 * generator.integers(0, 2, size=(RANDOM_FLIPS // 2, blocks))
    return np.concatenate([half, -half])  # with each its mirror, so that swapping base and head mirrors every p
