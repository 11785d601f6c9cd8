"""How much is timed follows from the settings, the pilot and the budget, by arithmetic alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product
from math import ceil
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.record.case import DTYPES, Case
from bench.record.conditions import CLOCK_SHARE, Settings
from bench.run.pace import BUDGET_SLACK, MIN_SETS, Pace, expected_seconds
from tests.makers.runs import preparation

CASES = [
    Case(model="mlp", step="forward", batch=batch, device="cpu", dtype=dtype, compile="off")
    for batch, dtype in product((1, 64), DTYPES)
]
CASE = CASES[0]
launches = st.integers(1, 100)
estimates = st.floats(1e-6, 10.0)
lengths = st.floats(1e-3, 1e4)


def paced(*slice_seconds: float, **settings: float) -> Pace:
    """Return a pace of cases whose slices have these lengths."""
    pace = Pace(Settings(**settings))  # type: ignore[arg-type]
    pace.slice_seconds = dict(zip(CASES, slice_seconds, strict=False))
    return pace


def launch_seconds(pace: Pace) -> float:
    """Return what the slices of the next launch will cost."""
    return sum(pace.sets(case) * seconds for case, seconds in pace.slice_seconds.items())


@given(estimate=estimates, clock=st.floats(0.0, 1e-2))
def test_clock_costs_under_a_hundredth_of_a_slice(estimate: float, clock: float) -> None:
    """Otherwise the clock is a part of the figure; rounding to whole iterations may miss by half of one."""
    pace = Pace(Settings())
    pace.fix(CASE, replace(preparation(), estimate_seconds=estimate, clock_seconds=clock))
    assert pace.iterations[CASE] >= 1
    assert pace.slice_seconds[CASE] == pace.iterations[CASE] * estimate
    if pace.iterations[CASE] > 1:
        assert clock <= CLOCK_SHARE * (pace.slice_seconds[CASE] + estimate / 2) * (1 + 1e-9)
    assert abs(pace.slice_seconds[CASE] - max(0.01, clock / CLOCK_SHARE)) <= max(estimate, estimate / 2) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("estimate", "clock", "iterations"),
    [
        pytest.param(1e-4, 0.0, 100, id="ten-milliseconds"),
        pytest.param(1.0, 0.0, 1, id="slow-case-has-one"),
        pytest.param(1e-4, 1e-3, 1000, id="dear-clock-has-more"),
    ],
)
def test_iterations_fill_the_slice(estimate: float, clock: float, iterations: int) -> None:
    """A slice is about ten milliseconds long, unless the case or the clock is dearer."""
    pace = Pace(Settings())
    pace.fix(CASE, replace(preparation(), estimate_seconds=estimate, clock_seconds=clock))
    assert pace.iterations[CASE] == iterations


@given(
    slice_seconds=st.floats(1e-4, 1e3), n=launches, case_seconds=st.floats(0, 1e3), least=st.integers(1, 500),
    scale=st.floats(0, 1e3),
)  # fmt: skip
def test_sets_are_never_below_the_least(
    slice_seconds: float, n: int, case_seconds: float, least: int, scale: float
) -> None:
    """A launch's value is a median, and --benchmark-min-rounds holds over all launches together."""
    pace = paced(slice_seconds, launches=n, case_seconds=case_seconds, min_slices=least)
    pace.scale = scale
    sets = pace.sets(CASE)
    assert sets >= MIN_SETS
    assert sets * n >= least
    enough = max(MIN_SETS, ceil(least / n))
    assert sets == enough or abs(sets * slice_seconds * n - case_seconds * scale) <= slice_seconds * n


@given(
    sets=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 2**32)
)  # fmt: skip
def test_turns_hold_each_case_exactly_its_count_evenly_spread(sets: list[int], seed: int) -> None:
    """A slow case that had its few slices at the end would be compared with another state of the machine."""
    counts = {case: max(MIN_SETS, count) for case, count in zip(CASES, sets, strict=False)}
    pace = paced(*(1 / count for count in counts.values()), launches=1, case_seconds=1.0, min_slices=1)
    assert {case: pace.sets(case) for case in counts} == counts
    total, random = max(counts.values()), Random(seed)
    order = [random.sample(list(counts), len(counts)) for _ in range(total)]
    turns = pace.turns(order)
    assert Counter(case for _, case in turns) == counts
    for case, count in counts.items():
        indices = [index for index, one in turns if one == case]
        assert indices == sorted(set(indices))
        gaps = [after - before for before, after in zip([-1, *indices], [*indices, total], strict=True)]
        assert max(gaps) <= ceil(total / count)


@given(seed=st.integers(0, 2**32))
def test_turns_keep_the_order_within_each_set(seed: int) -> None:
    """The order was drawn at random; nothing may sort it again."""
    pace = paced(0.1, 0.1, 0.1, launches=1)
    random = Random(seed)
    order = [random.sample(CASES[:3], 3) for _ in range(pace.sets(CASE))]
    assert pace.turns(order) == [(index, case) for index, cases in enumerate(order) for case in cases]


def test_no_sets_have_no_turns() -> None:
    """A group of which nothing is left takes no time."""
    assert Pace(Settings()).turns([]) == []


@given(
    slice_seconds=st.lists(st.floats(1e-3, 0.05), min_size=1, max_size=6),
    n=launches,
    data=st.data(),
    overhead=st.floats(0, 10),
    reserved=st.floats(0, 50),
    room=st.floats(5, 500),
)
def test_rescale_fits_the_rest_of_the_budget(
    slice_seconds: list[float], n: int, data: st.DataObject, overhead: float, reserved: float, room: float
) -> None:
    """--budget spreads the time: what is left for each launch is filled, to within half a slice of each case."""
    done = data.draw(st.integers(0, n - 1))
    elapsed = data.draw(st.floats(0, 1000))
    budget = elapsed + reserved + (n - done) * (room + overhead)
    pace = paced(*slice_seconds, launches=n, budget_seconds=budget)
    sliced = launch_seconds(pace)
    assume(all(pace.sets(case) > MIN_SETS for case in pace.slice_seconds))
    pace.rescale(
        elapsed_seconds=elapsed, done=done, overhead_seconds=overhead, sliced_seconds=sliced, reserved_seconds=reserved
    )
    planned = launch_seconds(pace)
    least = sum(MIN_SETS * seconds for seconds in slice_seconds)
    share = sum(slice_seconds) * max(1.0, room / sliced)
    assert abs(planned - room) <= share + least


def test_launch_without_room_does_not_starve_the_later_ones() -> None:
    """The pilot's forecast is pessimistic; once a launch shows that there is room, it is used."""
    pace = paced(0.01, launches=8, budget_seconds=80.0)
    default = pace.sets(CASE)
    pace.rescale(
        elapsed_seconds=8.0, done=0, overhead_seconds=20.0, sliced_seconds=default * 0.01, reserved_seconds=0.0
    )
    assert pace.sets(CASE) == MIN_SETS
    pace.rescale(
        elapsed_seconds=10.0, done=1, overhead_seconds=1.0, sliced_seconds=MIN_SETS * 0.01, reserved_seconds=0.0
    )
    assert pace.sets(CASE) > default


@pytest.mark.parametrize(
    ("budget", "done", "sliced"),
    [(None, 1, 1.0), (100.0, 8, 1.0), (100.0, 1, 0.0)],
    ids=["no-budget", "no-launch-left", "nothing-was-sliced"],
)
def test_scale_stays_where_there_is_nothing_to_fit(budget: float | None, done: int, sliced: float) -> None:
    """One second of slices for each case is the default, and nothing is divided by nothing."""
    pace = Pace(Settings(budget_seconds=budget))
    pace.rescale(elapsed_seconds=1.0, done=done, overhead_seconds=1.0, sliced_seconds=sliced, reserved_seconds=0.0)
    assert pace.scale == 1.0


@given(budget=lengths, elapsed=lengths, last=lengths, done=st.integers(0, 7))
def test_launch_is_begun_only_if_it_ends_about_in_time(budget: float, elapsed: float, last: float, done: int) -> None:
    """The first is always begun: a run without any replicate says nothing."""
    reason = Pace(Settings(budget_seconds=budget)).exhausted(
        elapsed_seconds=elapsed, last_launch_seconds=last, done=done
    )
    assert (reason is None) == (done == 0 or elapsed + last <= budget * BUDGET_SLACK)
    assert reason is None or f"after {done} of 8 launches" in reason


def test_without_a_budget_every_launch_is_begun() -> None:
    """--launches is a promise."""
    assert Pace(Settings()).exhausted(elapsed_seconds=1e9, last_launch_seconds=1e9, done=7) is None


def test_forecast_is_the_budget_if_there_is_one() -> None:
    """--plan answers how long it will take."""
    assert expected_seconds({CASE: False}, Settings(budget_seconds=600.0)) == 600.0


def test_forecast_grows_with_launches_cases_and_compiling() -> None:
    """A forecast that ignored one of them would be off by minutes."""
    one = expected_seconds({CASE: False}, Settings(launches=2))
    assert expected_seconds({CASE: False}, Settings(launches=8)) > one
    assert expected_seconds({CASE: False, CASES[1]: False}, Settings(launches=2)) > one
    assert expected_seconds({CASE: True}, Settings(launches=2)) > one
    assert expected_seconds({CASE: False}, Settings(quick=True)) < one
    assert expected_seconds({}, Settings(quick=True)) == 0
