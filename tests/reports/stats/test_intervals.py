"""The statistics agree with scipy, mirror, and say when there is no interval."""

from __future__ import annotations

from itertools import pairwise
from math import exp, log
from random import Random
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from reports.stats import intervals as stats
from reports.stats.intervals import (
    LEAST_LAUNCHES,
    Summary,
    rank_sum,
    relative_spread,
    shift_interval,
    signed_rank,
    speedup,
    summarize,
    summarize_logs,
)

SECONDS = st.floats(min_value=1e-7, max_value=10.0)
LAUNCHES = st.lists(SECONDS, min_size=6, max_size=15)


def probability_below(n: int, k: int) -> float:
    """Return P(T < k) for Wilcoxon's T of n values, as scipy has it."""
    signed, left = [], k - 1  # values whose positive ranks have the sum k - 1
    for rank in range(n, 0, -1):
        signed.append(rank if rank <= left else -rank)
        left -= max(signed[-1], 0)
    return float(scipy_stats.wilcoxon(signed, alternative="less", method="exact").pvalue) if k > 0 else 0.0


@pytest.mark.parametrize("n", range(1, 31))
@pytest.mark.parametrize("tail", [0.025, 0.01, 0.05])
def test_rank_is_the_largest_that_the_tail_allows(n: int, tail: float) -> None:
    """One rank more and the interval promises what it does not hold; one fewer and it wastes launches."""
    k = signed_rank(n, tail=tail)
    assert probability_below(n, k) <= tail < probability_below(n, k + 1)


@pytest.mark.parametrize(("n", "k"), [(5, 0), (6, 1), (8, 4), (12, 14), (16, 30)])
def test_ranks_are_those_of_the_published_tables(n: int, k: int) -> None:
    """Hollander and Wolfe, table A.4, and the design."""
    assert signed_rank(n, tail=0.025) == k


def test_approximate_rank_continues_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the recursion would take minutes; nothing may jump there."""
    exact = signed_rank(stats.EXACT_LAUNCHES, tail=0.025)
    monkeypatch.setattr(stats, "EXACT_LAUNCHES", stats.EXACT_LAUNCHES - 1)
    assert exact - 3 <= signed_rank(stats.EXACT_LAUNCHES + 1, tail=0.025) <= exact


@given(LAUNCHES)
def test_interval_holds_what_the_signed_rank_test_does_not_reject(values: list[float]) -> None:
    """The interval is the test turned round: a centre just inside has p above 5 %, one just outside below."""
    logs = [log(value) for value in dict.fromkeys(values)]
    bounds = stats.walsh_interval(logs, confidence=0.95)
    if bounds is None:
        return
    width = bounds[1] - bounds[0]
    for inside, outside in ((bounds[0], bounds[0] - 1e-6), (bounds[1], bounds[1] + 1e-6)):
        toward = 1e-6 if inside == bounds[0] else -1e-6
        if width > 1e-5:
            p = scipy_stats.wilcoxon([one - inside - toward for one in logs], method="exact").pvalue
            assert p >= 0.05 - 1e-9 or _tied(logs)
        p = scipy_stats.wilcoxon([one - outside for one in logs], method="exact").pvalue
        assert p <= 0.05 + 1e-9 or _tied(logs)


def _tied(logs: list[float]) -> bool:
    """Whether two Walsh averages are too near each other for a step of 1e-6 to tell them apart."""
    averages = sorted((a + b) / 2 for i, a in enumerate(logs) for b in logs[i:])
    return any(b - a < 1e-5 for a, b in pairwise(averages))


@given(LAUNCHES)
def test_interval_contains_the_median(values: list[float]) -> None:
    """The centre is the median and not the middle of the Walsh averages: the interval reaches out to it."""
    found = summarize(values)
    assert found.centre == median(values)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.centre <= found.high
    assert found.n == len(values)


@pytest.mark.parametrize("n", range(1, LEAST_LAUNCHES))
def test_few_launches_have_no_interval_and_say_how_many_are_missing(n: int) -> None:
    """Five launches cannot reach 95 % even if all agree."""
    found = summarize([1.0] * n)
    assert (found.low, found.high) == (None, None)
    assert found.warnings == (f"no interval: it takes 6 launches, {n} measured, {6 - n} more needed",)


def test_no_launches_are_an_error() -> None:
    """A figure of nothing must not be mistaken for one."""
    with pytest.raises(ValueError, match="no launches"):
        summarize([])
    with pytest.raises(ValueError, match="no launches"):
        summarize_logs([])


@given(LAUNCHES)
def test_rate_mirrors_its_time(values: list[float]) -> None:
    """Images per second is the batch over the time, its upper end the batch over the time's lower end."""
    time = summarize(values)
    rate = time.per(64)
    assert (rate.centre, rate.low, rate.high) == (64 / time.centre, 64 / (time.high or 0), 64 / (time.low or 0))


def test_rate_without_interval_has_none() -> None:
    """Absent stays absent."""
    assert Summary(centre=2.0, n=1).per(4) == Summary(centre=2.0, n=1)


SETS = st.dictionaries(
    st.integers(1, 9), st.dictionaries(st.integers(0, 4), SECONDS, min_size=1), min_size=1, max_size=9
)


@given(SETS, SETS)
@settings(max_examples=200)
def test_swapping_reference_and_variant_inverts_the_speedup(
    one: dict[int, dict[int, float]], other: dict[int, dict[int, float]]
) -> None:
    """Twice as fast one way is half as fast the other way, interval included."""
    there, back = speedup(one, other), speedup(other, one)
    if there is None or back is None:
        assert there is back is None
        return
    assert there.centre * back.centre == pytest.approx(1)
    assert there.n == back.n
    if there.low is not None and back.high is not None:
        assert there.low * back.high == pytest.approx(1)


def test_speedup_pairs_sets_before_it_takes_medians() -> None:
    """A machine that is twice as slow in set 1 slows both sides: the ratio of medians would not cancel that."""
    reference = {1: {0: 2.0, 1: 4.0}, 2: {0: 2.0, 1: 40.0}, 3: {7: 1.0}}
    variant = {1: {0: 1.0, 1: 2.0, 5: 99.0}, 2: {1: 20.0}, 4: {7: 1.0}}
    found = speedup(reference, variant)
    assert found is not None
    assert found.centre == pytest.approx(2)
    assert found.n == 2


def test_speedup_over_launches_is_the_median_of_logs() -> None:
    """Launches that read 1x and 4x stand for 2x, whichever side is the reference."""
    found = speedup({1: {0: 1.0}, 2: {0: 4.0}}, {1: {0: 1.0}, 2: {0: 1.0}})
    assert found is not None
    assert found.centre == pytest.approx(exp(log(4) / 2))


def test_speedup_without_a_common_set_is_absent() -> None:
    """What was not interleaved is not compared."""
    assert speedup({1: {0: 1.0}}, {1: {1: 1.0}}) is None
    assert speedup({1: {0: 1.0}}, {2: {0: 1.0}}) is None


def test_relative_spread_is_the_interquartile_range_over_the_median() -> None:
    """A quarter of the values lies beyond either end."""
    assert relative_spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2 / 3)
    assert relative_spread([1.0]) is None


@pytest.mark.parametrize(("m", "n"), [(3, 3), (6, 6), (6, 8), (8, 8), (10, 7)])
def test_rank_of_a_shift_is_scipys(m: int, n: int) -> None:
    """P(U < k) is at most the tail for the rank, and above it for the next."""
    rank = rank_sum(m, n, tail=0.025)

    def below(k: int) -> float:
        """Return P(U < k), from scipy's exact p of a sample with U = k - 1."""
        if k <= 0:
            return 0.0
        low, left = [], k - 1
        for _ in range(m):
            low.append(min(left, n))
            left -= low[-1]
        x = [count + 0.5 - index * 1e-6 for index, count in enumerate(low)]
        return float(scipy_stats.mannwhitneyu(x, list(range(1, n + 1)), alternative="less", method="exact").pvalue)

    assert below(rank) <= 0.025 + 1e-12
    assert below(rank + 1) > 0.025


def test_rank_of_many_is_approximated_closely() -> None:
    """Above a thousand pairs."""
    assert rank_sum(40, 40, tail=0.025) == pytest.approx(597, abs=2)


def test_shift_interval_mirrors_and_holds_the_shift() -> None:
    """Swapping the samples negates it."""
    random = Random(5)
    base, head = [random.gauss(0, 1) for _ in range(8)], [random.gauss(2, 1) for _ in range(8)]
    low, high = shift_interval(base, head, confidence=0.95) or (0.0, 0.0)
    assert low < 2 < high
    assert shift_interval(head, base, confidence=0.95) == pytest.approx((-high, -low))
    assert shift_interval([1.0], [2.0], confidence=0.95) is None
