"""What a run writes down: every measurement, how each case ended, and how the run ended.

Observations only; whatever can be computed from them is computed in `reports`.
Standard library only. Seconds, bytes and FLOPs throughout; absent is None.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from bench.record.case import Case
from bench.record.compiling import Compiled, keep_latest_compiled
from bench.record.conditions import Environment, Settings
from bench.record.layers import Layered, keep_latest_layers
from bench.record.observations import Ceiling, Preparation, Slices, not_negative
from bench.record.profile import Profiled, keep_latest

SCHEMA = 2
"""The version of every file's content. Raise it whenever a field changes its meaning."""


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
        profiles: where the time of an iteration goes; none unless that was asked for.
        layers: what each layer of each network takes; likewise.
        compiled: what compiling each case takes, from empty and from full caches; likewise.
        finish: None if the run died before it could say how it ended.
    """

    environment: Environment
    settings: Settings
    cases: tuple[Case, ...]
    measurements: tuple[Measurement, ...] = ()
    started: tuple[tuple[int, Case], ...] = ()
    ceilings: tuple[Ceiling, ...] = ()
    profiles: tuple[Profiled, ...] = ()
    layers: tuple[Layered, ...] = ()
    compiled: tuple[Compiled, ...] = ()
    finish: Finish | None = None
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if len(set(self.cases)) != len(self.cases):
            raise ValueError("the plan holds a case twice")
        planned = set(self.cases)
        if strangers := {case for _, case in self.started} - planned:
            raise ValueError(f"{min(case.id for case in strangers)} was begun but not planned")
        measured: set[tuple[int, Case]] = set()
        for measurement in self.measurements:
            if measurement.launch > self.settings.launches:
                raise ValueError(f"launch {measurement.launch} of {self.settings.launches} does not exist")
            if measurement.case not in planned:
                raise ValueError(f"{measurement.case.id} was measured but not planned")
            if (measurement.launch, measurement.case) in measured:
                raise ValueError(f"{measurement.case.id} stands twice in launch {measurement.launch}")
            measured.add((measurement.launch, measurement.case))
        for what, cases in (
            ("profiled", {profiled.case for profiled in self.profiles}),
            ("compiled", {compiled.case for compiled in self.compiled}),
        ):
            if strangers := cases - planned:
                raise ValueError(f"{min(case.id for case in strangers)} was {what} but not planned")

    def by_case(self) -> dict[Case, list[Measurement]]:
        """Return the measurements of every planned case, in launch order; an empty list where there are none."""
        by_case: dict[Case, list[Measurement]] = {case: [] for case in self.cases}
        for measurement in self.measurements:
            by_case[measurement.case].append(measurement)
        return {
            case: sorted(measurements, key=lambda measurement: measurement.launch)
            for case, measurements in by_case.items()
        }

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
        for measurement in measurements:
            if measurement.outcome is fault:
                return fault, measurement.reason
    if any(
        measurement.outcome is Outcome.MEASURED and (quick or measurement.launch > 0) for measurement in measurements
    ):
        return Outcome.MEASURED, None
    for measurement in measurements:
        if measurement.outcome is not Outcome.MEASURED:
            return measurement.outcome, measurement.reason
    if begun:
        return Outcome.INTERRUPTED, "the run ended while this case was in flight"
    return Outcome.NOT_RUN, "the run ended before this case was begun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Cases are now in flight."""

    launch: int
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Measurements that belong together: all variants of one group in one launch, or one case that went wrong."""

    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CeilingsFound:
    """What a device did at best was found."""

    ceilings: tuple[Ceiling, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The run goes on here, without the measurements of these launches and cases."""

    dropped: tuple[tuple[int, Case], ...]


RunEvent = Started | Measured | CeilingsFound | Profiled | Layered | Compiled | Resumed | Finish
"""What happens in a run, in the order of its journal."""


class RunFold:
    """Adds up a run's events.

    Args:
        begun: where, how and what is measured.
    """

    def __init__(self, begun: Run) -> None:
        self._begun = begun
        self._measurements: dict[tuple[int, Case], Measurement] = {}
        self._started: list[tuple[int, Case]] = []
        self._ceilings: list[Ceiling] = []
        self._profiles: list[Profiled] = []
        self._layers: list[Layered] = []
        self._compiled: list[Compiled] = []
        self._finish: Finish | None = None

    def add(self, event: RunEvent) -> None:  # noqa: C901  one for each event
        """Take one event.

        Raises:
            ValueError: if a case is measured twice in a launch.
        """
        match event:
            case Started():
                self._started += [(event.launch, case) for case in event.cases]
            case Measured():
                for measurement in event.measurements:
                    key = (measurement.launch, measurement.case)
                    if key in self._measurements:
                        raise ValueError(f"{measurement.case.id} stands twice in launch {measurement.launch}")
                    self._measurements[key] = measurement
            case CeilingsFound():
                self._ceilings += event.ceilings
            case Profiled():
                self._profiles.append(event)
            case Layered():
                self._layers.append(event)
            case Compiled():
                self._compiled.append(event)
            case Resumed():
                self._finish = None
                for key in event.dropped:
                    self._measurements.pop(key, None)
            case Finish():
                self._finish = event

    def record(self) -> Run:
        """Return the run as far as it got."""
        return replace(
            self._begun,
            measurements=tuple(self._measurements.values()),
            started=tuple(self._started),
            ceilings=tuple(self._ceilings),
            profiles=keep_latest(self._profiles),
            layers=keep_latest_layers(self._layers),
            compiled=keep_latest_compiled(self._compiled),
            finish=self._finish,
        )
