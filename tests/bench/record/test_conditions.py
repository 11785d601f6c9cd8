"""Is this the same machine, code and request? One question, asked by a run and by a gate."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.record.case import Case
from bench.record.conditions import CLOCK_SHARE, Environment, Scalar, Settings, find_differences, is_state
from bench.record.run import Run
from tests.makers.runs import TWO, preparation

FACTS: dict[str, Scalar] = {
    "machine.cpu": "A",
    "run.started": "1",
    "machine.load_at_start": 0.3,
    "device.cuda.celsius_at_start": 41,
    "commit.id": "2" * 40,
    "commit.dirty": False,
    "arm.base.commit": "1" * 40,
    "arm.base.models": "abc",
    "arm.base.device.cuda.clock_hertz_at_start": 1.1e9,
}
BEFORE = Run(environment=Environment(facts=FACTS), settings=Settings(), cases=TWO)


def after(*, settings: Settings | None = None, cases: tuple[Case, ...] = TWO, **facts: Scalar) -> Run:
    """Return a part that was made where some facts are others."""
    return Run(environment=Environment(facts=FACTS | facts), settings=settings or Settings(), cases=cases)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run.started", "2"),
        ("machine.load_at_start", 4.0),
        ("device.cuda.celsius_at_start", 44),
        ("arm.base.device.cuda.clock_hertz_at_start", 1.4e9),
        ("commit.id", "3" * 40),
        ("commit.dirty", True),
        ("arm.base.commit", "3" * 40),
    ],
)
def test_a_state_and_the_name_of_a_commit_are_no_difference(name: str, value: Scalar) -> None:
    """A card is warmer by now, and a new commit of unchanged code is the same code."""
    assert find_differences(BEFORE, after(**{name: value})) == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"machine.cpu": "B"}, ["machine.cpu was 'A', is 'B'"]),
        ({"new": 1}, ["new was None, is 1"]),
        ({"arm.base.models": "abd"}, ["arm.base.models was 'abc', is 'abd'"]),
        ({"machine.cpu": None}, ["machine.cpu was 'A', is None"]),
    ],
    ids=["another-machine", "unknown-fact", "other-code", "missing-fact"],
)
def test_another_machine_and_other_code_are_named_with_both_values(
    facts: dict[str, Scalar], expected: list[str]
) -> None:
    """Figures of two machines are not one run."""
    assert find_differences(BEFORE, after(**facts)) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(budget_seconds=60.0, timeout_seconds=1.0), []),
        (Settings(seed=1), ["seed was 0, is 1"]),
        (Settings(launches=9, min_slices=6), ["launches was 8, is 9", "min_slices was 5, is 6"]),
    ],
    ids=["another-budget", "another-seed", "more-launches"],
)
def test_settings_differ_where_they_change_what_a_measurement_means(settings: Settings, expected: list[str]) -> None:
    """More time for the rest is no other request."""
    assert find_differences(BEFORE, after(settings=settings)) == expected


def test_a_case_that_is_gone_or_new_is_named() -> None:
    """The matrix has another meaning then."""
    fewer = replace(BEFORE, cases=TWO[1:])
    assert find_differences(BEFORE, fewer) == [f"case {TWO[0].id} was planned and is not selected"]
    assert find_differences(fewer, BEFORE) == [f"case {TWO[0].id} is selected and was not planned"]


def test_a_state_is_told_from_a_property() -> None:
    """What compare leaves out where environments differ."""
    assert [name for name in FACTS if is_state(name)] == [
        "run.started",
        "machine.load_at_start",
        "device.cuda.celsius_at_start",
        "arm.base.device.cuda.clock_hertz_at_start",
    ]


@pytest.mark.parametrize(
    ("estimate", "clock", "iterations"),
    [(0.001, 1e-9, 10), (0.1, 1e-9, 1), (0.001, 0.001, round(0.001 / CLOCK_SHARE / 0.001)), (0.0034, 1e-9, 3)],
    ids=["short", "longer-than-a-slice", "costly-clock", "rounded"],
)
def test_iterations_fill_a_slice_and_outweigh_the_clock(estimate: float, clock: float, iterations: int) -> None:
    """At least one of them; a slice is lengthened until the clock costs a hundredth of it."""
    pilot = replace(preparation(), estimate_seconds=estimate, clock_seconds=clock)
    assert Settings(slice_seconds=0.01).iterations_for(pilot) == iterations
