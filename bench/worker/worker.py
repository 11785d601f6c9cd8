"""Holds one device and the cases that are ready to be timed on it, and times one slice when asked."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import monotonic

import torch

from bench.devices.backend import load, release_memory
from bench.devices.ceilings import ceilings
from bench.devices.clock import Clock, clock, clock_cost, slowed
from bench.devices.description import torch_facts
from bench.devices.dtypes import TORCH_DTYPES
from bench.devices.events import EventClock, event_maker
from bench.devices.memory import allocated_bytes, peak_bytes
from bench.devices.nvidia import throttled
from bench.devices.yardstick import Yardstick
from bench.host.code import digest_file, digest_listed
from bench.host.lifetime import limit_memory
from bench.host.steadiness import disturbance, no_gc
from bench.protocol import (
    AnswersCompared,
    CompareAnswers,
    Count,
    Counted,
    Done,
    FactsTold,
    FindCeilings,
    FootprintTold,
    Join,
    ModelsListed,
    Open,
    Prepare,
    Probe,
    TakeProfile,
    TellModel,
    TimeLayers,
    TimeSlice,
    Timing,
    Verified,
    Verify,
    WatchCompiling,
    YardstickRead,
)
from bench.record.case import DEFAULT_LAYOUT, DEFAULT_RANKS, Case, Group
from bench.record.compiling import Compiling
from bench.record.conditions import Scalar
from bench.record.layers import Layers
from bench.record.observations import Preparation
from bench.record.profile import Profile
from bench.record.run import CeilingsFound
from bench.record.spec import read_spec
from bench.record.step_spec import split_target
from bench.steps.apart import measure_apart
from bench.steps.catalogue import Catalogue
from bench.steps.compile_account import account_compiling, import_compiler
from bench.steps.compiling import CompileCounts, SilentEagerError, allow_variants
from bench.steps.counts import compiled_counts, eager_counts
from bench.steps.find_step import find_step, know_steps
from bench.steps.global_state import GlobalState, find_changes, find_displaced, find_outside, list_loaded
from bench.steps.imported import Project
from bench.steps.layers import time_layers
from bench.steps.parallel import Team
from bench.steps.prepare import Prepared, prepare
from bench.steps.profile import show_kernels, take_profile
from bench.steps.references import Right, draw_eager, find_references
from bench.steps.standard import DerivedStandard, Draw, MeasuredStandard, Standard
from bench.steps.step import Step
from bench.steps.stored import read_answers, write_answers
from bench.steps.subject import Definition, Fed, Feed, build, feed_twice
from bench.steps.support import SkipError, try_case
from bench.steps.verify import WrongResultError

LOCAL_SHARE = 2
"""Ranks run this part of a slice's iterations once more without exchanging gradients."""


class Worker:
    """Holds one device and the cases that are ready to be timed on it."""

    def __init__(self, opening: Open) -> None:
        limit_memory(opening.memory_bytes)
        self._name = opening.device
        self._device = load(opening.device)
        self._clock = clock(self._device)
        self._clock_seconds = clock_cost(self._clock)
        self._make_event = event_maker(self._device)
        self._seed = opening.seed
        self._data_root = None if opening.data_root is None else Path(opening.data_root)
        self._gc_off = "no-gc" not in opening.left_out
        self._ready: dict[Case, Prepared] = {}
        self._fed: dict[tuple[Feed, int], tuple[Fed, Fed]] = {}
        self._right: dict[Group, Right] = {}
        self._eager: dict[tuple[Group, str], list[Draw]] = {}
        self._references = None if opening.references is None else Path(opening.references)
        self._project = Project(folder=Path(opening.project).absolute(), src=opening.src, shape=opening.shape)
        specs = {name: read_spec(name, text) for name, text in opening.models.items()}
        self._catalogue = Catalogue(specs, self._project)
        self._yardstick: Yardstick | None = None
        self._team: Team | None = None
        self._step_files = [split_target(target)[0] for target in opening.steps.values()]
        know_steps(opening.steps)
        own = self._catalogue.project
        self._places = [Path(sys.path[0]), *([] if own is None else [own.folder])]
        self._began = GlobalState.now(self._device, self._places)  # nothing of `models` is imported yet

    @property
    def device(self) -> torch.device:
        """Return the device that it holds."""
        return self._device

    def import_model(self, case: Case) -> None:
        """Import the code of a case's model, if that was not done before."""
        self._catalogue.find(case.model)

    def join(self, request: Join) -> Done:
        """Become one of several ranks, when all of them are there."""
        self._team = Team.join(
            self._device,
            rank=request.rank,
            ranks=request.ranks,
            address=request.address,
            port=request.port,
            timeout_seconds=request.timeout_seconds,
        )
        self._began = GlobalState.now(self._device, self._places)  # what that changed is ours
        return Done()

    def prepare(self, request: Prepare) -> Preparation:
        """Make a case ready; return what that showed."""
        case = request.case
        if self._team is not None:
            self._team.check(case)
        if case.compiled:
            allow_variants()
        if request.probe:
            try_case(case, self._device)
        model = self._catalogue.find(case.model)
        feeds = self._feeds(case)
        right = self._find_right(case, first=request.first)
        team = self._team
        ready = prepare(
            case,
            model,
            self._device,
            self._pair_clock(),
            self._clock_seconds,
            feeds if team is None else team.share(feeds, case.batch),
            right.answers,
            self._standard(case, model, feeds),
            seed=self._seed,
            warm=request.warm,
            counted=request.probe,
            warm_iterations=request.warm_iterations,
            team=team,
        )
        self._ready[case] = ready
        return replace(ready.preparation, remarks=(*ready.preparation.remarks, *right.remarks))

    def _find_right(self, case: Case, *, first: bool) -> Right:
        """Return the right answers of a case; variants share them."""
        if case.group not in self._right:
            model, feeds = self._catalogue.find(case.model), self._feeds(case)
            self._right[case.group] = find_references(
                case, model, feeds, seed=self._seed, first=first, folder=self._references
            )
        return self._right[case.group]

    def _standard(self, case: Case, model: Definition, feeds: tuple[Fed, Fed]) -> Standard:
        """Return how far a case's answers may be off; eager's errors are found once for all variants of a dtype."""
        if model.is_perceptron:
            return DerivedStandard(tolerance=model.find_tolerance(case))
        dtype = TORCH_DTYPES[case.dtype]
        eager = replace(case, compile="off", layout=DEFAULT_LAYOUT, ranks=DEFAULT_RANKS)
        if case == eager:
            return MeasuredStandard(dtype=dtype, draws=())
        key = case.group, case.dtype
        draw = partial(
            draw_eager,
            eager,
            model,
            self._device,
            self._clock,
            feeds,
            self._find_right(case, first=True).answers,
            seed=self._seed,
        )
        if key not in self._eager:
            self._eager[key] = draw()
        return MeasuredStandard(dtype=dtype, draws=self._eager[key], draw_more=partial(draw, more=True))

    def probe(self, request: Probe) -> Done:
        """Try whether a case's dtype and compile mode work on this device at all."""
        if self._team is not None:
            self._team.check(request.case)
        try_case(request.case, self._device)
        return Done()

    def count(self, request: Count) -> Counted:
        """Return the exact counts of a case, made for this and dropped again: of one rank, where there are several."""
        team = self._team
        case = request.case if team is None else team.alone(request.case)
        model, step_class = self._catalogue.find(case.model), find_step(case.step)

        def step(*, compiled: bool) -> Step:
            whole = self._feeds(request.case)
            feeds = whole if team is None else team.share(whole, request.case.batch)
            return step_class(build(case, model, self._device, feeds, seed=self._seed, compiled=compiled), self._clock)

        held = allocated_bytes(self._device)
        eager = step(compiled=False)
        counts, why_no_flops = eager_counts(eager)
        peak, _ = peak_bytes(self._device, eager.iterate, held)
        if peak is not None:
            counts["peak_bytes"] = peak
        if case.compiled:
            allow_variants()
            counts |= compiled_counts(step(compiled=True))
        return Counted(counts=counts, flops_reason=why_no_flops)

    def take_profile(self, request: TakeProfile) -> Profile:
        """Return where the time of an iteration of a case goes; the case is made for this and dropped again."""
        self._refuse_ranks("profiled")
        case = request.case
        if case.compiled:
            allow_variants()
            show_kernels()
        model, feeds = self._catalogue.find(case.model), self._feeds(case)
        subject = build(case, model, self._device, feeds, seed=self._seed, compiled=True)
        trace = None if request.trace is None else Path(request.trace)
        with no_gc(enabled=self._gc_off):
            return take_profile(find_step(case.step)(subject, self._clock), trace=trace)

    def time_layers(self, request: TimeLayers) -> Layers:
        """Return what each layer of a case's network takes; the network is made for this and dropped again."""
        self._refuse_ranks("timed layer by layer")
        case = request.case
        model, feeds = self._catalogue.find(case.model), self._feeds(case)
        subject = build(case, model, self._device, feeds, seed=self._seed, compiled=False)
        with no_gc(enabled=self._gc_off):
            return time_layers(subject, self._clock)

    def watch_compiling(self, request: WatchCompiling) -> Compiling:
        """Return what compiling a case takes; it is made for this and dropped again."""
        self._refuse_ranks("compiled from empty caches")
        case = request.case
        model, feeds = self._catalogue.find(case.model), self._feeds(case)
        seconds = import_compiler()
        allow_variants()
        subject = build(case, model, self._device, feeds, seed=self._seed, compiled=True)
        with no_gc(enabled=self._gc_off):
            return account_compiling(find_step(case.step)(subject, self._clock), seconds)

    def compare_answers(self, request: CompareAnswers) -> AnswersCompared:
        """Return how far the right answers of a case are from those that a file holds; write them if there is none."""
        path, mine = Path(request.path), self._find_right(request.case, first=True).answers
        stored = read_answers(path)
        if stored is None:
            return AnswersCompared(apart={}, reason=write_answers(path, mine))
        other, _ = stored
        try:
            return AnswersCompared(apart=measure_apart(mine.last, other.last))
        except WrongResultError as error:
            return AnswersCompared(apart={}, reason=str(error))

    def time_slice(self, request: TimeSlice) -> Timing:
        """Time one slice; return its seconds per iteration and what disturbed it."""
        iterations, singles = request.iterations, request.singles
        step, read = self._ready[request.case].step, self._pair_clock()
        step.clock = read
        if request.moved:
            self._ready[request.case].placement.move()
        step.swap()
        events = EventClock(read, self._make_event) if singles and self._make_event else None
        if events:
            step.clock = events
        if request.slowdown:
            step.clock = slowed(read, request.slowdown)
        graphs = CompileCounts.now().graphs
        with no_gc(enabled=self._gc_off):
            before = disturbance()
            started = monotonic()
            seconds = step.timed(iterations, request.lead)
            counts = disturbance().since(before)
            lowered = throttled(self._device) if singles else ()
            step.clock = read
            latency = sum(step.timed(1) for _ in range(singles)) / singles if singles else None
            local = self._time_locally(step, max(1, iterations // LOCAL_SHARE)) if request.local else None
            wall = monotonic() - started
        step.tidy()
        if CompileCounts.now().graphs != graphs:
            raise SilentEagerError("torch.compile compiled again inside a timed slice")
        return Timing(
            seconds=seconds / iterations,
            started_seconds=started,
            wall_seconds=wall,
            stolen_seconds=counts.stolen_seconds,
            minor_faults=counts.minor_faults,
            involuntary_switches=counts.involuntary_switches,
            latency_seconds=latency,
            event_seconds=events.seconds() / iterations if events else None,
            throttled=lowered,
            local_seconds=local,
        )

    def _pair_clock(self) -> Clock:
        """Return the clock of a case, which is read in pairs: those of several ranks begin together."""
        return self._clock if self._team is None else self._team.together(self._clock)

    def _time_locally(self, step: Step, iterations: int) -> float | None:
        """Return the seconds per iteration without an exchange of gradients; None where none is exchanged anyway."""
        if self._team is None or not step.differentiates:
            return None
        with self._team.local(step.subject):
            return step.timed(iterations) / iterations

    def _refuse_ranks(self, done: str) -> None:
        """Do nothing if this process is alone.

        Raises:
            SkipError: if it is one of several ranks.
        """
        if self._team is not None:
            raise SkipError(f"a case of several ranks is not {done}")

    def verify(self, request: Verify) -> Verified:
        """Verify the last answer of one more slice, in the surroundings of those that were timed."""
        began = monotonic()
        ready = self._ready[request.case]
        ready.step.clock = self._pair_clock()
        with no_gc(enabled=self._gc_off):
            errors = ready.recheck()
        return Verified(relative_errors=errors, seconds=monotonic() - began)

    def tell_footprint(self) -> FootprintTold:
        """Return what the models' code left behind in this process so far."""
        engine, project = Path(__file__).parents[1], self._catalogue.project
        now = GlobalState.now(self._device, self._places)
        inside = [engine, *self._catalogue.folders, *self._step_files]
        displaced = {} if project is None else find_displaced(project.places, inside)
        files = [] if project is None else list_loaded(project.folder, [engine])
        return FootprintTold(
            state=find_changes(self._began, now),
            outside=find_outside(self._began, now, inside) | displaced,
            displaced=tuple(displaced),
            loaded={} if project is None else digest_listed(project.folder.resolve(), files, ()),
        )

    def read_yardstick(self) -> YardstickRead:
        """Time the yardstick."""
        if self._yardstick is None:
            self._yardstick = Yardstick(self._device, self._clock)
        with no_gc(enabled=self._gc_off):
            return YardstickRead(seconds=self._yardstick.read())

    def find_ceilings(self, request: FindCeilings) -> CeilingsFound:
        """Return what the device does at best."""
        return CeilingsFound(
            ceilings=ceilings(self._device, self._clock, request.dtypes, name=self._name, launch=request.launch)
        )

    def drop(self) -> Done:
        """Forget every case that is ready, its compiled code and its memory."""
        self._ready.clear()
        self._right.clear()
        self._eager.clear()
        if CompileCounts.now().graphs:
            torch.compiler.reset()
        gc.collect()
        release_memory(self._device)
        return Done()

    def list_models(self) -> ModelsListed:
        """Return the models that this process can build."""
        return ModelsListed(names=tuple(self._catalogue.names()))

    def tell_model(self, request: TellModel) -> FactsTold:
        """Return where a model that is not built in comes from."""
        spec, file = self._catalogue.describe(request.name)
        facts: dict[str, Scalar] = {"spec": spec.text}
        if file is not None:
            named = file.relative_to(self._project.folder) if file.is_relative_to(self._project.folder) else file
            facts |= {"file": str(named), "digest": digest_file(file)}
        return FactsTold(facts={f"model.{request.name}.{end}": value for end, value in facts.items()})

    @property
    def folders(self) -> list[Path]:
        """Return the folders whose code is timed, steps of the user's own included."""
        return [*self._catalogue.folders, *(file.parent for file in self._step_files)]

    def tell_facts(self) -> FactsTold:
        """Return what this process knows about torch and its device."""
        return FactsTold(facts=torch_facts(self._device))

    def _feeds(self, case: Case) -> tuple[Fed, Fed]:
        """Return what a case is fed, twice; variants, and models that are fed alike, share it."""
        feed = self._catalogue.find(case.model).feed
        key = (feed, case.batch)
        if key not in self._fed:
            self._fed[key] = feed_twice(feed, case.batch, self._seed, self._data_root)
        return self._fed[key]
