"""What is timed when: launches, groups, sets, slices, in random order; yields events as they happen.

The consumer of the events writes the journal and shows progress; while it does, nothing is being timed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic

from bench.host.clocks import ClockReadings
from bench.processes.supervisor import StoppedError, Supervisor, Workers
from bench.protocol import Failure
from bench.record.case import Case, Group, compute_dtype
from bench.record.conditions import Settings
from bench.record.observations import Ceiling, Limit, Preparation
from bench.record.run import CeilingsFound, Finish, Measured, Measurement, Outcome, RunEvent, Started
from bench.run.compiling import watch_compiling
from bench.run.layers import time_layers
from bench.run.measurement_builder import MeasurementBuilder
from bench.run.pace import WARM_COMPILE_SECONDS, Pace
from bench.run.profiles import profile_cases
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
        find_change: asked when a group has been timed; which file of the timed code was changed since the run began.
        interleaved: whether the variants of a group take turns; otherwise each is timed in one go.
        resumption: what an earlier part left to do.
        operators: whether every case is profiled at the end.
        layers: whether every network is timed layer by layer at the end.
        compiling: whether every case that compiles is compiled from empty caches at the end.
        traces: a folder that takes what the profiler saw; None for none.
    """

    def __init__(  # noqa: PLR0913  everything that makes a run
        self,
        cases: Sequence[Case],
        settings: Settings,
        workers: Workers,
        *,
        stop: Callable[[], str | None],
        begin: float,
        find_change: Callable[[], str | None] = lambda: None,
        interleaved: bool = True,
        resumption: Resumption | None = None,
        operators: bool = False,
        layers: bool = False,
        compiling: bool = False,
        traces: Path | None = None,
    ) -> None:
        self._settings = settings
        self._supervisor = Supervisor(workers.open, settings, stop)
        self._find_change = find_change
        self._interleaved = interleaved
        self._random = _order(settings.seed, 0)
        self._pace = Pace(settings)
        self._resumption = resumption or Resumption()
        self._operators = operators
        self._layers = layers
        self._compiling = compiling
        self._stop = stop
        self._traces = traces
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
            yield from self._explain()
        except StoppedError as asked:
            reason, stopped = str(asked), True
        finally:
            self._supervisor.end()
        yield self.finish(reason, stopped=stopped)

    def finish(self, reason: str | None, *, stopped: bool) -> Finish:
        """End the worker and return where the time went.

        Args:
            reason: why the run is not complete; None if it is.
            stopped: whether it was broken off.
        """
        self._supervisor.end()
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
        for case, earlier in self._resumption.pilot.items():
            self._pace.fix(case, earlier)
        for groups in self._by_worker().values():
            for group in groups:
                cases = tuple(case for case in self._groups[group] if case not in self._resumption.pilot)
                if cases:
                    yield Started(launch=0, cases=cases)
                for case in cases:
                    preparation = self._prepare(case, 0)
                    if isinstance(preparation, Failure):
                        yield self._take_out(case, 0, preparation)
                        continue
                    self._pace.fix(case, preparation)
                    yield Measured(
                        measurements=(
                            Measurement(case=case, launch=0, outcome=Outcome.MEASURED, preparation=preparation),
                        )
                    )
                self._supervisor.forget()
            self._supervisor.end()

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

    def _explain(self) -> Iterator[Event]:
        """Look at every case that did not break in passes of their own, after all that is timed."""
        live = [case for group in self._groups.values() for case in group]
        alone = [case for case in live if not case.distributed]  # ranks have the same layers, and compile the same
        launch = self._settings.launches + 1
        self._supervisor.end()
        if self._operators:
            yield from profile_cases(live, self._supervisor, launch, self._traces)
        if self._layers:
            yield from time_layers(alone, self._supervisor, launch + 1)
        if self._compiling:
            yield from watch_compiling(alone, self._workers, self._settings, self._stop, launch)

    def _launch(self, launch: int) -> Iterator[Event]:
        """Time every live case in fresh workers, one for each device."""
        self._random = _order(self._settings.seed, launch)
        left = [group for groups in self._by_worker().values() for group in groups if self._is_left(group, launch)]
        devices = list(dict.fromkeys(group.device for group in left))
        for device in self._random.sample(devices, len(devices)):
            if launch in (1, self._settings.launches // 2 + 1):
                cases = [case for group in left if group.device == device for case in self._groups[group]]
                yield self._ceilings(cases, launch)
            models = list(dict.fromkeys(group.model for group in left if group.device == device))
            for model in self._random.sample(models, len(models)):
                groups = [group for group in left if (group.device, group.model) == (device, model)]
                for group in self._random.sample(groups, len(groups)):
                    yield from self._group(group, launch)
                self._supervisor.end()  # what a model's code does to its process reaches no other model

    def _is_left(self, group: Group, launch: int) -> bool:
        return (launch, group) not in self._resumption.done

    def _ceilings(self, cases: Sequence[Case], launch: int) -> CeilingsFound:
        """Find what the device of these cases does at best: at the beginning of a run and again in its middle."""
        begin, launching = monotonic(), self._workers.launching_seconds
        device, dtypes = cases[0].device, [case.dtype for case in cases]
        reply = self._supervisor.find_ceilings(device, launch, dtypes)
        self._ceiling_seconds += monotonic() - begin - (self._workers.launching_seconds - launching)
        if isinstance(reply, Failure):
            return CeilingsFound(
                ceilings=tuple(
                    _no_ceiling(device, launch, dtype, reply.reason)
                    for dtype in dict.fromkeys(map(compute_dtype, dtypes))
                )
            )
        return reply

    def _group(self, group: Group, launch: int) -> Iterator[Event]:
        """Time one group's variants; if one of them breaks the worker, the others again without it."""
        self._random = _order(self._settings.seed, launch, group)
        yield Started(launch=launch, cases=tuple(self._groups[group]))
        clocks = ClockReadings.now()
        while cases := self._groups[group]:
            builders = yield from self._prepare_all(self._random.sample(cases, len(cases)), launch)
            if builders is None:
                continue
            broken = yield from self._time_all(builders, launch)
            if broken is not None:
                case, failure = broken
                yield self._take_out(case, launch, failure)
                self._supervisor.forget()
                continue
            notes = ClockReadings.now().oddities_since(clocks)
            yield from self._verify_all(builders, launch)
            if not builders or self._supervisor.lost:
                continue
            notes = (*notes, *self._footprint_notes(group, launch))
            if (changed := self._find_change()) is not None:
                raise StoppedError(f"{changed} was changed while it was measured: begin a new run")
            yield Measured(
                measurements=tuple(
                    builders[case].build(case, launch, self._pace.iterations[case], self._begin, notes)
                    for case in cases
                )
            )
            break
        self._supervisor.forget()

    def _verify_all(self, builders: dict[Case, MeasurementBuilder], launch: int) -> Iterator[Event]:
        """Verify the last answer of every case that was timed, and take out those whose is wrong.

        A worker that is lost at this leaves cases unverified: they are measured again without the one that broke it.
        """
        for case, builder in tuple(builders.items()):
            verified = self._supervisor.verify(case, launch)
            if not isinstance(verified, Failure):
                builder.verify(verified)
                continue
            yield self._take_out(case, launch, verified)
            del builders[case]
            if self._supervisor.lost:
                return

    def _footprint_notes(self, group: Group, launch: int) -> tuple[str, ...]:
        """Return what the model's code left behind in its process, each as a sentence."""
        told = self._supervisor.tell_footprint(group.device, launch)
        if isinstance(told, Failure):
            return (f"what the model's code left behind cannot be told: {told.reason}",)
        return (
            *(f"the model's code changed {name}: {change}" for name, change in told.state.items()),
            *(f"the model's code uses {name} from {file}" for name, file in told.outside.items()),
        )

    def _prepare_all(
        self, cases: Sequence[Case], launch: int
    ) -> Generator[Event, None, dict[Case, MeasurementBuilder] | None]:
        """Return every case ready to be timed; None if one of them took the worker, and so the others, with it."""
        builders = {}
        for case in cases:
            preparation = self._prepare(case, launch)
            if not isinstance(preparation, Failure):
                builders[case] = MeasurementBuilder(preparation)
                continue
            yield self._take_out(case, launch, preparation)
            if self._supervisor.lost and builders:
                return None
        return builders

    def _time_all(
        self, builders: dict[Case, MeasurementBuilder], launch: int
    ) -> Generator[Event, None, tuple[Case, Failure] | None]:
        """Time a group's sets; return which case broke and how, None if all went well.

        If the worker breaks at the yardstick, the case that is next is held responsible.
        """
        cases = list(builders)
        total = max((self._pace.sets(case) for case in cases), default=0)
        turns = self._pace.turns([self._random.sample(cases, len(cases)) for _ in range(total)])
        if not self._interleaved:
            turns.sort(key=lambda turn: cases.index(turn[1]))
        reading, current = 0.0, -1
        for index, case in turns:
            if index != current:
                yardstick = self._supervisor.read_yardstick(case.device, launch)
                if isinstance(yardstick, Failure):
                    return case, yardstick
                reading, current = yardstick, index
            iterations = self._pace.iterations[case]
            singles = _singles(case, builders[case].preparation, iterations)
            timing = self._supervisor.time_slice(case, launch, iterations, singles=singles, local=case.distributed)
            if isinstance(timing, Failure):
                return case, timing
            self._slice_seconds += timing.wall_seconds
            builders[case].add(timing, reading, index)
            yield Sliced(launch=launch, case=case, seconds=timing.seconds)
        return None

    def _prepare(self, case: Case, launch: int) -> Preparation | Failure:
        preparation = self._supervisor.prepare(case, launch)
        if not isinstance(preparation, Failure):
            self._warmup_seconds += preparation.warmup_seconds
            if launch == 0:
                self._prepare_seconds += preparation.total_seconds - (preparation.compile_seconds or 0.0)
            if case.compiled:
                self._compile_seconds += preparation.first_call_seconds
        return preparation

    def _take_out(self, case: Case, launch: int, failure: Failure) -> Measured:
        """Take a case out of the run: what is wrong with it now would be wrong with it in the next launch."""
        self._groups[case.group].remove(case)
        measurement = Measurement(case=case, launch=launch, outcome=failure.outcome, reason=failure.reason)
        return Measured(measurements=(measurement,))

    def _by_worker(self) -> dict[tuple[str, str], list[Group]]:
        """Return the groups that share a process: those of a model on a device."""
        by_worker: dict[tuple[str, str], list[Group]] = defaultdict(list)
        for group, cases in self._groups.items():
            if cases:
                by_worker[group.device, group.model].append(group)
        return by_worker

    def _forecast(self) -> dict[str, float]:
        """Return what a launch will cost, as far as the pilot can tell: nothing is known yet about warm compiles."""
        live = [case for cases in self._groups.values() for case in cases]
        return {
            "overhead_seconds": self._prepare_seconds + WARM_COMPILE_SECONDS * sum(case.compiled for case in live),
            "sliced_seconds": sum(self._pace.sets(case) * self._pace.slice_seconds[case] for case in live),
        }


def _no_ceiling(device: str, launch: int, dtype: str, reason: str) -> Ceiling:
    return Ceiling(
        device=device,
        launch=launch,
        limit=Limit.PRODUCTS,
        dtype=dtype,
        per_second=None,
        size=None,
        reason=reason,
    )


def _singles(case: Case, preparation: Preparation, iterations: int) -> int:
    """Return how many iterations are waited for one by one: none where each is anyway, and a CPU queues nothing."""
    queues = preparation.queued and not case.on_cpu
    return min(SINGLES, iterations) if queues else 0


def _order(seed: int, launch: int, group: Group | None = None) -> Random:
    """Return the source of an order, of a launch's groups or of a group's sets: a resumed run has the same."""
    return Random(f"{seed}-{launch}-{group}")  # noqa: S311  an order, not a secret
