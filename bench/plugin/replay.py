"""Hands slices that were timed elsewhere to pytest-benchmark's fixture, and ends the test as the case ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bench.plugin.device_names import meets
from bench.record.case import Case
from bench.record.run import Outcome, Run

COMPILERS_FAULT = "compile error: "
"""A skip's reason that has this was not torch's refusal: the compiler began, and the machine did not let it end."""

TAPE = "timer"
"""The keyword of pytest-benchmark's marker under which a test's tape is its clock."""


class Tape:
    """A clock for pytest-benchmark that answers 0 and then a slice's seconds, for one slice after the other.

    Attributes:
        loaded: whether slices were put on it: those of a case are recorded once, however often its test is run.
    """

    __name__ = "device clock of the slice's worker"

    def __init__(self) -> None:
        self.loaded = False
        self._stamps: list[float] = []

    def load(self, seconds: Sequence[float]) -> None:
        """Put slices on the tape, whole seconds of each."""
        self.loaded = True
        self._stamps = [stamp for whole in reversed(seconds) for stamp in (whole, 0.0)]

    def __call__(self) -> float:
        """Return the next stamp."""
        return self._stamps.pop()


def tape_of(item: pytest.Item) -> Tape:
    """Return the tape that is a test's clock."""
    marker = item.get_closest_marker("benchmark")
    tape = marker.kwargs[TAPE] if marker else None
    assert isinstance(tape, Tape), "another benchmark marker hides the suite's own"
    return tape


def replay(run: Run, case: Case, benchmark: Any, tape: Tape, *, required: Sequence[str], compile_named: bool) -> None:
    """Hand a case's slices to pytest-benchmark's fixture, or end the test the way the case ended.

    Args:
        run: the finished run.
        case: which case.
        benchmark: the fixture.
        tape: the clock that the fixture was given for this test.
        required: devices whose absence is a failure.
        compile_named: whether a user named compile modes: then a compiler that fails here, such as for a full disk, is
            no reason to skip.
    """
    outcome, reason = run.outcomes()[case]
    if outcome.fault:
        pytest.fail(f"{outcome}: {reason}", pytrace=False)
    if outcome is Outcome.SKIPPED and any(meets(case.device, name) for name in required):
        pytest.fail(f"{case.device} is required: {reason}", pytrace=False)
    if outcome is Outcome.SKIPPED and case.compiled and compile_named and COMPILERS_FAULT in str(reason):
        pytest.fail(f"asked for by --compile: {reason}", pytrace=False)
    if outcome is not Outcome.MEASURED:
        pytest.skip(f"{outcome}: {reason}" if outcome is not Outcome.SKIPPED else str(reason))
    launches = {
        measurement.launch: measurement.slices for measurement in run.by_case()[case] if measurement.slices is not None
    }
    iterations = next((slices.iterations for slices in launches.values()), 1)
    record(benchmark, case, iterations, {launch: slices.seconds for launch, slices in launches.items()}, tape)


def record(benchmark: Any, case: Case, iterations: int, launches: Mapping[int, Sequence[float]], tape: Tape) -> None:
    """Hand slices to pytest-benchmark's fixture; a test that is run again hands over none, and ends as before.

    Args:
        benchmark: the fixture.
        case: whose slices.
        iterations: of a slice, the same in all.
        launches: the slices' seconds per iteration, by launch.
        tape: the clock that the fixture was given for this test.
    """
    if tape.loaded:  # another plugin runs a test again that failed: a second result would be told beside the first
        benchmark.disabled = True
    seconds = [slice_seconds for slices in launches.values() for slice_seconds in slices]
    # The fixture divides by the iterations again: where any float comes back as the same seconds, this product does.
    tape.load([slice_seconds * iterations for slice_seconds in seconds])
    benchmark.extra_info["case"] = case.id
    benchmark.extra_info["launches"] = len(launches)
    benchmark.extra_info["launch_of_round"] = [launch for launch, slices in launches.items() for _ in slices]
    benchmark.pedantic(_nothing, rounds=max(1, len(seconds)), iterations=iterations)


def _nothing() -> None:
    """Take the place of the function that was timed in a worker."""
