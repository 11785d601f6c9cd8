"""What cannot have been observed cannot be recorded, and every planned case ends in one outcome."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest

from bench.record.conditions import Environment, Settings
from bench.record.observations import Ceiling, Limit
from bench.record.run import FAULTS, Measurement, Outcome, Run
from tests.makers.runs import FINISH, TWO, hole, made_run, measured, preparation, slices

CASE, OTHER = TWO
SLICES = slices([0.001, 0.002])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("iterations", 0, id="no-iterations"),
        pytest.param("seconds", (), id="no-slices"),
        pytest.param("seconds", (0.001, 0.0), id="zero-seconds"),
        pytest.param("seconds", (0.001, -0.001), id="negative-seconds"),
        pytest.param("seconds", (0.001, nan), id="nan-seconds"),
        pytest.param("seconds", (0.001, inf), id="infinite-seconds"),
        pytest.param("seconds", (0.001,), id="other-lengths"),
        pytest.param("yardstick_seconds", (0.0, 1.0), id="zero-yardstick"),
        pytest.param("yardstick_seconds", (nan, 1.0), id="nan-yardstick"),
        pytest.param("set_index", (0,), id="sets-too-short"),
        pytest.param("set_index", (0, -1), id="negative-set"),
        pytest.param("started_seconds", (0.0, 1.0, 2.0), id="starts-too-long"),
        pytest.param("stolen_seconds", (), id="stolen-too-short"),
        pytest.param("stolen_seconds", (0.0, -1.0), id="negative-stolen"),
        pytest.param("minor_faults", (1,), id="faults-too-short"),
        pytest.param("minor_faults", (1, -1), id="negative-faults"),
        pytest.param("involuntary_switches", (1, 2, 3), id="switches-too-long"),
        pytest.param("clock_seconds", -1e-9, id="negative-clock"),
        pytest.param("clock_seconds", nan, id="nan-clock"),
    ],
)
def test_impossible_slices_raise(field: str, value: object) -> None:
    """A slice that was timed took a positive time, and every slice has its circumstances."""
    with pytest.raises(ValueError, match=r"\w"):
        replace(SLICES, **{field: value})


def test_slices_of_a_system_that_tells_no_steal_are_possible() -> None:
    """Absent is None."""
    assert replace(SLICES, stolen_seconds=None).stolen_seconds is None


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"launch": -1}, id="negative-launch"),
        pytest.param({"slices": None}, id="measured-without-slices"),
        pytest.param({"reason": "why"}, id="measured-with-reason"),
        pytest.param({"outcome": Outcome.FAILED, "reason": "why"}, id="failed-with-slices"),
        pytest.param({"outcome": Outcome.FAILED, "slices": None}, id="failed-without-reason"),
    ],
)
def test_impossible_measurements_raise(changes: dict[str, object]) -> None:
    """A hole has a reason, a measured case has a time, and never both."""
    with pytest.raises(ValueError, match=r"\w"):
        replace(measured(CASE, 1, SLICES), **changes)  # type: ignore[arg-type]


def test_pilot_is_measured_without_slices() -> None:
    """Its timings are discarded, its preparation is not."""
    assert measured(CASE, 0, None).slices is None


@pytest.mark.parametrize("seconds", [0.0, -1.0, nan, inf])
def test_estimate_is_a_positive_length(seconds: float) -> None:
    """Iterations per slice are divided by it."""
    with pytest.raises(ValueError, match="estimate_seconds"):
        replace(preparation(), estimate_seconds=seconds)


@pytest.mark.parametrize(
    "field",
    [
        "first_call_seconds",
        "compile_seconds",
        "warmup_seconds",
        "verify_seconds",
        "total_seconds",
        "clock_seconds",
        "flops",
    ],
)
def test_preparation_of_negative_length_raises(field: str) -> None:
    """Compile times are figures of their own in the tables: a negative one is a damaged file."""
    with pytest.raises(ValueError, match=field):
        replace(preparation(), **{field: -1})


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"wall_seconds": -1.0}, id="negative-wall"),
        pytest.param({"slice_seconds": -1.0}, id="negative-slices"),
        pytest.param({"reason": "stopped"}, id="complete-with-reason"),
        pytest.param({"complete": False}, id="incomplete-without-reason"),
        pytest.param({"stopped": True}, id="complete-though-stopped"),
    ],
)
def test_impossible_finish_raises(changes: dict[str, object]) -> None:
    """Shares of the wall time are printed from it, and an early end has its reason."""
    with pytest.raises(ValueError, match=r"\w"):
        replace(FINISH, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"launches": 0},
        {"case_seconds": -1.0},
        {"min_slices": -1},
        {"slice_seconds": 0.0},
        {"budget_seconds": 0.0},
        {"timeout_seconds": 0.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_impossible_settings_raise(changes: dict[str, float]) -> None:
    """Launches and lengths of slices are divided by, and time does not run backwards."""
    with pytest.raises(ValueError, match=next(iter(changes))):
        replace(Settings(), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cases", "measurements", "sentence"),
    [
        pytest.param((CASE, CASE), [], "twice", id="case-planned-twice"),
        pytest.param((CASE,), [measured(OTHER, 1, SLICES)], "not planned", id="stranger-measured"),
        pytest.param((CASE,), [measured(CASE, 1, SLICES)] * 2, "twice in launch 1", id="measured-twice"),
    ],
)
def test_impossible_runs_raise(cases: tuple, measurements: list[Measurement], sentence: str) -> None:
    """The launch is the replicate: one counted twice would narrow the interval."""
    with pytest.raises(ValueError, match=sentence):
        made_run(cases, measurements)


def test_run_that_started_a_stranger_raises() -> None:
    """A mark of a case that was never planned belongs to another run."""
    with pytest.raises(ValueError, match=OTHER.id):
        Run(environment=Environment(facts={}), settings=Settings(), cases=(CASE,), started=((0, OTHER),))


PILOT = measured(CASE, 0, None)


@pytest.mark.parametrize(
    ("measurements", "started", "quick", "expected"),
    [
        pytest.param([], [], False, (Outcome.NOT_RUN, "the run ended before this case was begun"), id="never-begun"),
        pytest.param([], [0], False, (Outcome.INTERRUPTED, "the run ended while this case was in flight"), id="begun"),
        pytest.param([PILOT], [0], False, (Outcome.INTERRUPTED, None), id="only-the-pilot-is-no-measurement"),
        pytest.param([PILOT], [0], True, (Outcome.MEASURED, None), id="only-the-pilot-is-all-of-a-quick-pass"),
        pytest.param([PILOT, measured(CASE, 1, SLICES)], [0, 1], False, (Outcome.MEASURED, None), id="measured"),
        pytest.param([measured(CASE, 1, SLICES)], [0, 1, 2], False, (Outcome.MEASURED, None), id="cut-in-launch-2"),
        pytest.param([hole(CASE, 0, Outcome.SKIPPED, "no card")], [0], False, (Outcome.SKIPPED, "no card"), id="skip"),
        pytest.param(
            [measured(CASE, 1, SLICES), hole(CASE, 2, Outcome.CRASHED, "SIGSEGV")],
            [1, 2],
            False,
            (Outcome.CRASHED, "SIGSEGV"),
            id="a-fault-in-one-launch-outweighs-the-others",
        ),
        pytest.param(
            [hole(CASE, 1, Outcome.FAILED, "raised"), hole(CASE, 2, Outcome.WRONG_RESULT, "off by 1")],
            [1, 2],
            False,
            (Outcome.WRONG_RESULT, "off by 1"),
            id="the-worst-fault-is-told",
        ),
    ],
)
def test_case_ends_in_exactly_one_outcome(
    measurements: list[Measurement], started: list[int], expected: tuple[Outcome, str | None], *, quick: bool
) -> None:
    """A hole always has a reason."""
    run = Run(
        environment=Environment(facts={}),
        settings=Settings(quick=quick),
        cases=(CASE,),
        measurements=tuple(measurements),
        started=tuple((launch, CASE) for launch in started),
    )
    ((case, (outcome, reason)),) = run.outcomes().items()
    assert case == CASE
    assert outcome is expected[0]
    assert reason == expected[1] if expected[1] else (reason is None) == (outcome is Outcome.MEASURED)


def test_every_outcome_but_four_is_the_cases_own_fault() -> None:
    """A fault fails its test; a skip, an end of the run and a measurement do not."""
    innocent = {Outcome.MEASURED, Outcome.SKIPPED, Outcome.INTERRUPTED, Outcome.NOT_RUN}
    assert {outcome for outcome in Outcome if not outcome.fault} == innocent
    assert set(FAULTS) | innocent == set(Outcome)


def test_measurements_of_a_case_come_in_launch_order_and_holes_are_empty() -> None:
    """Launches are plotted in the order in which they happened."""
    first, second = measured(CASE, 1, SLICES), measured(CASE, 2, SLICES)
    assert made_run(TWO, [second, first]).by_case() == {CASE: [first, second], OTHER: []}


def test_environment_answers_none_for_what_it_does_not_know() -> None:
    """A reader of an older file asks for facts that it does not have; a typo in the code does not pass."""
    environment = Environment(facts={"data.source": "random"})
    assert environment.get("data.source") == environment["data.source"] == "random"
    assert environment.get("data.sauce") is None
    with pytest.raises(KeyError):
        environment["data.sauce"]


@pytest.mark.parametrize("per_second", [5e-324, 0.5, 1e25])
def test_ceiling_is_of_sane_size(per_second: float) -> None:
    """Shares divide by it."""
    with pytest.raises(ValueError, match="per_second"):
        Ceiling(
            device="cpu", launch=1, limit=Limit.COPIES, dtype=None, per_second=per_second, size=1 << 20, reason=None
        )
