"""What a gate of so many blocks shows, what more of them would show, and how many would settle a case.

All figures take the scatter of the blocks that were measured as that of further ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from math import expm1, log1p, sqrt
from statistics import NormalDist, stdev

import numpy as np

from bench.record.looks import ALONE, LOOKS, Design
from reports.stats.intervals import hodges_lehmann
from reports.stats.signflip import critical

POWER = 0.8
"""The smallest visible change is seen with this probability, the usual one in the planning of trials."""

MOST_BLOCKS = 1000
"""A forecast beyond this says that no number of blocks settles it."""

FAR = NormalDist().inv_cdf(POWER)
"""An effect is seen with probability `POWER` if it lies so many standard errors beyond what is significant."""

SURE = 1.2
"""A forecast of blocks is a little longer than what the present scatter asks for: the scatter is itself uncertain."""


def visible(scatter: float, blocks: int, floor: float, limit: float) -> float:
    """Return the smallest log effect that so many blocks would show with probability `POWER`.

    A constant effect d on top of residuals e makes the statistic K d / sqrt(sum e^2 + K d^2); it must reach `limit`.

    Args:
        scatter: standard deviation of a block's log effect.
        blocks: how many.
        floor: the smallest change that counts.
        limit: what the statistic must reach.
    """
    significant = limit * scatter / sqrt(max(blocks - limit**2, 1e-12))
    return max(significant, log1p(floor)) + FAR * scatter / sqrt(blocks)


def forecast_visible(
    scatters: Mapping[str, float], floors: Mapping[str, float], blocks: int, design: Design = ALONE
) -> dict[str, float]:
    """Return the smallest slowdown of each case, as a share, that a gate of so many blocks would show.

    It is `visible` at the best of the looks that such a gate has, as in a ruling; what the statistic must reach is that
    of independent normal columns, since those that will be measured are not known. That differs little.

    Args:
        scatters: standard deviation of a block's log effect on the median, by case.
        floors: the smallest change that counts, likewise.
        blocks: how many, at least as many as a verdict takes.
        design: the looks.
    """
    columns = 2 * len(scatters)
    limits = [
        (look, expected_limit(look, columns, design.allowed_error(number)[0]))
        for number, look in enumerate(design.looks_up_to(blocks))
    ]
    return {
        name: expm1(min(visible(scatter, look, floors[name], limit) for look, limit in limits))
        for name, scatter in scatters.items()
    }


@cache
def expected_limit(blocks: int, columns: int, alpha: float) -> float:
    """Return what the largest statistic of independent normal columns exceeds with probability `alpha`.

    Beyond the last look of a first part it hardly depends on the blocks any more, and is taken as there.
    """
    rows = min(blocks, LOOKS[-1].blocks)
    table = np.random.default_rng(columns).standard_normal((rows, columns))  # the same forecast, whoever computes it
    return critical(table - np.median(table, axis=0), alpha)


def needed_blocks(
    values: Sequence[float], floor: float, limit: float, level: float, least: int = ALONE.least_blocks
) -> int | None:
    """Return about how many blocks would settle a case whose effect and scatter stay as they are; None if none."""
    effect, scatter, margin = abs(hodges_lehmann(values)), stdev(values), log1p(floor)
    wide = NormalDist().inv_cdf(1 - level) * scatter
    significant = effect >= margin
    enough = (limit * scatter / effect) ** 2 + limit**2 if significant else (wide / (margin - effect)) ** 2
    blocks = max(len(values) + 1, least, round(enough * SURE))
    return blocks if blocks <= MOST_BLOCKS else None
