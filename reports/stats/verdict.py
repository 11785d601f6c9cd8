"""From effects per block to a verdict for each case, look by look: the rules of the gate, as pure functions.

An effect is ln(head / base) of one case in one block, the only replicate there is. Looks are made at numbers of
blocks that do not depend on what was seen, each spends its own share of the error, and a case's first verdict stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import expm1, log1p, sqrt
from statistics import NormalDist, median, stdev

import numpy as np

from bench.record.looks import LEAST_BLOCKS, allowed_error
from reports.stats.intervals import CONFIDENCE, walsh_averages, walsh_interval
from reports.stats.signflip import Array, adjusted_p, critical

POWER = 0.8
"""The smallest visible change is seen with this probability, the usual one in the planning of trials."""

MOST_BLOCKS = 1000
"""A forecast beyond this says that no number of blocks settles it."""

FAR = NormalDist().inv_cdf(POWER)
"""An effect is seen with probability `POWER` if it lies so many standard errors beyond what is significant."""

SURE = 1.2
"""A forecast of blocks is a little longer than what the present scatter asks for: the scatter is itself uncertain."""


class Verdict(StrEnum):
    """What is said of one case."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A case's verdict and what it rests on; changes are shares of base's time, 0.05 is 5 % slower.

    Attributes:
        verdict: the first that any look reached; INCONCLUSIVE if none did.
        change: centre of all blocks.
        low: lower end of its 95 % interval; None if there are too few blocks for one.
        high: upper end; None together with `low`.
        p: in the direction of the change, adjusted for all cases, at the look that decided or else the last one.
        decided_at: blocks at the look that decided; None if none did.
        blocks: in all.
        floor: the smallest change that counts.
        visible: the smallest slowdown that would have been called one with probability `POWER`.
        needed_blocks: about how many blocks in all would settle an inconclusive case; None if it is settled, or if no
            number would.
    """

    verdict: Verdict
    change: float
    low: float | None
    high: float | None
    p: float
    decided_at: int | None
    blocks: int
    floor: float
    visible: float
    needed_blocks: int | None


def judge(
    effects: Mapping[str, Sequence[float]], looks: Sequence[int], floors: Mapping[str, float]
) -> dict[str, Ruling]:
    """Return the ruling on every case.

    Args:
        effects: of each case, one value per block in order, the same number of blocks for all.
        looks: numbers of blocks at which a look was made, ascending.
        floors: the smallest change that counts, of each case, as a share.

    Raises:
        ValueError: if there is nothing to judge, cases differ in blocks, or a look is too early or too late.
    """
    names, table = list(effects), _make_table(effects)
    if not looks or list(looks) != sorted(set(looks)) or looks[0] < LEAST_BLOCKS or looks[-1] > len(table):
        raise ValueError(
            f"looks at {list(looks)} do not fit {len(table)} blocks, of which a verdict takes {LEAST_BLOCKS}"
        )
    decided: dict[str, tuple[Verdict, int, float]] = {}
    p_of: dict[str, float] = {}
    for number, blocks in enumerate(looks):
        alpha, level = allowed_error(number)
        shown = table[:blocks]
        slower, faster = adjusted_p(shown), adjusted_p(-shown)
        for column, name in enumerate(names):
            if name in decided:
                continue
            values = shown[:, column].tolist()
            effect = hodges_lehmann(values)
            p_of[name] = slower[column] if effect >= 0 else faster[column]
            verdict = _decide(values, effect, p_of[name], floors[name], alpha, level)
            if verdict is not Verdict.INCONCLUSIVE:
                decided[name] = (verdict, blocks, p_of[name])
    alpha, level = allowed_error(len(looks) - 1)
    limit = critical(table - np.median(table, axis=0), alpha)
    return {
        name: _make_ruling(table[:, column].tolist(), floors[name], limit, level, p_of[name], decided.get(name))
        for column, name in enumerate(names)
    }


def _make_table(effects: Mapping[str, Sequence[float]]) -> Array:
    """Return blocks by cases."""
    lengths = {len(values) for values in effects.values()}
    if len(lengths) != 1:
        raise ValueError(f"cases must have equally many blocks, these have {sorted(lengths)}")
    return np.array(list(effects.values()), dtype=np.float64).T


def _decide(values: Sequence[float], effect: float, p: float, floor: float, alpha: float, level: float) -> Verdict:
    margin = log1p(floor)
    if p <= alpha and abs(effect) >= margin:
        return Verdict.REGRESSED if effect > 0 else Verdict.IMPROVED
    bounds = walsh_interval(values, confidence=1 - 2 * level)
    if bounds is not None and -margin < bounds[0] and bounds[1] < margin:
        return Verdict.UNCHANGED
    return Verdict.INCONCLUSIVE


def _make_ruling(
    values: Sequence[float],
    floor: float,
    limit: float,
    level: float,
    p: float,
    decided: tuple[Verdict, int, float] | None,
) -> Ruling:
    effect = hodges_lehmann(values)
    bounds = walsh_interval(values, confidence=CONFIDENCE)
    verdict, decided_at, p = decided or (Verdict.INCONCLUSIVE, None, p)
    return Ruling(
        verdict=verdict,
        change=expm1(effect),
        low=None if bounds is None else expm1(bounds[0]),
        high=None if bounds is None else expm1(bounds[1]),
        p=p,
        decided_at=decided_at,
        blocks=len(values),
        floor=floor,
        visible=expm1(visible(values, floor, limit)),
        needed_blocks=None if decided else needed_blocks(values, floor, limit, level),
    )


def hodges_lehmann(values: Sequence[float]) -> float:
    """Return the median of all Walsh averages: the centre that the signed-rank interval belongs to."""
    return median(walsh_averages(values))


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
