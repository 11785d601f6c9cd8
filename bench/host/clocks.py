"""Readings of the machine's clocks, whose differences show that it was suspended or that its wall clock was set.

A slice is timed on a clock that neither event moves, but a slice during which one happened was disturbed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

ALWAYS = getattr(time, "CLOCK_BOOTTIME", None)
"""This clock of Linux goes on while the machine sleeps; CLOCK_MONOTONIC does not (man clock_gettime)."""

AWAKE = getattr(time, "CLOCK_UPTIME_RAW", None)
"""This clock of macOS stands still while the machine sleeps; CLOCK_MONOTONIC does not (man clock_gettime)."""

NOTICED_SECONDS = 1.0
"""A smaller difference is not reported: the clocks are read one after the other, and a time service corrects one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReadings:
    """What the machine's clocks say at one moment.

    Attributes:
        monotonic: goes on evenly.
        asleep: how long the machine has been suspended since it started, up to a constant; None if it does not tell.
        wall: since 1970.
    """

    monotonic: float
    asleep: float | None
    wall: float

    @classmethod
    def now(cls) -> ClockReadings:
        """Read the clocks."""
        monotonic = time.monotonic()
        asleep = None
        if ALWAYS is not None:
            asleep = time.clock_gettime(ALWAYS) - monotonic
        elif AWAKE is not None:
            asleep = monotonic - time.clock_gettime(AWAKE)
        return cls(monotonic=monotonic, asleep=asleep, wall=time.time_ns() / 1e9)

    def oddities_since(self, before: ClockReadings) -> tuple[str, ...]:
        """Return a sentence for each thing that disturbed the time since `before`."""
        notes = []
        slept = 0.0
        if self.asleep is not None and before.asleep is not None:
            slept = self.asleep - before.asleep
        if slept > NOTICED_SECONDS:
            notes.append(f"the machine was suspended for {slept:.0f} s while this was measured")
        jumped = (self.wall - before.wall) - (self.monotonic - before.monotonic) - max(0.0, slept)
        if abs(jumped) > NOTICED_SECONDS:
            notes.append(f"the wall clock jumped by {jumped:+.0f} s while this was measured")
        return tuple(notes)
