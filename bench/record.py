"""What is written down: Measurement, Environment, Settings, Run, and how a case ended.

Observations only; whatever can be computed from them is computed in `reports`.
Standard library only. Seconds, bytes and FLOPs throughout; absent is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite

from bench.case import Case

SCHEMA = 1
"""The version of every file's content. Raise it whenever a field changes its meaning."""

Scalar = str | int | float | bool | None


class Outcome(StrEnum):
    """How a planned case ended. Every case has exactly one."""

    MEASURED = "measured"
    SKIPPED = "skipped"
    FAILED = "failed"
    WRONG_RESULT = "wrong_result"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"
    NOT_RUN = "not_run"

    @property
    def fault(self) -> bool:
        """Whether the case itself went wrong, so that its test must fail."""
        return self in FAULTS


FAULTS = (Outcome.WRONG_RESULT, Outcome.CRASHED, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY, Outcome.FAILED)
"""Worst first: the first of these that any launch saw is the case's outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """The timed slices of one case in one launch, all in run order and of equal length.

    Attributes:
        iterations: iterations in each slice, the same for the whole run.
        seconds: wall time per iteration, one value per slice.
        set_index: which interleaved set of this launch each slice belongs to, counted from 0.
        started_seconds: when each slice began, on the run's monotonic clock.
        yardstick_seconds: the fixed yardstick's time in the same set, per product.
        stolen_seconds: time the hypervisor took from this machine while the slice ran, all cores together;
            None where the system does not tell.
        minor_faults: page faults without input or output while the slice ran.
        involuntary_switches: times the worker was taken off its core while the slice ran.
        clock_seconds: what one pair of clock reads costs by itself, synchronising included.
    """

    iterations: int
    seconds: tuple[float, ...]
    set_index: tuple[int, ...]
    started_seconds: tuple[float, ...]
    yardstick_seconds: tuple[float, ...]
    stolen_seconds: tuple[float, ...] | None
    minor_faults: tuple[int, ...]
    involuntary_switches: tuple[int, ...]
    clock_seconds: float

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError(f"iterations is {self.iterations}; it must be at least 1")
        if not self.seconds:
            raise ValueError("seconds is empty; a measured case has at least one slice")
        for name in ("seconds", "yardstick_seconds"):
            if not all(isfinite(value) and value > 0 for value in getattr(self, name)):
                raise ValueError(f"{name} holds a value that is not a positive number of seconds")
        if not (isfinite(self.clock_seconds) and self.clock_seconds >= 0):
            raise ValueError("clock_seconds is not a number of seconds")
        for name in PER_SLICE:
            values = getattr(self, name)
            if values is not None and len(values) != len(self.seconds):
                raise ValueError(f"{name} has {len(values)} values for {len(self.seconds)} slices")


PER_SLICE = (
    "seconds",
    "set_index",
    "started_seconds",
    "yardstick_seconds",
    "stolen_seconds",
    "minor_faults",
    "involuntary_switches",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What a worker saw while it made a case ready, before anything was timed.

    Attributes:
        first_call_seconds: the very first iteration in this process, eager or compiled, lazy set-up included.
        compile_seconds: the part of the first call that torch.compile spent compiling; None for eager cases.
        cache_was_warm: whether the compiler's disk cache already held this case; None for eager cases.
        warmup_seconds: time spent iterating until slice medians settled.
        settled: whether they did before the limit.
        verify_seconds: time spent on the reference and the comparison with it.
        total_seconds: the whole preparation, everything above included.
        relative_errors: norm of the difference over norm of the reference, by quantity.
        flops: floating-point operations of one iteration, counted on the eager network; None if not countable.
    """

    first_call_seconds: float
    compile_seconds: float | None
    cache_was_warm: bool | None
    warmup_seconds: float
    settled: bool
    verify_seconds: float
    total_seconds: float
    relative_errors: Mapping[str, float]
    flops: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What was seen of one case in one launch (one fresh process).

    Attributes:
        case: the case.
        launch: which launch, counted from 1; 0 is the discarded pilot, whose faults and first compile count.
        outcome: how it ended in this launch.
        reason: why it has no slices, one line; None exactly if it was measured.
        preparation: what making it ready showed; None if that did not finish.
        slices: the timed slices; None unless measured.
        notes: warnings about this measurement, each a sentence.

    Raises:
        ValueError: if it is measured without slices, or not measured without a reason.
    """

    case: Case
    launch: int
    outcome: Outcome
    reason: str | None = None
    preparation: Preparation | None = None
    slices: Slices | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        measured = self.outcome is Outcome.MEASURED
        if self.launch < 0:
            raise ValueError(f"launch is {self.launch}; it must be 0 or more")
        if not measured and self.slices is not None:
            raise ValueError(f"a case that is {self.outcome} has no slices")
        if measured == (self.reason is not None):
            raise ValueError("a measured case has no reason, every other has one")
        if measured and self.launch > 0 and self.slices is None:
            raise ValueError("a measured case has slices")


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a run was made: facts by dotted name, such as ``torch.version`` or ``steady.bound_threads``.

    A fact that could not be found is None and has its reason under the same name with ``.reason``.
    """

    facts: Mapping[str, Scalar]

    def __getitem__(self, name: str) -> Scalar:
        return self.facts[name]

    def get(self, name: str) -> Scalar:
        """Return a fact, None if this environment does not know it."""
        return self.facts.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run was asked to measure.

    Attributes:
        launches: fresh processes per case, each one replicate.
        seed: of weights, random images and the order within sets.
        quick: every case runs once as a test and nothing is timed.
        case_seconds: slices of one case over all launches, in seconds, where no budget is given.
        min_slices: least number of slices of a case over all launches.
        slice_seconds: aim for the length of one slice.
        budget_seconds: wall time for the whole run; None for case_seconds each.
        timeout_seconds: limit for one request to a worker: one preparation or one slice.
    """

    launches: int = 8
    seed: int = 0
    quick: bool = False
    case_seconds: float = 1.0
    min_slices: int = 5
    slice_seconds: float = 0.01
    budget_seconds: float | None = None
    timeout_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How a run ended and where its time went.

    Attributes:
        complete: whether every planned launch was carried out.
        reason: why not; None if complete.
        wall_seconds: from the first worker's start to the last one's end.
        slice_seconds: inside timed slices.
        warmup_seconds: warming up.
        compile_seconds: compiling, first calls of compiled cases included.
    """

    complete: bool
    reason: str | None
    wall_seconds: float
    slice_seconds: float
    warmup_seconds: float
    compile_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the suite: where, how, what was planned and what was seen.

    Attributes:
        environment: where it was made.
        settings: how it was asked to measure.
        cases: every planned case, in display order.
        measurements: in the order in which they finished.
        started: (launch, case) marks in the order in which they were begun.
        finish: None if the run died before it could say how it ended.
    """

    environment: Environment
    settings: Settings
    cases: tuple[Case, ...]
    measurements: tuple[Measurement, ...] = ()
    started: tuple[tuple[int, Case], ...] = ()
    finish: Finish | None = None
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if len(set(self.cases)) != len(self.cases):
            raise ValueError("the plan holds a case twice")
        planned = set(self.cases)
        seen: set[tuple[int, Case]] = set()
        for measurement in self.measurements:
            if measurement.case not in planned:
                raise ValueError(f"{measurement.case.id} was measured but not planned")
            if (measurement.launch, measurement.case) in seen:
                raise ValueError(f"{measurement.case.id} stands twice in launch {measurement.launch}")
            seen.add((measurement.launch, measurement.case))

    def by_case(self) -> dict[Case, list[Measurement]]:
        """Return the measurements of every planned case, in launch order; an empty list where there are none."""
        found: dict[Case, list[Measurement]] = {case: [] for case in self.cases}
        for measurement in self.measurements:
            found[measurement.case].append(measurement)
        return {case: sorted(some, key=lambda one: one.launch) for case, some in found.items()}

    def outcomes(self) -> dict[Case, tuple[Outcome, str | None]]:
        """Return how each planned case ended, and why if it was not measured."""
        begun = {case for _, case in self.started}
        return {
            case: _outcome(measurements, begun=case in begun, quick=self.settings.quick)
            for case, measurements in self.by_case().items()
        }


def _outcome(measurements: list[Measurement], *, begun: bool, quick: bool) -> tuple[Outcome, str | None]:
    """Return one case's outcome: its worst fault, else measured, else why there is nothing."""
    for fault in FAULTS:
        for one in measurements:
            if one.outcome is fault:
                return fault, one.reason
    timed = [one for one in measurements if one.outcome is Outcome.MEASURED and (quick or one.launch > 0)]
    if timed:
        return Outcome.MEASURED, None
    for one in measurements:
        if one.outcome is not Outcome.MEASURED:
            return one.outcome, one.reason
    if begun:
        return Outcome.INTERRUPTED, "the run ended while this case was in flight"
    return Outcome.NOT_RUN, "the run ended before this case was begun"
