"""What a run yields is kept: in memory, in the journal, and in pytest-benchmark's own hands."""

from __future__ import annotations

from dataclasses import replace
from math import ulp
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bench.plugin.replay import Tape, replay
from bench.record.case import Case
from bench.record.run import Measurement, Outcome, Run
from tests.makers.plugins import Fixture
from tests.makers.runs import TWO, hole, made_run, measured, slices

CASE, OTHER = TWO
FIRST, SECOND = (measured(CASE, launch, slices([0.001 * launch, 0.002 * launch])) for launch in (1, 2))


@given(seconds=st.lists(st.floats(1e-9, 1e3), min_size=1, max_size=20))
def test_tape_plays_each_slice_as_one_interval(seconds: list[float]) -> None:
    """pytest-benchmark reads its clock before and after each round; differences of running sums would lose digits."""
    tape = Tape()
    tape.load(seconds)
    played = []
    for _ in seconds:
        begin = tape()
        played.append(tape() - begin)
    assert played == seconds
    with pytest.raises(IndexError):
        tape()


def replayed(run: Run, case: Case = CASE, *, required: tuple[str, ...] = (), compile_named: bool = False) -> Fixture:
    """Return what the fixture holds afterwards."""
    tape = Tape()
    fixture = Fixture(tape)
    replay(run, case, fixture, tape, required=required, compile_named=compile_named)
    return fixture


def test_all_launches_are_replayed_in_order() -> None:
    """Every datum in the JSON is a slice that was really timed."""
    fixture = replayed(made_run(TWO, [measured(CASE, 0, None), SECOND, FIRST]))
    assert fixture.data == pytest.approx([0.001, 0.002, 0.002, 0.004], rel=1e-15)
    assert fixture.extra_info == {"case": CASE.id, "launches": 2, "launch_of_round": [1, 1, 2, 2]}


@given(seconds=st.lists(st.floats(1e-9, 10), min_size=1, max_size=3), iterations=st.integers(1, 300))
def test_replay_costs_at_most_the_last_digit(seconds: list[float], iterations: int) -> None:
    """Seconds are stored for one iteration and clocked for all of them."""
    fixture = replayed(made_run(TWO, [measured(CASE, 1, slices(seconds, iterations=iterations))]))
    assert all(abs(replayed - timed) <= ulp(timed) for replayed, timed in zip(fixture.data, seconds, strict=True))


@pytest.mark.parametrize(
    ("measurements", "required", "ending", "words"),
    [
        ([hole(CASE, 0, Outcome.WRONG_RESULT, "off")], (), pytest.fail.Exception, "wrong_result: off"),
        ([FIRST, hole(CASE, 2, Outcome.CRASHED, "SIGSEGV")], (), pytest.fail.Exception, "crashed: SIGSEGV"),
        ([hole(CASE, 0, Outcome.TIMEOUT, "late")], (), pytest.fail.Exception, "timeout: late"),
        ([hole(CASE, 0, Outcome.SKIPPED, "no card")], (), pytest.skip.Exception, "no card"),
        ([hole(CASE, 0, Outcome.SKIPPED, "no card")], ("cpu",), pytest.fail.Exception, "cpu is required: no card"),
        ([hole(CASE, 0, Outcome.SKIPPED, "no card")], ("cuda",), pytest.skip.Exception, "no card"),
        ([], (), pytest.skip.Exception, "not_run: the run ended before this case was begun"),
    ],
    ids=["wrong", "crashed-later", "timeout", "skipped", "required", "another-is-required", "not-run"],
)
def test_test_ends_as_its_case_ended(
    measurements: list[Measurement], required: tuple[str, ...], ending: type[BaseException], words: str
) -> None:
    """A fault fails its test, and has no time; a skip has its reason."""
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception), match=words) as ended:
        replayed(made_run(TWO, measurements), required=required)
    assert ended.type is ending


@pytest.mark.parametrize(
    ("reason", "named", "ending"),
    [
        ("C++ compile error: No space left on device", True, pytest.fail.Exception),
        ("C++ compile error: No space left on device", False, pytest.skip.Exception),
        ("inductor does not support this device", True, pytest.skip.Exception),
    ],
)
def test_compiler_that_the_machine_failed_is_no_skip_where_it_was_asked_for(
    reason: str, ending: type[BaseException], *, named: bool
) -> None:
    """A full disk is mended by somebody who sees a failure; what was only a default may be left out."""
    case = replace(CASE, compile="on")
    run = made_run((case,), [hole(case, 0, Outcome.SKIPPED, f"torch.compile (on) does not work on cpu: {reason}")])
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception)) as ended:
        replayed(run, case, compile_named=named)
    assert ended.type is ending


def test_quick_pass_hands_over_no_time() -> None:
    """The fixture is disabled then, and calls the function once."""
    tape = Tape()

    class Disabled(Fixture):
        def pedantic(self, function: Any, *, rounds: int, iterations: int) -> None:
            assert (rounds, iterations) == (1, 1)
            function()

    fixture = Disabled(tape)
    replay(made_run(TWO, [measured(CASE, 0, None)], quick=True), CASE, fixture, tape, required=(), compile_named=False)
    assert fixture.extra_info["launch_of_round"] == []


def test_second_replay_of_a_case_hands_over_nothing() -> None:
    """Plugins run a test again that failed, each time with a new fixture; one case has one result."""
    tape = Tape()
    first, second = Fixture(tape), Fixture(tape)
    for fixture in (first, second):
        replay(made_run(TWO, [FIRST]), CASE, fixture, tape, required=(), compile_named=False)
    assert first.data == pytest.approx([0.001, 0.002])
    assert second.data == []


@given(seconds=st.floats(1e-9, 1e3), iterations=st.integers(1, 10_000))
@example(seconds=0.1, iterations=3)
def test_replay_loses_nothing_wherever_a_float_can_say_it(seconds: float, iterations: int) -> None:
    """What pytest-benchmark stores is what was timed, unless no float near the whole slice divides back to it."""
    fixture = replayed(made_run(TWO, [measured(CASE, 1, slices([seconds], iterations=iterations))]))
    whole = seconds * iterations
    if any((whole + steps * ulp(whole) / 2) / iterations == seconds for steps in range(-16, 17)):
        assert fixture.data == [seconds]
    else:
        assert fixture.data == [pytest.approx(seconds, rel=2**-52)]
