"""A crew without processes and a machine without a clock, so that the schedule is tested in no time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any

from bench.processes.local import WorkerDiedError, WorkerTimeoutError
from bench.record.arm import Side
from bench.record.case import Case
from tests.makers.runs import preparation

Reply = dict[str, Any]
Script = Callable[["FakeWorker", Reply], Reply | Exception | None]


def as_planned(_worker: FakeWorker, _request: Reply) -> None:
    """Script in which nothing goes wrong."""


@dataclass
class FakeWorker:
    """A worker that answers as scripted, and is as strict as a real one about what it was not asked before."""

    crew: FakeCrew
    device: str
    launch: int
    number: int
    alive: bool = True
    awake: bool = True
    ready: set[str] = field(default_factory=set)
    side: Side = Side.BASE
    first: bool = True

    def ask(self, request: Reply, timeout_seconds: float) -> Reply:
        assert self.alive, "a worker that is gone was asked"
        assert self.awake, "a worker that is suspended was asked"
        others = [worker for worker in self.crew.opened if worker is not self and worker.alive and worker.awake]
        assert not others, "another worker was not suspended meanwhile"
        assert timeout_seconds in {self.crew.timeout_seconds, self.crew.budget_seconds}
        assert "case" not in request or request["case"]["device"] == self.device, "a case of another device"
        self.crew.asked.append((self, request))
        self.crew.now += self.crew.seconds.get(request["do"], 0.0)
        reply = self.crew.script(self, request)
        if isinstance(reply, WorkerDiedError | WorkerTimeoutError):
            self.alive = False
        if isinstance(reply, Exception):
            raise reply
        return self.usual(request) if reply is None else reply

    def usual(self, request: Reply) -> Reply:  # noqa: PLR0911  one for each request
        match request:
            case {"do": "prepare", "case": case}:
                self.ready.add(Case(**case).id)
                return asdict(replace(preparation(step=case["step"]), estimate_seconds=0.001, clock_seconds=1e-9))
            case {"do": "slice", "case_id": name, "iterations": iterations}:
                assert name in self.ready, "a case that was not prepared in this worker was timed"
                return {
                    "seconds": self.crew.slice_seconds(self, request),
                    "started": self.crew.now,
                    "wall_seconds": 0.001 * iterations,
                    "stolen_seconds": 0.0,
                    "minor_faults": 1,
                    "involuntary_switches": 2,
                    "latency_seconds": 0.002 if request.get("singles") else None,
                    "event_seconds": None,
                    "throttled": [],
                }
            case {"do": "yardstick"}:
                return {"seconds": 2e-5}
            case {"do": "probe"}:
                return {}
            case {"do": "models"}:
                return {"models": self.crew.models[self.side]}
            case {"do": "ceilings", "dtypes": dtypes}:
                rates = [("products", dtype, 1e11, 1024) for dtype in dict.fromkeys(dtypes)]
                fields = ("limit", "dtype", "per_second", "size")
                every = [*rates, ("copies", None, 1e10, 1 << 20)]
                return {"ceilings": [{**dict(zip(fields, one, strict=True)), "reason": None} for one in every]}
            case {"do": "counts"}:
                return {"counts": {"flops": 1000, "operators": 9}}
            case {"do": "facts"}:
                return {"facts": {"torch.threads": 2, f"device.{self.device}.description": "Imaginary"}}
            case {"do": "drop"}:
                self.ready.clear()
                return {}
        raise AssertionError(request)

    def pause(self) -> None:
        self.awake = False

    def resume(self) -> None:
        self.awake = True

    def end(self) -> None:
        self.alive = False


@dataclass
class FakeCrew:
    """Makes fake workers, one at a time.

    Attributes:
        script: what a worker answers; None for the usual.
        absent: devices that cannot be used, and why.
        seconds: what each request takes on the crew's own clock, `now`.
        execution: what executing a launcher takes on it: for the pilot, and every four launches.
    """

    script: Script = as_planned
    absent: dict[str, str] = field(default_factory=dict)
    timeout_seconds: float = 300.0
    budget_seconds: float | None = None
    compile_seconds: float = 0.0
    launching_seconds: float = 0.0
    execution: float = 0.0
    now: float = 0.0
    seconds: dict[str, float] = field(default_factory=lambda: {"prepare": 0.1, "slice": 0.01, "yardstick": 0.001})
    opened: list[FakeWorker] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    asked: list[tuple[FakeWorker, Reply]] = field(default_factory=list)

    def open(self, device: str, launch: int) -> tuple[FakeWorker | None, str | None]:
        assert not any(worker.alive for worker in self.opened), "two workers at a time"
        if device in self.absent:
            self.refused.append(device)
            return None, self.absent[device]
        if not self.opened or self.executions(self.opened[-1].launch, launch):
            self.now += self.execution
            self.launching_seconds += self.execution
        worker = FakeWorker(self, device, launch, number=len(self.opened))
        self.opened.append(worker)
        return worker, None

    def slice_seconds(self, worker: FakeWorker, request: Reply) -> float:
        """Return what a slice takes per iteration: a millisecond."""
        assert worker.alive
        assert request["iterations"] > 0
        return 0.001

    def executions(self, done: int, launches: int) -> int:
        return max(0, launches - 1) // 4 - max(0, done - 1) // 4

    def clock(self) -> float:
        return self.now

    def requests(self, name: str) -> list[tuple[FakeWorker, Reply]]:
        """Return the requests of one kind, in order, with the worker that got each."""
        return [(worker, request) for worker, request in self.asked if request["do"] == name]

    def order(self) -> list[tuple[int, str]]:
        """Return the launch and case of every slice, in order."""
        return [(worker.launch, request["case_id"]) for worker, request in self.requests("slice")]


@dataclass
class FakeArms(FakeCrew):
    """Makes the workers of two arms.

    Attributes:
        models: that each arm has.
        slower: by how much head's slices are, by case id.
        renewed: after how many blocks' worth of workers the launchers were executed anew.
        scatter: of a worker's slices, as a share, drawn once for each worker and case.
    """

    models: dict[Side, list[str]] = field(default_factory=lambda: {side: ["mlp"] for side in Side})
    slower: dict[str, float] = field(default_factory=dict)
    renewed: list[int] = field(default_factory=list)
    scatter: float = 0.0
    random: Random = field(default_factory=lambda: Random(0))

    def hire(self, side: Side, first: bool) -> FakeOpener:  # noqa: FBT001  as the real one
        """Return the maker of one arm's workers."""
        return FakeOpener(self, side, first)

    def renew(self) -> None:
        self.renewed.append(len(self.opened))

    def slice_seconds(self, worker: FakeWorker, request: Reply) -> float:
        effect = self.slower.get(request["case_id"], 0.0) if worker.side is Side.HEAD else request.get("slowdown", 0.0)
        return 0.001 * (1 + effect) * (1 + self.random.gauss(0.0, 0.001)) * (1 + worker.number % 7 * self.scatter)


@dataclass
class FakeOpener:
    """Makes the workers of one arm."""

    crew: FakeArms
    side: Side
    first: bool

    def open(self, device: str, launch: int) -> tuple[FakeWorker | None, str | None]:
        if device in self.crew.absent:
            return None, self.crew.absent[device]
        crew = self.crew
        worker = FakeWorker(crew, device, launch, len(crew.opened), side=self.side, first=self.first)
        crew.opened.append(worker)
        return worker, None


def breaks(case: Case, how: Reply | Exception, *, doing: str, launch: int, after: int = 0) -> Script:
    """Return a script in which one case breaks in one launch, `after` that many good replies there."""
    left = [after]

    def script(worker: FakeWorker, request: Reply) -> Reply | Exception | None:
        mine = request.get("case_id") == case.id or (request["do"] == "prepare" and Case(**request["case"]) == case)
        if not mine or request["do"] != doing or worker.launch != launch:
            return None
        left[0] -= 1
        return how if left[0] < 0 else None

    return script


def ids(cases: Sequence[Case]) -> set[str]:
    """Return the cases' ids."""
    return {case.id for case in cases}
