"""The slices of one case in one launch while they are being timed, and the Measurement they become."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from bench.protocol import Timing, Verified
from bench.record.case import Case
from bench.record.observations import Preparation, Slices
from bench.record.run import Measurement, Outcome

STORED = tuple(figure.name for figure in fields(Timing) if figure.metadata.get("stored", True))
"""These figures of a slice are stored under the name that the worker gives them: a new one needs no line here."""


@dataclass(slots=True)
class MeasurementBuilder:
    """Collects the slices of a case in a launch.

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

    def verify(self, verified: Verified) -> None:
        """Add what the check after the last slice showed."""
        before = self.preparation.relative_errors
        worse = {name: max(error, verified.relative_errors.get(name, 0.0)) for name, error in before.items()}
        seconds = self.preparation.verify_seconds + verified.seconds
        self.preparation = replace(self.preparation, relative_errors=worse, verify_seconds=seconds)

    def build(self, case: Case, launch: int, iterations: int, begin: float, notes: tuple[str, ...]) -> Measurement:
        """Return all of it as a record.

        Args:
            case: whose slices these are.
            launch: which launch, from 1.
            iterations: per slice.
            begin: when the run began, on the clock of the timings.
            notes: what was odd about the clocks meanwhile.
        """
        timings = [replace(timing, started_seconds=timing.started_seconds - begin) for timing in self._timings]
        figures: dict[str, Any] = {name: _all(getattr(timing, name) for timing in timings) for name in STORED}
        return Measurement(
            case=case,
            launch=launch,
            outcome=Outcome.MEASURED,
            preparation=self.preparation,
            slices=Slices(
                iterations=iterations,
                set_index=tuple(self._sets),
                yardstick_seconds=tuple(self._yardsticks),
                clock_seconds=self.preparation.clock_seconds,
                **figures,
            ),
            notes=(*notes, *self._throttling()),
        )

    def _throttling(self) -> list[str]:
        """Return a note if the device's clocks were lowered in any slice."""
        reasons = dict.fromkeys(reason for timing in self._timings for reason in timing.throttled)
        return [f"the device lowered its clocks while it was timed: {', '.join(reasons)}"] if reasons else []


def _all(values: Iterable[float | None]) -> tuple[float, ...] | None:
    """Return the values if every one of them is there, else None."""
    listed = tuple(values)
    known = tuple(value for value in listed if value is not None)
    return known if len(known) == len(listed) else None
