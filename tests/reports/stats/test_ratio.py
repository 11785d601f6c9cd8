"""The ratio of two means: against scipy, against simulation, and where there is none."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.stats.ratio import ENOUGH_ERRORS, Mean, find_ratio_interval, find_t


@given(st.integers(1, 200), st.floats(0.01, 0.9999))
def test_t_is_scipys(freedom: int, confidence: float) -> None:
    """An odd and an even number of degrees of freedom have a series each."""
    assert find_t(freedom, confidence=confidence) == pytest.approx(stats.t.ppf(0.5 + confidence / 2, freedom), rel=1e-6)


def test_mean_has_the_standard_error_of_its_values() -> None:
    """Of one value it is not known, and then nothing is beyond it."""
    mean = Mean.of([1.0, 2.0, 3.0, 6.0])
    assert (mean.value, mean.n) == (3.0, 4)
    assert mean.error == pytest.approx(stats.sem([1.0, 2.0, 3.0, 6.0]))
    assert mean.is_beyond(2.5)
    assert not mean.is_beyond(3.0)
    single = Mean.of([5.0])
    assert single.error is None
    assert not single.is_beyond(0.0)
    with pytest.raises(ValueError, match="no values"):
        Mean.of([])


def test_interval_covers_the_ratio_as_often_as_it_says() -> None:
    """2000 draws of a ratio of 0.8 whose whole is eight of its errors; the fewer degrees of freedom make it wider."""
    random = Random(1)
    covered = 0
    for _ in range(2000):
        part, whole = (
            Mean.of([random.gauss(centre, scatter) for _ in range(n)]) for centre, scatter, n in ((8, 2, 6), (10, 3, 6))
        )
        interval = find_ratio_interval(part, whole, confidence=0.95)
        covered += interval is None or interval[0] <= 0.8 <= interval[1]
    assert 0.94 <= covered / 2000 <= 0.985


def test_exact_whole_leaves_the_interval_of_the_part() -> None:
    """Then it is Student's, divided."""
    part = Mean(value=3.0, error=0.3, n=6)
    low, high = find_ratio_interval(part, Mean(value=2.0, error=0.0, n=6), confidence=0.95) or (0.0, 0.0)
    t = find_t(5, confidence=0.95)
    assert (low, high) == pytest.approx(((3.0 - 0.3 * t) / 2, (3.0 + 0.3 * t) / 2))


def test_signs_of_both_change_nothing() -> None:
    """What explains an improvement does so as what explains a regression."""
    part, whole = Mean(value=3.0, error=0.3, n=6), Mean(value=2.0, error=0.1, n=9)
    turned = [Mean(value=-mean.value, error=mean.error, n=mean.n) for mean in (part, whole)]
    assert find_ratio_interval(*turned, confidence=0.95) == find_ratio_interval(part, whole, confidence=0.95)


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        pytest.param(Mean(value=1.0, error=0.1, n=6), Mean(value=1.0, error=1 / ENOUGH_ERRORS, n=60), id="near-zero"),
        pytest.param(Mean(value=1.0, error=None, n=1), Mean(value=1.0, error=0.1, n=60), id="one-part"),
        pytest.param(Mean(value=1.0, error=0.1, n=6), Mean(value=1.0, error=None, n=1), id="one-whole"),
        pytest.param(Mean(value=1.0, error=0.1, n=2), Mean(value=1.0, error=0.1, n=2), id="no-end"),
    ],
)
def test_no_interval_where_the_whole_may_be_nothing(part: Mean, whole: Mean) -> None:
    """A share of nothing could be anything."""
    assert find_ratio_interval(part, whole, confidence=0.95) is None
