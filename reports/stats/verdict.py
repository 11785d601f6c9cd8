"""From effects per block to a verdict for each case, look by look: the rules of the gate, as pure functions.

A case has two effects in each block, the only replicate there is: that of its median, and that of its tail, which a
stall in few of many calls moves and the median does not. All of them are columns of one joint test. Looks are made at
numbers of blocks that do not depend on what was seen, each spends its own share of the error, and a column's first
verdict stands, as does a case's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from math import expm1, log1p
from statistics import stdev

import numpy as np

from bench.record.looks import ALONE, Design
from reports.stats.forecast import needed_blocks, visible
from reports.stats.intervals import CONFIDENCE, hodges_lehmann, walsh_interval
from reports.stats.signflip import Array, adjusted_p, critical

TAIL_FLOOR = 0.10
"""The smallest change of a tail that counts, unless the case's own floor is larger. On recorded blocks of identical
code the means scatter by up to 6.1 % from block to block, so that 16 blocks leave them about 5 % to either side
(METHODOLOGY.md, "What does the regression check catch, and how often is it wrong?")."""


class Verdict(StrEnum):
    """What is said of one case, or of one column."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"


class Reading(StrEnum):
    """What a look shows of one column: the first three are verdicts and stand, the others are read anew each time."""

    SLOWER = auto()
    FASTER = auto()
    SAME = auto()
    NOT_SLOWER = auto()
    OPEN = auto()

    @property
    def verdict(self) -> Verdict:
        """Return the verdict on the column alone."""
        match self:
            case Reading.SLOWER:
                return Verdict.REGRESSED
            case Reading.FASTER:
                return Verdict.IMPROVED
            case Reading.SAME:
                return Verdict.UNCHANGED
            case Reading.NOT_SLOWER | Reading.OPEN:
                return Verdict.INCONCLUSIVE


def combine(median: Reading, tail: Reading) -> Verdict:
    """Return the verdict on a case from what its median and its tail show; neither of them goes first.

    A column that is slower decides alone, whatever the other shows. A case is faster if one column is and the other
    is certainly not slower, be it faster, the same, or undecided between those two. It is unchanged if both are.
    """
    both = {median, tail}
    if Reading.SLOWER in both:
        return Verdict.REGRESSED
    if both == {Reading.SAME}:
        return Verdict.UNCHANGED
    if Reading.FASTER in both and Reading.OPEN not in both:
        return Verdict.IMPROVED
    return Verdict.INCONCLUSIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class TailChange:
    """How the mean over a case's slices changed; changes are shares of base's time, 0.05 is 5 % slower.

    Attributes:
        verdict: on the tail alone; INCONCLUSIVE if no look reached one.
        change: centre of all blocks.
        low: lower end of its 95 % interval; None if there are too few blocks for one.
        high: upper end; None together with `low`.
        p: in the direction of the change, adjusted for all columns of all cases, at the look that decided the tail or
            else the last one.
        floor: the smallest change that counts.
    """

    verdict: Verdict
    change: float
    low: float | None
    high: float | None
    p: float
    floor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """A case's verdict and what it rests on; changes are shares of base's time, 0.05 is 5 % slower.

    Attributes:
        verdict: the first that any look reached, by the median and the tail together; INCONCLUSIVE if none did.
        median_verdict: on the median alone.
        change: centre of all blocks, of the median over quads.
        low: lower end of its 95 % interval; None if there are too few blocks for one.
        high: upper end; None together with `low`.
        p: in the direction of the change, adjusted for all columns of all cases, at the look that decided the median
            or else the last one.
        decided_at: blocks at the look that decided the case; None if none did.
        blocks: in all.
        floor: the smallest change of the median that counts.
        visible: the smallest slowdown of the median that one of the looks would have called one with probability
            `POWER`, at the alpha of that look and with the blocks that it had.
        needed_blocks: about how many blocks in all would settle an inconclusive case; None if it is settled, or if no
            number would.
        tail: how the mean over the slices changed.
    """

    verdict: Verdict
    median_verdict: Verdict
    change: float
    low: float | None
    high: float | None
    p: float
    decided_at: int | None
    blocks: int
    floor: float
    visible: float
    needed_blocks: int | None
    tail: TailChange

    @property
    def by_tail(self) -> bool:
        """Whether the verdict is the tail's and not the median's: it alone changed, or it alone is undecided."""
        return self.verdict is self.tail.verdict is not self.median_verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """What a look shows of one column.

    Attributes:
        reading: the first verdict, or what this look shows.
        p: in the direction of the change, at this look or the one that decided.
    """

    reading: Reading
    p: float

    @property
    def decided(self) -> bool:
        return self.reading.verdict is not Verdict.INCONCLUSIVE


def judge(
    medians: Mapping[str, Sequence[float]],
    tails: Mapping[str, Sequence[float]],
    looks: Sequence[int],
    floors: Mapping[str, float],
    design: Design = ALONE,
) -> dict[str, Ruling]:
    """Return the ruling on every case.

    Args:
        medians: the effect on each case's median, one value per block in order, the same number of blocks for all.
        tails: the effect on each case's tail, likewise.
        looks: numbers of blocks at which a look was made, ascending.
        floors: the smallest change that counts, of each case, as a share.
        design: what each look may spend.

    Raises:
        ValueError: if there is nothing to judge, cases differ in blocks, or a look is too early or too late.
    """
    names = list(medians)
    table = _make_table([*medians.values(), *(tails[name] for name in names)])  # (K, 2C): all medians, then all tails
    least = design.least_blocks
    if not looks or list(looks) != sorted(set(looks)) or looks[0] < least or looks[-1] > len(table):
        raise ValueError(f"looks at {list(looks)} do not fit {len(table)} blocks, of which a verdict takes {least}")
    margins = [floors[name] for name in names] + [tail_floor(floors[name]) for name in names]
    columns: list[_Column] = []
    decided: dict[str, tuple[Verdict, int]] = {}
    for number, blocks in enumerate(looks):
        columns = _look(table[:blocks], margins, *design.allowed_error(number), before=columns)
        for name, median, tail in _pair(names, columns):
            verdict = combine(median.reading, tail.reading)
            stands = verdict is Verdict.REGRESSED or (median.decided and tail.decided)
            if name not in decided and verdict is not Verdict.INCONCLUSIVE and (stands or blocks == looks[-1]):
                decided[name] = verdict, blocks
    limits = {
        blocks: _find_limit(table[:blocks], design.allowed_error(number)[0]) for number, blocks in enumerate(looks)
    }
    return {
        name: _make_ruling(medians[name], tails[name], (median, tail), floors[name], limits, decided.get(name), design)
        for name, median, tail in _pair(names, columns)
    }


def tail_floor(floor: float) -> float:
    """Return the smallest change of a tail that counts where `floor` is that of the median."""
    return max(TAIL_FLOOR, floor)


def _make_table(effects: Sequence[Sequence[float]]) -> Array:
    """Return blocks by columns."""
    lengths = {len(values) for values in effects}
    if len(lengths) != 1:
        raise ValueError(f"cases must have equally many blocks, these have {sorted(lengths)}")
    return np.array(effects, dtype=np.float64).T


def _pair(names: Sequence[str], columns: Sequence[_Column]) -> list[tuple[str, _Column, _Column]]:
    """Return each case with the columns of its median and its tail."""
    return list(zip(names, columns[: len(names)], columns[len(names) :], strict=True))


def _look(
    shown: Array, floors: Sequence[float], alpha: float, level: float, *, before: Sequence[_Column]
) -> list[_Column]:
    """Return what a look shows of every column; one that was decided before stays so."""
    slower, faster = adjusted_p(shown)
    columns = []
    for index, floor in enumerate(floors):
        if before and before[index].decided:
            columns.append(before[index])
            continue
        values = shown[:, index].tolist()
        effect = hodges_lehmann(values)
        p = slower[index] if effect >= 0 else faster[index]
        columns.append(_Column(reading=_read(values, effect, p, log1p(floor), alpha, level), p=p))
    return columns


def _read(values: Sequence[float], effect: float, p: float, margin: float, alpha: float, level: float) -> Reading:
    if p <= alpha and abs(effect) >= margin:
        return Reading.SLOWER if effect > 0 else Reading.FASTER
    bounds = walsh_interval(values, confidence=1 - 2 * level)
    if bounds is None or bounds[1] >= margin:
        return Reading.OPEN
    return Reading.SAME if -margin < bounds[0] else Reading.NOT_SLOWER


def _find_limit(shown: Array, alpha: float) -> float:
    """Return what the statistic of a column must reach at a look, whatever its own centre is."""
    return critical(shown - np.median(shown, axis=0), alpha)


def _make_ruling(
    medians: Sequence[float],
    tails: Sequence[float],
    columns: tuple[_Column, _Column],
    floor: float,
    limits: Mapping[int, float],
    decided: tuple[Verdict, int] | None,
    design: Design,
) -> Ruling:
    """Return what is said of a case, given what a statistic had to reach at each look, by blocks."""
    median, tail = columns
    last, (_, level) = max(limits), design.allowed_error(len(limits) - 1)
    change, low, high = _estimate(medians)
    verdict, decided_at = decided or (Verdict.INCONCLUSIVE, None)
    undecided = [
        (values, floor_of)
        for values, floor_of, column in ((medians, floor, median), (tails, tail_floor(floor), tail))
        if not column.decided
    ]
    return Ruling(
        verdict=verdict,
        median_verdict=median.reading.verdict,
        change=change,
        low=low,
        high=high,
        p=median.p,
        decided_at=decided_at,
        blocks=len(medians),
        floor=floor,
        visible=expm1(_find_visible(medians[:last], floor, limits)),
        needed_blocks=None if decided else _forecast(undecided, limits[last], level, design.least_blocks),
        tail=_make_tail(tails, tail, tail_floor(floor)),
    )


def _find_visible(looked_at: Sequence[float], floor: float, limits: Mapping[int, float]) -> float:
    """Return the smallest log effect that one of the looks would have shown, at what that look could spend.

    The scatter is that of all blocks that were looked at: blocks behind the last look were judged by none.
    """
    scatter = stdev(looked_at)
    return min(visible(scatter, blocks, floor, limit) for blocks, limit in limits.items())


def _make_tail(values: Sequence[float], column: _Column, floor: float) -> TailChange:
    change, low, high = _estimate(values)
    return TailChange(verdict=column.reading.verdict, change=change, low=low, high=high, p=column.p, floor=floor)


def _estimate(values: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Return the change of a column as a share, and its interval's ends."""
    bounds = walsh_interval(values, confidence=CONFIDENCE)
    low, high = (None, None) if bounds is None else map(expm1, bounds)
    return expm1(hodges_lehmann(values)), low, high


def _forecast(undecided: Sequence[tuple[Sequence[float], float]], limit: float, level: float, least: int) -> int | None:
    """Return about how many blocks would settle a case with these columns undecided; None if no number would.

    One that will be slower settles the case alone, otherwise all of them must be settled.
    """
    forecasts = [
        (hodges_lehmann(values) >= log1p(floor), needed_blocks(values, floor, limit, level, least))
        for values, floor in undecided
    ]
    alone = [blocks for slower, blocks in forecasts if slower and blocks is not None]
    together = [blocks for _, blocks in forecasts if blocks is not None]
    if alone:
        return min(alone)
    return max(together) if len(together) == len(forecasts) else None
