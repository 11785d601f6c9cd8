"""Asks workers on behalf of the plan: replies become records, and whatever goes wrong becomes an outcome.

A worker that died or hung costs its case an outcome and the run nothing: the next request gets a fresh one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from bench.files.decode import DecodeError, decode
from bench.processes.local import AskedToStopError, WorkerDiedError, WorkerTimeoutError
from bench.record.case import Case, as_params, compute_dtype
from bench.record.conditions import Settings
from bench.record.observations import Ceiling, Limit, Preparation, positive
from bench.record.run import Measurement, Outcome

T = TypeVar("T")


class WorkerHandle(Protocol):
    """A worker that is asked one thing at a time; see `launch.WorkerProcess`."""

    def ask(self, request: dict[str, Any], timeout_seconds: float) -> dict[str, Any]:
        """Return the reply to a request."""

    def pause(self) -> None:
        """Suspend it, spinning threads and all."""

    def resume(self) -> None:
        """Let it go on."""

    def end(self) -> None:
        """Let the worker leave."""


class Opener(Protocol):
    """Makes workers for one device after the other."""

    def open(self, device: str, launch: int) -> tuple[WorkerHandle | None, str | None]:
        """Return a fresh worker for a launch with its device opened, or None and why the device cannot be used."""


class Workers(Opener, Protocol):
    """Makes the workers of a run and says what that costs; see `crew.Crew`."""

    @property
    def compile_seconds(self) -> float:
        """Seconds spent so far on compiling before any case."""

    @property
    def launching_seconds(self) -> float:
        """Wall seconds spent so far on executing launchers: imports, and that first compile."""

    def executions(self, done: int, launches: int) -> int:
        """Return how many launchers will be executed for the launches after `done`, up to `launches`."""


class OpenError(Exception):
    """A device that is there could not be opened; the message says why.

    Attributes:
        outcome: what this makes of the case that needed it.
    """

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome


class StoppedError(Exception):
    """The run was asked to stop between two requests; the message says by whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One slice, as the worker answered.

    Attributes:
        seconds: per iteration.
        started: on the machine's monotonic clock.
        wall_seconds: of the whole slice, whatever is not timed in it included.
        stolen_seconds, minor_faults, involuntary_switches, latency_seconds, event_seconds: see `record.Slices`.
        throttled: why the device's clocks were lowered when it ended; empty if they were not.
    """

    seconds: float
    started: float
    wall_seconds: float
    stolen_seconds: float | None
    minor_faults: int
    involuntary_switches: int
    latency_seconds: float | None
    event_seconds: float | None
    throttled: tuple[str, ...]

    def __post_init__(self) -> None:
        positive(self, "seconds", "latency_seconds", "event_seconds")


class Operator:
    """Keeps at most one worker alive and knows for which device and launch it is.

    Args:
        workers: makes them.
        settings: for the timeout.
        stop: asked before each request; a reason to stop now, None to go on.
    """

    def __init__(self, workers: Opener, settings: Settings, stop: Callable[[], str | None]) -> None:
        self._workers = workers
        self._settings = settings
        self._stop = stop
        self._worker: WorkerHandle | None = None
        self._device = ""
        self._refused: dict[str, str] = {}

    @property
    def lost(self) -> bool:
        """Whether there is no worker: cases that were prepared have to be prepared again."""
        return self._worker is None

    def prepare(self, case: Case, launch: int, *, settled_within: float | None = None) -> Preparation | Measurement:
        """Make a case ready and return what that showed, or how it ended instead.

        Args:
            case: which.
            launch: 0 tries the device, dtype and compile mode first, and counts operations.
            settled_within: when it counts as warm, if otherwise than in a plain run.
        """
        request: dict[str, Any] = {
            "do": "prepare",
            "case": as_params(case),
            "warm": not self._settings.quick,
            "probe": launch == 0,
        }
        if settled_within is not None:
            request["settled_within"] = settled_within
        reply = self._ask(case, launch, request)
        return self._decoded(Preparation, reply, case, launch)

    def probe(self, case: Case) -> str | None:
        """Return why a case cannot be measured here, found by trying its dtype and compile mode; None if it can."""
        reply = self._ask(case, 0, {"do": "probe", "case": as_params(case)})
        return reply.reason if isinstance(reply, Measurement) else None

    def slice(
        self, case: Case, launch: int, iterations: int, *, lead: int = 0, slowdown: float = 0.0, singles: int = 0
    ) -> Timing | Measurement:
        """Return one timed slice, or how the case ended instead.

        Args:
            case: which.
            launch: in which launch.
            iterations: how many.
            lead: iterations right before that are not timed.
            slowdown: share of its time by which it is slowed on purpose.
            singles: iterations right after it that are each waited for.
        """
        request = {"do": "slice", "case_id": case.id, "iterations": iterations}
        extra = {"lead": lead, "slowdown": slowdown, "singles": singles}
        reply = self._ask(case, launch, request | {name: value for name, value in extra.items() if value})
        return self._decoded(Timing, reply, case, launch)

    def yardstick(self, case: Case, launch: int) -> float | Measurement:
        """Return the yardstick's seconds; if the worker breaks here, `case`, which is next, is held responsible."""
        reply = self._ask(case, launch, {"do": "yardstick"})
        return reply if isinstance(reply, Measurement) else float(reply["seconds"])

    def ceilings(self, case: Case, launch: int, dtypes: Sequence[str]) -> tuple[Ceiling, ...]:
        """Return what the device of `case`, which is next, does at best; where that breaks, with the reason."""
        reply = self._ask(case, launch, {"do": "ceilings", "dtypes": list(dtypes)})
        if isinstance(reply, Measurement):
            nothing = {"per_second": None, "size": None, "reason": reply.reason}
            limits = [(Limit.PRODUCTS, dtype) for dtype in dict.fromkeys(map(compute_dtype, dtypes))]
            reply = {"ceilings": [{"limit": limit, "dtype": dtype, **nothing} for limit, dtype in limits]}
        return tuple(decode(Ceiling, {"device": case.device, "launch": launch, **one}) for one in reply["ceilings"])

    def counts(self, case: Case) -> dict[str, int] | Measurement:
        """Return the exact counts of a case."""
        reply = self._ask(case, 0, {"do": "counts", "case": as_params(case)})
        return reply if isinstance(reply, Measurement) else dict(reply["counts"])

    def models(self, case: Case) -> list[str] | Measurement:
        """Return the models that the worker can build; `case`, which is next, is held responsible if it breaks."""
        reply = self._ask(case, 0, {"do": "models"})
        return reply if isinstance(reply, Measurement) else list(reply["models"])

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
                reply = self._worker.ask({"do": "drop"}, self._settings.timeout_seconds)
            except (WorkerDiedError, WorkerTimeoutError, AskedToStopError):
                self._worker = None
                return
            if "outcome" in reply:
                self.end()

    def end(self) -> None:
        """Let the worker leave."""
        if self._worker is not None:
            self._worker.end()
            self._worker = None

    def _ask(self, case: Case, launch: int, request: dict[str, Any]) -> dict[str, Any] | Measurement:
        if reason := self._stop():
            raise StoppedError(reason)
        try:
            self._open(case.device, launch)
            if self._worker is None:
                reason = self._refused[case.device]
                return Measurement(case=case, launch=launch, outcome=Outcome.SKIPPED, reason=reason)
            reply = self._worker.ask(request, self._settings.timeout_seconds)
        except OpenError as error:
            return Measurement(case=case, launch=launch, outcome=error.outcome, reason=str(error))
        except AskedToStopError as error:
            self._worker = None
            raise StoppedError(self._stop() or "asked to stop") from error
        except (WorkerTimeoutError, WorkerDiedError) as error:
            self._worker = None
            outcome = Outcome.TIMEOUT if isinstance(error, WorkerTimeoutError) else Outcome.CRASHED
            return Measurement(case=case, launch=launch, outcome=outcome, reason=f"{request['do']}: {error}")
        if "outcome" not in reply:
            return reply
        outcome = Outcome(reply["outcome"])
        if outcome.fault and not case.on_cpu:
            self.end()  # after a fault an accelerator's context may fail whoever uses it next
        return Measurement(case=case, launch=launch, outcome=outcome, reason=reply["reason"])

    def _open(self, device: str, launch: int) -> None:
        """Have a worker with this device, unless the device was refused: a worker serves the one that it opened."""
        if device != self._device:
            self.end()
            self._device = device
        if self._worker is None and device not in self._refused:
            self._worker, refusal = self._workers.open(device, launch)
            if refusal is not None:
                self._refused[device] = refusal

    @staticmethod
    def _decoded(kind: type[T], reply: dict[str, Any] | Measurement, case: Case, launch: int) -> T | Measurement:
        """Return a reply as a record; an impossible figure is the case's failure, not the run's."""
        if isinstance(reply, Measurement):
            return reply
        try:
            return decode(kind, reply)
        except DecodeError as error:
            reason = f"the worker answered with an impossible figure: {error}"
            return Measurement(case=case, launch=launch, outcome=Outcome.FAILED, reason=reason)
