"""The slices of one case in one launch while they are being timed, and the Measurement they become."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.processes.supervisor import Timing
from bench.record.case import Case
from bench.record.observations import Preparation, Slices
from bench.record.run import Measurement, Outcome


@dataclass(slots=True)
class Gathered:
    """What was seen so far of a case in a launch.

    Attributes:
        preparation: what making it ready showed.
    """

    preparation: Preparation
    _timings: list[Timing] = field(default_factory=list)
    _yardsticks: list[float] = field(default_factory=list)
    _sets: list[int] = field(default_factory=list)

    def add(self, timing: Timing, yardstick_seconds: float, set_index: int) -> None:
        """Add a slice with the yardstick's reading in its set."""
        self._timings.append(timing)
        self._yardsticks.append(yardstick_seconds)
        self._sets.append(set_index)

    def measurement(
        self, case: Case, launch: int, iterations: int, begin: float, notes: tuple[str, ...]
    ) -> Measurement:
        """Return all of it as a record.

        Args:
            case: whose slices these are.
            launch: which launch, from 1.
            iterations: per slice.
            begin: when the run began, on the clock of the timings.
            notes: what was odd about the clocks meanwhile.
        """
        timings = self._timings
        return Measurement(
            case=case,
            launch=launch,
            outcome=Outcome.MEASURED,
            preparation=self.preparation,
            slices=Slices(
                iterations=iterations,
                seconds=tuple(one.seconds for one in timings),
                set_index=tuple(self._sets),
                started_seconds=tuple(one.started - begin for one in timings),
                yardstick_seconds=tuple(self._yardsticks),
                stolen_seconds=_all(one.stolen_seconds for one in timings),
                minor_faults=tuple(one.minor_faults for one in timings),
                involuntary_switches=tuple(one.involuntary_switches for one in timings),
                clock_seconds=self.preparation.clock_seconds,
                latency_seconds=_all(one.latency_seconds for one in timings),
                event_seconds=_all(one.event_seconds for one in timings),
            ),
            notes=(*notes, *self._throttling()),
        )

    def _throttling(self) -> list[str]:
        """Return a note if the device's clocks were lowered in any slice."""
        reasons = dict.fromkeys(reason for one in self._timings for reason in one.throttled)
        return [f"the device lowered its clocks while it was timed: {', '.join(reasons)}"] if reasons else []


def _all(values: Iterable[float | None]) -> tuple[float, ...] | None:
    """Return the values if every one of them is there, else None."""
    listed = tuple(values)
    known = tuple(value for value in listed if value is not None)
    return known if len(known) == len(listed) else None
