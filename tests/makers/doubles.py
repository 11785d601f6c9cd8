"""Workers without processes and a machine without a clock, so that schedules are tested in no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, TypeVar, cast

from bench.processes.local import WorkerDiedError, WorkerTimeoutError
from bench.processes.supervisor import Opener, OpenerWithCaches
from bench.protocol import (
    ANSWERS,
    AnswersCompared,
    CompareAnswers,
    Count,
    Counted,
    Done,
    Drop,
    FactsTold,
    Failure,
    FindCeilings,
    FootprintTold,
    ListModels,
    ModelsListed,
    Prepare,
    Probe,
    ReadYardstick,
    Reply,
    Request,
    TakeProfile,
    TellFacts,
    TellFootprint,
    TimeLayers,
    TimeSlice,
    Timing,
    Verified,
    Verify,
    WatchCompiling,
    YardstickRead,
    decode_request,
    encode_request,
)
from bench.record.arm import Side
from bench.record.case import Case
from bench.record.observations import Ceiling, Limit, Preparation
from bench.record.run import CeilingsFound, Outcome
from tests.makers.compiling import made_compiling
from tests.makers.layers import made_layers
from tests.makers.profiles import made_profile
from tests.makers.runs import preparation

R = TypeVar("R")
Script = Callable[["FakeWorker", Request[Any]], Reply | Exception | None]


def as_planned(_worker: FakeWorker, _request: Request[Any]) -> None:
    """Script in which nothing goes wrong."""


@dataclass
class FakeWorker:
    """A worker that answers as scripted, and is as strict as a real one about what it was not asked before."""

    pool: FakePool
    device: str
    launch: int
    number: int
    alive: bool = True
    awake: bool = True
    suspended: int = 0
    ready: set[Case] = field(default_factory=set)
    side: Side = Side.BASE
    first: bool = True
    caches: int = 0

    spent = False

    def ask(self, request: Request[R], timeout_seconds: float) -> R | Failure:
        assert self.alive, "a worker that is gone was asked"
        assert self.awake, "a worker that is suspended was asked"
        others = [worker for worker in self.pool.opened if worker is not self and worker.alive and worker.awake]
        assert not others, "another worker was not suspended meanwhile"
        assert timeout_seconds in {self.pool.timeout_seconds, self.pool.budget_seconds}
        assert case_of(request) is None or case_of(request).device == self.device, "a case of another device"
        assert decode_request(encode_request(request)) == request, "a request that does not survive its line"
        self.pool.asked.append((self, request))
        self.pool.now += self.pool.seconds.get(type(request), 0.0)
        reply = self.pool.script(self, request)
        if isinstance(reply, WorkerDiedError | WorkerTimeoutError):
            self.alive = False
        if isinstance(reply, Exception):
            raise reply
        reply = self.usual(request) if reply is None else reply
        assert isinstance(reply, Failure | ANSWERS[type(request)]), "a reply that belongs to another request"
        return cast("R | Failure", reply)

    def usual(self, request: Request[Any]) -> Reply:  # noqa: C901, PLR0911, PLR0912  one for each request
        match request:
            case Prepare():
                self.ready.add(request.case)
                return replace(preparation(step=request.case.step), estimate_seconds=0.001, clock_seconds=1e-9)
            case TimeSlice():
                assert request.case in self.ready, "a case that was not prepared in this worker was timed"
                return Timing(
                    seconds=self.pool.slice_seconds(self, request),
                    started_seconds=self.pool.now,
                    wall_seconds=0.001 * request.iterations,
                    stolen_seconds=0.0,
                    minor_faults=1,
                    involuntary_switches=2,
                    latency_seconds=0.002 if request.singles else None,
                    event_seconds=None,
                    throttled=(),
                )
            case Verify():
                assert request.case in self.ready, "a case that was not prepared in this worker was verified"
                errors = preparation(step=request.case.step).relative_errors
                return Verified(relative_errors=errors, seconds=0.002)
            case TellFootprint():
                return FootprintTold(state={}, outside={})
            case ReadYardstick():
                return YardstickRead(seconds=2e-5)
            case Probe():
                return Done()
            case ListModels():
                return ModelsListed(names=tuple(self.pool.models[self.side]))
            case FindCeilings():
                limits = [(Limit.PRODUCTS, dtype, 1e11, 1024) for dtype in dict.fromkeys(request.dtypes)]
                return CeilingsFound(
                    ceilings=tuple(
                        Ceiling(
                            device=self.device,
                            launch=request.launch,
                            limit=limit,
                            dtype=dtype,
                            per_second=rate,
                            size=size,
                            reason=None,
                        )
                        for limit, dtype, rate, size in [*limits, (Limit.COPIES, None, 1e10, 1 << 20)]
                    )
                )
            case WatchCompiling():
                return made_compiling()
            case TimeLayers():
                return made_layers()
            case TakeProfile():
                return made_profile(self.pool.profiled_operators(self))
            case Count():
                return Counted(counts={"flops": 1000, "operators": 9})
            case CompareAnswers():
                return AnswersCompared(apart={"logits": 0.0})
            case TellFacts():
                return FactsTold(facts={"torch.threads": 2, f"device.{self.device}.description": "Imaginary"})
            case Drop():
                self.ready.clear()
                return Done()
        raise AssertionError(request)

    def prepared(self, request: Request[Any]) -> Preparation:
        """Return the usual reply to a preparation, for a script that changes a part of it."""
        preparation = self.usual(request)
        assert isinstance(preparation, Preparation)
        return preparation

    def timing(self, request: Request[Any]) -> Timing:
        """Return the usual reply to a slice, for a script that changes a part of it."""
        timing = self.usual(request)
        assert isinstance(timing, Timing)
        return timing

    def pause(self) -> None:
        self.awake = False
        self.suspended += 1

    def resume(self) -> None:
        self.awake = True

    def end(self) -> None:
        self.alive = False


def case_of(request: Request[Any]) -> Case | None:
    """Return the case that a request is about; None if it is about none."""
    return getattr(request, "case", None)


@dataclass
class FakePool:
    """Makes fake workers, one at a time.

    Attributes:
        script: what a worker answers; None for the usual.
        absent: devices that cannot be used, and why.
        seconds: what each request takes on the pool's own clock, `now`.
        execution: what executing a launcher takes on it: for the pilot, and every four launches.
        models: that each arm has.
        folders: of the compilers' caches that were made so far, each for one case.
    """

    script: Script = as_planned
    absent: dict[str, str] = field(default_factory=dict)
    timeout_seconds: float = 300.0
    budget_seconds: float | None = None
    compile_seconds: float = 0.0
    launching_seconds: float = 0.0
    execution: float = 0.0
    now: float = 0.0
    seconds: dict[type, float] = field(default_factory=lambda: {Prepare: 0.1, TimeSlice: 0.01, ReadYardstick: 0.001})
    models: dict[Side, list[str]] = field(default_factory=lambda: {side: ["mlp"] for side in Side})
    opened: list[FakeWorker] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    asked: list[tuple[FakeWorker, Request[Any]]] = field(default_factory=list)
    folders: int = 0

    @contextmanager
    def own_caches(self) -> Iterator[OpenerWithCaches]:
        self.folders += 1

        @contextmanager
        def fresh() -> Iterator[Opener]:
            yield self.open_in_caches

        yield fresh

    def open_in_caches(self, device: str, launch: int) -> FakeWorker | Failure:
        worker = self.open(device, launch)
        if isinstance(worker, FakeWorker):
            worker.caches = self.folders
        return worker

    def open(self, device: str, launch: int) -> FakeWorker | Failure:
        assert not any(worker.alive for worker in self.opened), "two workers at a time"
        if device in self.absent:
            self.refused.append(device)
            return Failure(outcome=Outcome.SKIPPED, reason=self.absent[device])
        if not self.opened or self.executions(self.opened[-1].launch, launch):
            self.now += self.execution
            self.launching_seconds += self.execution
        worker = FakeWorker(self, device, launch, number=len(self.opened))
        self.opened.append(worker)
        return worker

    def slice_seconds(self, worker: FakeWorker, request: TimeSlice) -> float:
        """Return what a slice takes per iteration: a millisecond."""
        assert worker.alive
        assert request.iterations > 0
        return 0.001

    def profiled_operators(self, worker: FakeWorker) -> dict[str, tuple[float, float]]:
        """Return calls and seconds of each operator that a profiler sees in a worker."""
        return {"aten::addmm": (3, 30e-6), **({"aten::clone": (1, 10e-6)} if worker.side is Side.HEAD else {})}

    def executions(self, done: int, launches: int) -> int:
        return max(0, launches - 1) // 4 - max(0, done - 1) // 4

    def clock(self) -> float:
        return self.now

    def requests(self, kind: type[RequestKind]) -> list[tuple[FakeWorker, RequestKind]]:
        """Return the requests of one kind, in order, with the worker that got each."""
        return [(worker, request) for worker, request in self.asked if isinstance(request, kind)]

    def order(self) -> list[tuple[int, str]]:
        """Return the launch and case of every slice, in order."""
        return [(worker.launch, request.case.id) for worker, request in self.requests(TimeSlice)]


RequestKind = TypeVar("RequestKind", bound=Request[Any])


@dataclass
class FakeArms(FakePool):
    """Makes the workers of two arms.

    Attributes:
        slower: by how much head's slices are, by case id.
        scatter: of a worker's slices, as a share, drawn once for each worker and case.
    """

    slower: dict[str, float] = field(default_factory=dict)
    scatter: float = 0.0
    random: Random = field(default_factory=lambda: Random(0))

    def make_opener(self, side: Side, *, first: bool) -> Opener:
        """Return what makes one arm's workers."""
        return partial(self.open_arm, side=side, first=first)

    def is_shared(self, file: str) -> bool:
        """Whether a file lies in the repository."""
        return file.startswith("/repository/")

    def answers_path(self, case: Case) -> str:
        """Return where base's answers are."""
        return f"/scratch/{case.id}"

    def open_arm(self, device: str, launch: int, *, side: Side, first: bool) -> FakeWorker | Failure:
        if device in self.absent:
            return Failure(outcome=Outcome.SKIPPED, reason=self.absent[device])
        worker = FakeWorker(self, device, launch, len(self.opened), side=side, first=first)
        self.opened.append(worker)
        return worker

    def slice_seconds(self, worker: FakeWorker, request: TimeSlice) -> float:
        effect = self.slower.get(request.case.id, 0.0) if worker.side is Side.HEAD else request.slowdown
        return 0.001 * (1 + effect) * (1 + self.random.gauss(0.0, 0.001)) * (1 + worker.number % 7 * self.scatter)


def breaks(case: Case, how: Failure | Exception, *, doing: type[Request[Any]], launch: int, after: int = 0) -> Script:
    """Return a script in which one case breaks in one launch, `after` that many good replies there."""
    left = [after]

    def script(worker: FakeWorker, request: Request[Any]) -> Failure | Exception | None:
        if case_of(request) != case or type(request) is not doing or worker.launch != launch:
            return None
        left[0] -= 1
        return how if left[0] < 0 else None

    return script


def ids(cases: Sequence[Case]) -> set[str]:
    """Return the cases' ids."""
    return {case.id for case in cases}
