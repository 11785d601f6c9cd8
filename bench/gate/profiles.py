"""The end of a gate: cases that changed are profiled in both arms, in turn, after everything that is timed.

The replicate is a fresh process of each arm. Nothing here is a timing: verdicts stand before the first profile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from time import monotonic

from bench.gate.block import ArmWorkers
from bench.gate.schedule import Event
from bench.processes.profiling import profile_case
from bench.processes.supervisor import StoppedError, Supervisor
from bench.record.arm import Arm, Side
from bench.record.case import Case
from bench.record.conditions import Settings
from bench.record.gate import Block, Ending
from bench.record.profile import Profiled

REPLICATES = 10
"""So many processes of each arm are profiled. To be told from chance among forty operators, a change over six pairs
must be 6.5 of its standard errors, over ten 4.6."""

MOST_SECONDS = 600.0
"""No replicate is begun after this: nobody waits longer for a reason than for a verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmProfiler:
    """Profiles cases in both arms.

    Attributes:
        arms: both of them.
        settings: for timeouts.
        workers: makes them.
        stop: asked between requests; a reason to stop now, None to go on.
        random: coins.
        traces: a folder that takes a trace of each arm's first process; None for no traces.
    """

    arms: Mapping[Side, Arm]
    settings: Settings
    workers: ArmWorkers
    stop: Callable[[], str | None]
    random: Random
    traces: Path | None

    def profile(self, cases: Sequence[Case], launch: int) -> Iterator[Profiled]:
        """Yield the profiles of cases, each model's in processes of its own.

        Args:
            cases: as base runs them.
            launch: the last one that was timed.

        Raises:
            StoppedError: if the gate was asked to stop.
        """
        begin = monotonic()
        owners = list(dict.fromkeys((case.device, case.model) for case in cases))
        for replicate in range(1, REPLICATES + 1):
            if monotonic() - begin > MOST_SECONDS:
                return
            for owner in owners:
                own = [case for case in cases if (case.device, case.model) == owner]
                for first, side in enumerate(self.random.sample(list(Side), len(Side))):
                    yield from self._profile_arm(own, side, launch, replicate, first=not first)

    def _profile_arm(
        self, cases: Sequence[Case], side: Side, launch: int, replicate: int, *, first: bool
    ) -> Iterator[Profiled]:
        """Yield the profiles of a model's cases in one process of an arm."""
        supervisor = Supervisor(self.workers.make_opener(side, first=first), self.settings, self.stop)
        traces = self.traces if replicate == 1 else None
        try:
            for case in cases:
                yield profile_case(
                    supervisor,
                    case,
                    launch=launch + replicate,
                    replicate=replicate,
                    side=side,
                    arm=self.arms[side],
                    traces=traces,
                )
        finally:
            supervisor.end()


def add_profiles(
    events: Iterable[Event], profiler: ArmProfiler, find_changed: Callable[[], Sequence[Case]], *, begin: float
) -> Iterator[Event]:
    """Yield a gate's events, and after its ending the profiles of the cases that changed, which no verdict waits for.

    Where something was profiled a second ending tells of it, with its own seconds. Whatever fails here leaves the gate
    as it was.

    Args:
        events: of the gate; what they add up to is known to `find_changed` when it is asked after the ending.
        profiler: takes the profiles.
        find_changed: returns the cases to profile.
        begin: when the gate began, on the machine's monotonic clock.
    """
    launch = 1
    for event in events:
        if isinstance(event, Block):
            launch = max(launch, event.index)
        if not isinstance(event, Ending) or event.broken or event.stopped:
            yield event
            continue
        ended, ending = monotonic(), None
        yield replace(event, wall_seconds=ended - begin)
        try:
            for profiled in profiler.profile(find_changed(), launch):
                yield profiled
                ending = event
        except StoppedError as asked:
            ending = replace(event, reason=str(asked), stopped=True)
        except Exception as error:  # noqa: BLE001  verdicts stand, whatever keeps a reason from being found
            ending = replace(event, reason=f"{event.reason}; profiling failed: {type(error).__name__}: {error}")
        if ending is not None:
            yield replace(ending, wall_seconds=monotonic() - ended)
