"""What is held still while timing, each by a name under which it can be left out, and what disturbs all the same."""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

MEASURES = {
    "bound-threads": "OpenMP threads stay on their cores; unbound, block scatter is 7-17 % instead of 2-6 %",
    "fixed-allocator": "glibc keeps freed memory; by default half the processes pay page faults, 18-20 % at batch 1024",
    "no-gc": "Python's garbage collector does not run inside a slice",
    "interleaved": "variants that are compared take turns within seconds, in random order",
}
"""Each name says what is done and what leaving it out costs; the figures are of a shared two-core x86 machine."""


@contextmanager
def no_gc(*, enabled: bool = True) -> Iterator[None]:
    """Keep the garbage collector from running inside the block, if `enabled`."""
    if not enabled or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbance:
    """Running totals of what disturbs a process.

    Attributes:
        stolen_seconds: time the hypervisor took, all cores together; None where the system does not tell.
        minor_faults: page faults without input or output.
        involuntary_switches: times this process was taken off its core.
    """

    stolen_seconds: float | None
    minor_faults: int
    involuntary_switches: int

    def since(self, before: Disturbance) -> Disturbance:
        """Return what was added since `before`."""
        stolen = None
        if self.stolen_seconds is not None and before.stolen_seconds is not None:
            stolen = max(0.0, self.stolen_seconds - before.stolen_seconds)
        return Disturbance(
            stolen_seconds=stolen,
            minor_faults=self.minor_faults - before.minor_faults,
            involuntary_switches=self.involuntary_switches - before.involuntary_switches,
        )


def disturbance() -> Disturbance:
    """Return the counters as they stand now."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return Disturbance(
        stolen_seconds=_stolen_seconds(), minor_faults=usage.ru_minflt, involuntary_switches=usage.ru_nivcsw
    )


def _stolen_seconds() -> float | None:
    """Return the eighth field of Linux's ``/proc/stat``, in seconds; its resolution is a tick, usually 10 ms."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            first = file.readline().split()
    except OSError:
        return None
    return int(first[8]) / os.sysconf("SC_CLK_TCK") if len(first) > 8 else None  # noqa: PLR2004
