"""What is timed when: launches, groups, sets, slices, in random order; yields events as they happen.

The consumer of the events writes the journal and shows progress; while it does, nothing is being timed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from time import monotonic

from bench.host.clocks import ClockReadings
from bench.processes.supervisor import Operator, StoppedError, Workers
from bench.record.case import Case, Group
from bench.record.conditions import Settings
from bench.record.observations import Preparation
from bench.record.run import CeilingsFound, Finish, Measured, Measurement, Outcome, RunEvent, Started
from bench.run.measurement_builder import Gathered
from bench.run.pace import WARM_COMPILE_SECONDS, Pace
from bench.run.resume import Resumption

SINGLES = 10
"""Iterations after each slice on an accelerator that are waited for one by one, at most: their mean is the latency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliced:
    """One slice was timed; only progress looks at these."""

    launch: int
    case: Case
    seconds: float


Event = RunEvent | Sliced
"""What happens, in order; all but slices is written down."""


class Schedule:
    """One run over `cases`.

    Args:
        cases: what to measure, in display order.
        settings: how.
        workers: makes workers.
        stop: asked between requests; a reason to stop now, None to go on.
        begin: when the run began, on the machine's monotonic clock.
        interleaved: whether the variants of a group take turns; otherwise each is timed in one go.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        settings: Settings,
        workers: Workers,
        *,
        stop: Callable[[], str | None],
        begin: float,
        interleaved: bool = True,
        resumption: Resumption | None = None,
    ) -> None:
        self._settings = settings
        self._operator = Operator(workers, settings, stop)
        self._interleaved = interleaved
        self._random = _order(settings.seed, 0)
        self._pace = Pace(settings)
        self._resumption = resumption or Resumption()
        self._groups: dict[Group, list[Case]] = defaultdict(list)
        for case in cases:
            if case not in self._resumption.ended:
                self._groups[case.group].append(case)
        self._begin = begin
        self._workers = workers
        self._slice_seconds = self._warmup_seconds = self._compile_seconds = self._prepare_seconds = 0.0
        self._ceiling_seconds = 0.0

    def events(self) -> Iterator[Event]:
        """Carry out the run; the last event is its Finish, whatever happens to the cases.

        Raises:
            LaunchError: if no worker can be started at all.
        """
        reason, stopped = None, False
        try:
            yield from self._pilot()
            if not self._settings.quick:
                reason = yield from self._launches()
        except StoppedError as asked:
            reason, stopped = str(asked), True
        finally:
            self._operator.end()
        yield self.finish(reason, stopped=stopped)

    def finish(self, reason: str | None, *, stopped: bool) -> Finish:
        """End the worker and return where the time went.

        Args:
            reason: why the run is not complete; None if it is.
            stopped: whether it was broken off.
        """
        self._operator.end()
        return Finish(
            resumed=bool(self._resumption.kept),
            complete=reason is None,
            stopped=stopped,
            reason=reason,
            wall_seconds=monotonic() - self._begin,
            slice_seconds=self._slice_seconds,
            warmup_seconds=self._warmup_seconds,
            compile_seconds=self._compile_seconds + self._workers.compile_seconds,
        )

    def _pilot(self) -> Iterator[Event]:
        """Prepare every case once: skips, faults and first compiles show here; its timings only fix the iterations."""
        for case, seen in self._resumption.pilot.items():
            self._pace.fix(case, seen)
        for _, groups in self._by_device():
            for group in groups:
                cases = tuple(case for case in self._groups[group] if case not in self._resumption.pilot)
                if cases:
                    yield Started(launch=0, cases=cases)
                for case in cases:
                    preparation = self._prepare(case, 0)
                    if isinstance(preparation, Measurement):
                        yield self._out(preparation)
                        continue
                    self._pace.fix(case, preparation)
                    yield Measured(
                        measurements=(
                            Measurement(case=case, launch=0, outcome=Outcome.MEASURED, preparation=preparation),
                        )
                    )
                self._operator.forget()
            self._operator.end()

    def _launches(self) -> Generator[Event, None, str | None]:
        """Carry out the launches; return why not all of them, None if all."""
        last_seconds, launches = 0.0, self._settings.launches
        once = self._workers.launching_seconds - self._workers.compile_seconds  # later ones find a warm disk cache
        for done in range(launches):
            elapsed = monotonic() - self._begin
            if reason := self._pace.exhausted(elapsed_seconds=elapsed, last_launch_seconds=last_seconds, done=done):
                return reason
            begin, sliced, launching = monotonic(), self._slice_seconds, self._workers.launching_seconds
            swept = self._ceiling_seconds
            if done == 0:
                reserved = once * self._workers.executions(0, launches)
                self._pace.rescale(elapsed_seconds=elapsed, done=0, reserved_seconds=reserved, **self._forecast())
            yield from self._launch(done + 1)
            last_seconds, sliced = monotonic() - begin, self._slice_seconds - sliced
            once_only = self._workers.launching_seconds - launching + self._ceiling_seconds - swept
            self._pace.rescale(
                elapsed_seconds=monotonic() - self._begin,
                done=done + 1,
                overhead_seconds=last_seconds - sliced - once_only,
                sliced_seconds=sliced,
                reserved_seconds=once * self._workers.executions(done + 1, launches),
            )
        return None

    def _launch(self, launch: int) -> Iterator[Event]:
        """Time every live case in fresh workers, one for each device."""
        self._random = _order(self._settings.seed, launch)
        devices = self._by_device()
        self._random.shuffle(devices)
        for _, groups in devices:
            left = [group for group in self._random.sample(groups, len(groups)) if self._is_left(group, launch)]
            if left and launch in (1, self._settings.launches // 2 + 1):
                yield self._ceilings([case for group in left for case in self._groups[group]], launch)
            for group in left:
                yield from self._group(group, launch)
            self._operator.end()

    def _is_left(self, group: Group, launch: int) -> bool:
        return (launch, group) not in self._resumption.done

    def _ceilings(self, cases: Sequence[Case], launch: int) -> CeilingsFound:
        """Find what the device of these cases does at best: at the beginning of a run and again in its middle."""
        begin, launching = monotonic(), self._workers.launching_seconds
        found = self._operator.ceilings(cases[0], launch, [case.dtype for case in cases])
        self._ceiling_seconds += monotonic() - begin - (self._workers.launching_seconds - launching)
        return CeilingsFound(ceilings=found)

    def _group(self, group: Group, launch: int) -> Iterator[Event]:
        """Time one group's variants; if one of them breaks the worker, the others again without it."""
        self._random = _order(self._settings.seed, launch, group)
        yield Started(launch=launch, cases=tuple(self._groups[group]))
        clocks = ClockReadings.now()
        while cases := self._groups[group]:
            gathered = yield from self._prepare_all(self._random.sample(cases, len(cases)), launch)
            if gathered is None:
                continue
            broken = yield from self._time_all(gathered, launch)
            if broken is not None:
                yield self._out(broken)
                self._operator.forget()
                continue
            notes = ClockReadings.now().oddities_since(clocks)
            if not gathered:
                break
            yield Measured(
                measurements=tuple(
                    gathered[case].measurement(case, launch, self._pace.iterations[case], self._begin, notes)
                    for case in cases
                )
            )
            break
        self._operator.forget()

    def _prepare_all(self, cases: Sequence[Case], launch: int) -> Generator[Event, None, dict[Case, Gathered] | None]:
        """Return every case ready to be timed; None if one of them took the worker, and so the others, with it."""
        gathered = {}
        for case in cases:
            preparation = self._prepare(case, launch)
            if isinstance(preparation, Preparation):
                gathered[case] = Gathered(preparation)
                continue
            yield self._out(preparation)
            if self._operator.lost and gathered:
                return None
        return gathered

    def _time_all(self, gathered: dict[Case, Gathered], launch: int) -> Generator[Event, None, Measurement | None]:
        """Time a group's sets; return how a case broke, None if all went well."""
        cases = list(gathered)
        total = max((self._pace.sets(case) for case in cases), default=0)
        turns = self._pace.turns([self._random.sample(cases, len(cases)) for _ in range(total)])
        if not self._interleaved:
            turns.sort(key=lambda turn: cases.index(turn[1]))
        reading, current = 0.0, -1
        for index, case in turns:
            if index != current:
                yardstick = self._operator.yardstick(case, launch)
                if isinstance(yardstick, Measurement):
                    return yardstick
                reading, current = yardstick, index
            iterations = self._pace.iterations[case]
            singles = _singles(case, gathered[case].preparation, iterations)
            timing = self._operator.slice(case, launch, iterations, singles=singles)
            if isinstance(timing, Measurement):
                return timing
            self._slice_seconds += timing.wall_seconds
            gathered[case].add(timing, reading, index)
            yield Sliced(launch=launch, case=case, seconds=timing.seconds)
        return None

    def _prepare(self, case: Case, launch: int) -> Preparation | Measurement:
        preparation = self._operator.prepare(case, launch)
        if isinstance(preparation, Preparation):
            self._warmup_seconds += preparation.warmup_seconds
            if launch == 0:
                self._prepare_seconds += preparation.total_seconds - (preparation.compile_seconds or 0.0)
            if case.compiled:
                self._compile_seconds += preparation.first_call_seconds
        return preparation

    def _out(self, measurement: Measurement) -> Measured:
        """Take a case out of the run: what is wrong with it now would be wrong with it in the next launch."""
        self._groups[measurement.case.group].remove(measurement.case)
        return Measured(measurements=(measurement,))

    def _by_device(self) -> list[tuple[str, list[Group]]]:
        found: dict[str, list[Group]] = defaultdict(list)
        for group, cases in self._groups.items():
            if cases:
                found[group.device].append(group)
        return list(found.items())

    def _forecast(self) -> dict[str, float]:
        """Return what a launch will cost, as far as the pilot can tell: nothing is known yet about warm compiles."""
        live = [case for cases in self._groups.values() for case in cases]
        return {
            "overhead_seconds": self._prepare_seconds + WARM_COMPILE_SECONDS * sum(case.compiled for case in live),
            "sliced_seconds": sum(self._pace.sets(case) * self._pace.slice_seconds[case] for case in live),
        }


def _singles(case: Case, preparation: Preparation, iterations: int) -> int:
    """Return how many iterations are waited for one by one: none where each is anyway, and a CPU queues nothing."""
    queues = preparation.queued and not case.on_cpu
    return min(SINGLES, iterations) if queues else 0


def _order(seed: int, launch: int, group: Group | None = None) -> Random:
    """Return the source of an order, of a launch's groups or of a group's sets: a resumed run has the same."""
    return Random(f"{seed}-{launch}-{group}")  # noqa: S311  an order, not a secret
