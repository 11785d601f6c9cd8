"""Asks workers on behalf of the plan: whatever goes wrong becomes a `Failure` of the case that was asked about.

A worker that died or hung costs its case an outcome and the run nothing: the next request gets a fresh one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

from bench.processes.local import AskedToStopError, WorkerDiedError, WorkerTimeoutError
from bench.protocol import (
    WORDS,
    AnswersCompared,
    CompareAnswers,
    Count,
    Counted,
    Drop,
    Failure,
    FindCeilings,
    FootprintTold,
    ListModels,
    Prepare,
    Probe,
    ReadYardstick,
    Request,
    TakeProfile,
    TellFootprint,
    TimeLayers,
    TimeSlice,
    Timing,
    Verified,
    Verify,
    WatchCompiling,
)
from bench.record.case import Case, on_cpu
from bench.record.compiling import Compiling
from bench.record.conditions import Settings
from bench.record.layers import Layers
from bench.record.observations import Preparation
from bench.record.profile import Profile
from bench.record.run import CeilingsFound, Outcome

R = TypeVar("R")


class WorkerHandle(Protocol):
    """A worker that is asked one thing at a time; see `local.WorkerProcess`."""

    def ask(self, request: Request[R], timeout_seconds: float) -> R | Failure:
        """Return the reply to a request."""

    def pause(self) -> None:
        """Suspend it, spinning threads and all."""

    def resume(self) -> None:
        """Let it go on."""

    def end(self) -> None:
        """Let the worker leave."""

    @property
    def spent(self) -> bool:
        """Whether it cannot be asked any more."""


Opener = Callable[[str, int], WorkerHandle | Failure]
"""An opener returns a fresh worker for a launch with its device opened, or why there is none; a device that cannot be
used in launch 0 is skipped, which is no fault and not tried again."""

OpenerWithCaches = Callable[[], AbstractContextManager[Opener]]
"""It gives openers one after the other, whose workers share the compilers' caches."""


class Workers(Protocol):
    """Makes the workers of a run and says what that costs; see `pool.WorkerPool`."""

    def open(self, device: str, launch: int) -> WorkerHandle | Failure:
        """Return a fresh worker for a launch with its device opened, or why there is none."""

    @property
    def compile_seconds(self) -> float:
        """Seconds spent so far on compiling before any case."""

    @property
    def launching_seconds(self) -> float:
        """Wall seconds spent so far on executing launchers: imports, and that first compile."""

    def executions(self, done: int, launches: int) -> int:
        """Return how many launchers will be executed for the launches after `done`, up to `launches`."""

    def own_caches(self) -> AbstractContextManager[OpenerWithCaches]:
        """Give what makes workers whose compilers keep their caches in a folder of their own, which is empty at first.

        Each call of it gives an opener of workers that come from a launcher which has compiled nothing.
        """


class StoppedError(Exception):
    """The run was asked to stop between two requests; the message says by whom."""


class Supervisor:
    """Keeps at most one worker alive and knows for which device and launch it is.

    Args:
        opener: makes workers.
        settings: for the timeout.
        stop: asked before each request; a reason to stop now, None to go on.
    """

    def __init__(self, opener: Opener, settings: Settings, stop: Callable[[], str | None]) -> None:
        self._opener = opener
        self._settings = settings
        self._stop = stop
        self._worker: WorkerHandle | None = None
        self._device = ""
        self._refused: dict[str, Failure] = {}

    @property
    def lost(self) -> bool:
        """Whether there is no worker: cases that were prepared have to be prepared again."""
        return self._worker is None

    def prepare(
        self,
        case: Case,
        launch: int,
        *,
        warm_iterations: int | None = None,
        first: bool = True,
    ) -> Preparation | Failure:
        """Make a case ready and return what that showed.

        Args:
            case: which.
            launch: 0 tries the device, dtype and compile mode first, and counts operations.
            warm_iterations: see `Prepare`.
            first: whether its first answer is verified.
        """
        warm, probe = not self._settings.quick, launch == 0
        request = Prepare(
            case=case,
            warm=warm,
            probe=probe,
            warm_iterations=warm_iterations,
            first=first,
        )
        return self._ask(case.device, launch, request)

    def probe(self, case: Case) -> Failure | None:
        """Return why a case cannot be measured here, found by trying its dtype and compile mode; None if it can."""
        reply = self._ask(case.device, 0, Probe(case=case))
        return reply if isinstance(reply, Failure) else None

    def time_slice(
        self,
        case: Case,
        launch: int,
        iterations: int,
        *,
        lead: int = 1,
        slowdown: float = 0.0,
        moved: bool = False,
        singles: int = 0,
        local: bool = False,
    ) -> Timing | Failure:
        """Return one timed slice; see `TimeSlice`."""
        request = TimeSlice(
            case=case, iterations=iterations, lead=lead, slowdown=slowdown, moved=moved, singles=singles, local=local
        )
        return self._ask(case.device, launch, request)

    def verify(self, case: Case, launch: int) -> Verified | Failure:
        """Verify the last answer of one more slice of a case that was timed."""
        return self._ask(case.device, launch, Verify(case=case))

    def tell_footprint(self, device: str, launch: int) -> FootprintTold | Failure:
        """Return what the models' code left behind in the worker so far."""
        return self._ask(device, launch, TellFootprint())

    def read_yardstick(self, device: str, launch: int) -> float | Failure:
        """Return the yardstick's seconds per product."""
        reply = self._ask(device, launch, ReadYardstick())
        return reply if isinstance(reply, Failure) else reply.seconds

    def find_ceilings(self, device: str, launch: int, dtypes: Sequence[str]) -> CeilingsFound | Failure:
        """Return what a device does at best."""
        return self._ask(device, launch, FindCeilings(launch=launch, dtypes=tuple(dtypes)))

    def count(self, case: Case) -> Counted | Failure:
        """Return the exact counts of a case."""
        return self._ask(case.device, 0, Count(case=case))

    def take_profile(self, case: Case, launch: int, *, trace: str | None) -> Profile | Failure:
        """Return where the time of an iteration of a case goes; see `TakeProfile`."""
        return self._ask(case.device, launch, TakeProfile(case=case, trace=trace))

    def time_layers(self, case: Case, launch: int) -> Layers | Failure:
        """Return what each layer of a case's network takes; see `TimeLayers`."""
        return self._ask(case.device, launch, TimeLayers(case=case))

    def watch_compiling(self, case: Case, launch: int) -> Compiling | Failure:
        """Return what compiling a case takes; see `WatchCompiling`."""
        return self._ask(case.device, launch, WatchCompiling(case=case))

    def compare_answers(self, case: Case, path: str) -> AnswersCompared | Failure:
        """Return how far a case's right answers are from those that a file holds; the first to ask writes it."""
        return self._ask(case.device, 0, CompareAnswers(case=case, path=path))

    def list_models(self, device: str) -> tuple[str, ...] | Failure:
        """Return the models that a worker for this device can build."""
        reply = self._ask(device, 0, ListModels())
        return reply if isinstance(reply, Failure) else reply.names

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let the worker, if there is one, run for the length of the block only; a worker made inside is included."""
        try:
            if self._worker is not None:
                self._worker.resume()
            yield
        finally:
            if self._worker is not None:
                self._worker.pause()

    def forget(self) -> None:
        """Have the worker drop every case it holds, if there is one; a worker that cannot is replaced."""
        if self._worker is not None:
            try:
                reply = self._worker.ask(Drop(), self._settings.timeout_seconds)
            except (WorkerDiedError, WorkerTimeoutError, AskedToStopError):
                self._worker = None
                return
            if isinstance(reply, Failure):
                self.end()

    def end(self) -> None:
        """Let the worker leave."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def _ask(self, device: str, launch: int, request: Request[R]) -> R | Failure:
        """Return the reply of this device's worker, which is made if there is none.

        Raises:
            StoppedError: if the run was asked to stop.
            LaunchError: if no worker can be made at all.
        """
        if reason := self._stop():
            raise StoppedError(reason)
        try:
            worker = self._worker_for(device, launch)
            if isinstance(worker, Failure):
                return worker
            reply = worker.ask(request, self._settings.timeout_seconds)
        except AskedToStopError as error:
            self._worker = None
            raise StoppedError(self._stop() or "asked to stop") from error
        except (WorkerTimeoutError, WorkerDiedError) as error:
            self._worker = None
            outcome = Outcome.TIMEOUT if isinstance(error, WorkerTimeoutError) else Outcome.CRASHED
            return Failure(outcome=outcome, reason=f"{WORDS[type(request)]}: {error}")
        if isinstance(reply, Failure) and (worker.spent or (reply.outcome.fault and not on_cpu(device))):
            self.end()  # after a fault an accelerator's context may fail whoever uses it next
        return reply

    def _worker_for(self, device: str, launch: int) -> WorkerHandle | Failure:
        """Return a worker with this device, or why there is none: a worker serves the one device that it opened."""
        if device != self._device:
            self.end()
            self._device = device
        if self._worker is not None:
            return self._worker
        if device in self._refused:
            return self._refused[device]
        worker = self._opener(device, launch)
        if not isinstance(worker, Failure):
            self._worker = worker
        elif worker.outcome is Outcome.SKIPPED:
            self._refused[device] = worker
        return worker
