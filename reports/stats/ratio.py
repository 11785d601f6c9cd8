"""The ratio of two means that both scatter, with Fieller's interval. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from math import atan, cos, pi, sin, sqrt
from statistics import fmean, stdev

MOST_T = 1e4
"""No quantile that is asked for is beyond: with one degree of freedom it leaves 6e-5 outside."""

ENOUGH_ERRORS = 3.0
"""A denominator that is nearer to 0 than so many of its standard errors has a ratio, and no interval worth showing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean with its standard error.

    Attributes:
        value: the mean.
        error: its standard error; None where it rests on one value.
        n: values that it rests on.
    """

    value: float
    error: float | None
    n: int

    @classmethod
    def of(cls, values: list[float]) -> Mean:
        """Return the mean of values.

        Raises:
            ValueError: if there are none.
        """
        if not values:
            raise ValueError("no values: there is no mean")
        n = len(values)
        return cls(value=fmean(values), error=stdev(values) / sqrt(n) if n > 1 else None, n=n)

    def is_beyond(self, errors: float) -> bool:
        """Whether it is further from 0 than so many of its standard errors; not where they are not known."""
        return self.error is not None and abs(self.value) > errors * self.error


def find_ratio_interval(part: Mean, whole: Mean, *, confidence: float) -> tuple[float, float] | None:
    """Return Fieller's interval of part / whole, which scatter independently of each other.

    It takes the fewer degrees of freedom of the two. None where the whole is not beyond `ENOUGH_ERRORS` of its standard
    errors, or where the interval has no end.

    Source: Fieller, Some problems in interval estimation, J. R. Stat. Soc. B 16 (1954).
    """
    if part.error is None or whole.error is None or not whole.is_beyond(ENOUGH_ERRORS):
        return None
    t = find_t(min(part.n, whole.n) - 1, confidence=confidence)
    bound = whole.value**2 - (t * whole.error) ** 2
    if bound <= 0:
        return None
    centre = part.value * whole.value
    spread = t * sqrt((part.value * whole.error) ** 2 + part.error**2 * bound)
    return (centre - spread) / bound, (centre + spread) / bound


def find_t(freedom: int, *, confidence: float) -> float:
    """Return how many standard errors on both sides of it hold a mean with this confidence: Student's t.

    Args:
        freedom: degrees of freedom, at least 1.
        confidence: between 0 and 1.
    """
    low, high = 0.0, MOST_T
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """Return the probability that Student's t lies between -t and t.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
    """
    angle = atan(t / sqrt(freedom))
    squared = cos(angle) ** 2
    odd = freedom % 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for index in range(1, freedom // 2 + 1):
        total += term
        term *= squared * (2 * index / (2 * index + 1) if odd else (2 * index - 1) / (2 * index))
    return 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
