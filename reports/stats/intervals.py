"""Statistics of launches: sequences in, dataclasses out. Standard library only.

The launch, one fresh process, is the replicate: slices of one launch share its state and are never pooled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, combinations_with_replacement, takewhile
from math import comb, exp, floor, log, sqrt
from statistics import NormalDist, median, quantiles

CONFIDENCE = 0.95
"""Every interval in a report covers with this probability, as is usual in this field."""

LEAST_LAUNCHES = 6
"""Fewer have no signed-rank interval at 95 %: even all of them on one side happens by chance in 1 of 2^(n-1)."""


EXACT_PAIRS = 1000
"""With more pairs the rank of a shift's interval is approximated, which is as good and much faster."""

EXACT_LAUNCHES = 200
"""With more launches the rank is approximated, which leaves the interval 2 of its 20,000 averages too wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A figure with its uncertainty.

    Attributes:
        centre: the figure.
        low: lower end of the interval; None if there are too few replicates for one.
        high: upper end; None together with `low`.
        n: replicates the figure rests on.
        warnings: what a reader must know, each a sentence without its full stop.
    """

    centre: float
    low: float | None = None
    high: float | None = None
    n: int
    warnings: tuple[str, ...] = ()

    def per(self, amount: float) -> Summary:
        """Return amount divided by the figure: seconds per iteration become images per second."""
        low, high = (None if end is None else amount / end for end in (self.high, self.low))
        return Summary(centre=amount / self.centre, low=low, high=high, n=self.n, warnings=self.warnings)

    def over(self, amount: float) -> Summary:
        """Return the figure divided by an amount: a rate becomes a share of the best one."""
        low, high = (None if end is None else end / amount for end in (self.low, self.high))
        return Summary(centre=self.centre / amount, low=low, high=high, n=self.n, warnings=self.warnings)


def summarize(values: Sequence[float]) -> Summary:
    """Return the median of one positive value per launch, with its interval.

    Raises:
        ValueError: if there are no values or one is not positive.
    """
    logs = [log(value) for value in values]
    centre = median(values) if values else _refuse()
    return _with_interval(centre, logs)


def summarize_logs(logs: Sequence[float]) -> Summary:
    """Return exp of the median of one log ratio per launch, with its interval; negating the logs inverts it.

    Raises:
        ValueError: if there are no values.
    """
    centre = exp(median(logs)) if logs else _refuse()
    return _with_interval(centre, logs)


def _refuse() -> float:
    raise ValueError("no launches: there is nothing to summarise")


def _with_interval(centre: float, logs: Sequence[float]) -> Summary:
    n = len(logs)
    bounds = walsh_interval(logs, confidence=CONFIDENCE)
    if bounds is None:
        missing = LEAST_LAUNCHES - n
        warning = f"no interval: it takes {LEAST_LAUNCHES} launches, {n} measured, {missing} more needed"
        return Summary(centre=centre, n=n, warnings=(warning,))
    low, high = map(exp, bounds)
    return Summary(centre=centre, low=min(low, centre), high=max(high, centre), n=n)


def hodges_lehmann(values: Sequence[float]) -> float:
    """Return the median of all Walsh averages: the centre that the signed-rank interval belongs to."""
    return median(walsh_averages(values))


def walsh_interval(values: Sequence[float], *, confidence: float) -> tuple[float, float] | None:
    """Return the exact signed-rank interval of the centre of symmetry; None if n is too small for this confidence.

    Source: Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 3rd ed., section 3.4.
    """
    rank = signed_rank(len(values), tail=(1 - confidence) / 2)
    if rank == 0:
        return None
    averages = sorted(walsh_averages(values))
    return averages[rank - 1], averages[-rank]


def walsh_averages(values: Sequence[float]) -> list[float]:
    """Return the mean of every two values, and of each with itself."""
    return [(first + second) / 2 for first, second in combinations_with_replacement(values, 2)]


@cache
def signed_rank(n: int, *, tail: float) -> int:
    """Return how many Walsh averages an interval may leave out, plus one, on each side.

    That is the largest k with P(T < k) <= tail, T being Wilcoxon's signed-rank statistic of n values; 0 if none is.
    """
    if n > EXACT_LAUNCHES:
        deviation = sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return floor(n * (n + 1) / 4 + NormalDist().inv_cdf(tail) * deviation)
    allowed = tail * (1 + 1e-12)  # (1 - .95) / 2 is a little off .025
    below = accumulate(_ways(n))
    return sum(1 for _ in takewhile(lambda ways: ways / 2**n <= allowed, below))


@cache
def _ways(n: int) -> tuple[int, ...]:
    """Return, for each sum from 0, how many subsets of the ranks 1..n have it: T's distribution times 2**n."""
    ways = [1]
    for rank in range(1, n + 1):
        padded = ways + [0] * rank
        ways = [count + (padded[total - rank] if total >= rank else 0) for total, count in enumerate(padded)]
    return tuple(ways)


def shift_interval(base: Sequence[float], head: Sequence[float], *, confidence: float) -> tuple[float, float] | None:
    """Return the exact rank-sum interval of head's shift over base; None if there are too few of either.

    Source: Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 3rd ed., section 4.3.
    """
    rank = rank_sum(len(base), len(head), tail=(1 - confidence) / 2)
    if rank == 0:
        return None
    differences = sorted(after - before for before in base for after in head)
    return differences[rank - 1], differences[-rank]


@cache
def rank_sum(m: int, n: int, *, tail: float) -> int:
    """Return how many of the m n differences an interval may leave out, plus one, on each side.

    That is the largest k with P(U < k) <= tail, U being Mann and Whitney's statistic; 0 if none is.
    """
    if m * n > EXACT_PAIRS:
        deviation = sqrt(m * n * (m + n + 1) / 12)
        return max(0, floor(m * n / 2 + NormalDist().inv_cdf(tail) * deviation))
    allowed = tail * (1 + 1e-12) * comb(m + n, n)
    return sum(1 for _ in takewhile(lambda ways: ways <= allowed, accumulate(_pairs_below(m, n))))


@cache
def _pairs_below(m: int, n: int) -> list[int]:
    """Return, for each u from 0, in how many orders of m and n values u pairs are the wrong way round."""
    most = m * n + 1
    rows = [[1] + [0] * (most - 1) for _ in range(n + 1)]
    for _ in range(m):
        for j in range(1, n + 1):
            rows[j] = [(rows[j][u - j] if u >= j else 0) + rows[j - 1][u] for u in range(most)]
    return rows[n]


Sets = Mapping[int, Mapping[int, float]]
"""Seconds per iteration by launch, then by interleaved set."""


def speedup(reference: Sets, variant: Sets) -> Summary | None:
    """Return how many times faster a variant is than its reference: above 1 is faster.

    Per launch the median over the sets that both have of ln(reference/variant), then the median over launches.
    None if they have no set in common.
    """
    logs = []
    for launch in sorted(reference.keys() & variant.keys()):
        base, other = reference[launch], variant[launch]
        if common := sorted(base.keys() & other.keys()):
            logs.append(median(log(base[index] / other[index]) for index in common))
    return summarize_logs(logs) if logs else None


def relative_spread(values: Iterable[float]) -> float | None:
    """Return the interquartile range over the median; None for fewer than 2 values."""
    known = list(values)
    if not known[1:]:
        return None
    lower, middle, upper = quantiles(known, n=4, method="inclusive")
    return (upper - lower) / middle
