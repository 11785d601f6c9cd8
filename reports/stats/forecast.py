"""What a gate of so many blocks shows, and how many more would settle a case.

Both figures take the scatter of the blocks that were measured as that of further ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log1p, sqrt
from statistics import NormalDist, stdev

from bench.record.looks import LEAST_BLOCKS
from reports.stats.intervals import hodges_lehmann

POWER = 0.8
"""The smallest visible change is seen with this probability, the usual one in the planning of trials."""

MOST_BLOCKS = 1000
"""A forecast beyond this says that no number of blocks settles it."""

FAR = NormalDist().inv_cdf(POWER)
"""An effect is seen with probability `POWER` if it lies so many standard errors beyond what is significant."""

SURE = 1.2
"""A forecast of blocks is a little longer than what the present scatter asks for: the scatter is itself uncertain."""


def visible(values: Sequence[float], floor: float, limit: float) -> float:
    """Return the smallest log effect that blocks scattered like these would show with probability `POWER`.

    A constant effect d on top of residuals e makes the statistic K d / sqrt(sum e^2 + K d^2); it must reach `limit`.

    Args:
        values: effects of one case; their own centre does not matter.
        floor: the smallest change that counts.
        limit: what the statistic must reach.
    """
    blocks, scatter = len(values), stdev(values)
    significant = limit * scatter / sqrt(max(blocks - limit**2, 1e-12))
    return max(significant, log1p(floor)) + FAR * scatter / sqrt(blocks)


def needed_blocks(values: Sequence[float], floor: float, limit: float, level: float) -> int | None:
    """Return about how many blocks would settle a case whose effect and scatter stay as they are; None if none."""
    effect, scatter, margin = abs(hodges_lehmann(values)), stdev(values), log1p(floor)
    wide = NormalDist().inv_cdf(1 - level) * scatter
    significant = effect >= margin
    enough = (limit * scatter / effect) ** 2 + limit**2 if significant else (wide / (margin - effect)) ** 2
    blocks = max(len(values) + 1, LEAST_BLOCKS, round(enough * SURE))
    return blocks if blocks <= MOST_BLOCKS else None
