"""Is time itself to be trusted? Notices a machine that was suspended and a wall clock that was set.

A slice is timed on a clock that neither event moves, but what was timed around one was not timed in peace.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

ALWAYS = getattr(time, "CLOCK_BOOTTIME", None)
"""On Linux this clock goes on while the machine sleeps; CLOCK_MONOTONIC does not."""

AWAKE = getattr(time, "CLOCK_UPTIME_RAW", None)
"""On macOS this clock stands still while the machine sleeps; CLOCK_MONOTONIC does not."""

NOTICED_SECONDS = 1.0
"""Less than this is the reading of the clocks one after the other, or the time service at work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """The clocks at one moment.

    Attributes:
        monotonic: goes on evenly.
        asleep: how long the machine has been suspended since it started, up to a constant; None if it does not tell.
        wall: since 1970.
    """

    monotonic: float
    asleep: float | None
    wall: float

    @classmethod
    def now(cls) -> Clocks:
        """Read them."""
        monotonic = time.monotonic()
        asleep = None
        if ALWAYS is not None:
            asleep = time.clock_gettime(ALWAYS) - monotonic
        elif AWAKE is not None:
            asleep = monotonic - time.clock_gettime(AWAKE)
        return cls(monotonic=monotonic, asleep=asleep, wall=time.time_ns() / 1e9)

    def oddities_since(self, before: Clocks) -> tuple[str, ...]:
        """Return what a reader of this stretch of time must know, a sentence each."""
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
