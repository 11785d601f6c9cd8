"""What is written down: Measurement, Environment, Settings, Run, and how a case ended.

Observations only; whatever can be computed from them is computed in `reports`.
Standard library only. Seconds, bytes and FLOPs throughout; absent is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bench.case import Case
from bench.observed import Ceiling, Limit, Preparation, Slices, not_negative, positive

__all__ = [
    "FAULTS",
    "SCHEMA",
    "Ceiling",
    "Environment",
    "Finish",
    "Limit",
    "Measurement",
    "Outcome",
    "Preparation",
    "Run",
    "Scalar",
    "Settings",
    "Slices",
]

SCHEMA = 2
"""The version of every file's content. Raise it whenever a field changes its meaning."""

MOST_LAUNCHES = 1000
"""An interval looks at every pair of launches."""

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

    def __post_init__(self) -> None:
        if self.launches > MOST_LAUNCHES:
            raise ValueError(f"launches is {self.launches}; at most {MOST_LAUNCHES} are compared pair by pair")
        positive(self, "launches", "min_slices", "slice_seconds", "budget_seconds", "timeout_seconds")
        not_negative(self, "case_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """How a run ended and where its time went.

    Attributes:
        resumed: whether this is the end of a later part of the run, and the seconds are that part's only.
        complete: whether every planned launch was carried out.
        stopped: whether it was broken off, by a signal or because results could not be written, rather than ended.
        reason: why it is not complete; None if it is.
        wall_seconds: from the first worker's start to the last one's end.
        slice_seconds: inside timed slices.
        warmup_seconds: warming up.
        compile_seconds: compiling, first calls of compiled cases included.
    """

    resumed: bool = False
    complete: bool
    stopped: bool
    reason: str | None
    wall_seconds: float
    slice_seconds: float
    warmup_seconds: float
    compile_seconds: float

    def __post_init__(self) -> None:
        not_negative(self, "wall_seconds", "slice_seconds", "warmup_seconds", "compile_seconds")
        if self.complete != (self.reason is None):
            raise ValueError("a complete run has no reason, every other has one")
        if self.complete and self.stopped:
            raise ValueError("a complete run was not stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the suite: where, how, what was planned and what was seen.

    Attributes:
        environment: where it was made.
        settings: how it was asked to measure.
        cases: every planned case, in display order.
        measurements: in the order in which they finished.
        started: (launch, case) marks in the order in which they were begun.
        ceilings: what each device did at best, in the launches that tried.
        finish: None if the run died before it could say how it ended.
    """

    environment: Environment
    settings: Settings
    cases: tuple[Case, ...]
    measurements: tuple[Measurement, ...] = ()
    started: tuple[tuple[int, Case], ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    finish: Finish | None = None
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if len(set(self.cases)) != len(self.cases):
            raise ValueError("the plan holds a case twice")
        planned = set(self.cases)
        if strangers := {case for _, case in self.started} - planned:
            raise ValueError(f"{min(strangers).id} was begun but not planned")
        seen: set[tuple[int, Case]] = set()
        for measurement in self.measurements:
            if measurement.launch > self.settings.launches:
                raise ValueError(f"launch {measurement.launch} of {self.settings.launches} does not exist")
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
