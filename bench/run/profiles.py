"""The end of a run: where the time of each case goes, by a profiler, in processes that nothing is timed in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.processes.profiling import profile_case
from bench.processes.supervisor import Supervisor
from bench.record.case import Case
from bench.record.profile import Profiled


def profile_cases(
    cases: Sequence[Case], supervisor: Supervisor, launch: int, traces: Path | None
) -> Iterator[Profiled]:
    """Yield the profiles of cases, each model's on a device in a process of its own.

    Args:
        cases: that were measured.
        supervisor: asks for the profiles; it has no worker yet.
        launch: the one after the last that was timed.
        traces: a folder that takes a trace of each case; None for no traces.

    Raises:
        StoppedError: if the run was asked to stop.
    """
    for owner in dict.fromkeys((case.device, case.model) for case in cases):
        for case in cases:
            if (case.device, case.model) == owner:
                yield profile_case(supervisor, case, launch=launch, traces=traces)
        supervisor.end()
