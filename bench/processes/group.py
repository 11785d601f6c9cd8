"""Several workers as one: the ranks of a case, asked at once, and beside them the process that runs others alone.

`RankGroup` asks all ranks the same and puts their replies together. `Company` is what a run or a gate holds of a device
where cases of several ranks are measured: it hands each request to whom it concerns, and lets only those run.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

from bench.host.patience import Patience
from bench.processes.local import AskedToStopError, WorkerDiedError, WorkerProcess, WorkerTimeoutError
from bench.protocol import (
    RESUMED_LEAD,
    CaseRequest,
    Counted,
    Done,
    Drop,
    Failure,
    FootprintTold,
    Request,
    TellFootprint,
    TimeSlice,
    Timing,
    Verified,
)
from bench.record.observations import Preparation
from bench.record.run import Outcome

R = TypeVar("R")

GRACE_SECONDS = 5.0
"""When one rank has failed, the others may take so long to notice; then they wait for it in vain and are killed."""


class RankGroup:
    """Ranks that have joined each other; see `protocol`, "Ranks".

    Args:
        workers: in the order of their ranks.
        wake: a descriptor that becomes readable when nobody should wait for a worker any longer.
    """

    def __init__(self, workers: Sequence[WorkerProcess], wake: int | None = None) -> None:
        self._workers = tuple(workers)
        self._wake = wake
        self._spent = False

    @property
    def spent(self) -> bool:
        """Whether it cannot be asked any more."""
        return self._spent

    def ask(self, request: Request[R], timeout_seconds: float) -> R | Failure:
        """Return the reply of all ranks to one request.

        A rank that fails alone is the failure of all, and the end of the group.

        Raises:
            WorkerDiedError: if one of them ended instead; the others are gone then.
            WorkerTimeoutError: if they took longer than `timeout_seconds`; likewise.
            AskedToStopError: if the run was asked to stop meanwhile; likewise.
        """
        return self.ask_each([request] * len(self._workers), timeout_seconds)

    def ask_each(self, requests: Sequence[Request[R]], timeout_seconds: float) -> R | Failure:
        """Return the reply of all ranks, each asked its own; raises as `ask`."""
        replies: dict[int, Any] = {}
        died = self._send(requests)
        patience, failed = Patience(min(GRACE_SECONDS, timeout_seconds) if died else timeout_seconds), bool(died)
        while waiting := [rank for rank in range(len(self._workers)) if rank not in replies and rank not in died]:
            try:
                ready = patience.wait(partial(self._wait_for, waiting), TimeoutError)
            except TimeoutError:
                if failed:
                    break
                self.kill()
                raise WorkerTimeoutError(_say_late(waiting, len(self._workers), timeout_seconds)) from None
            for rank in ready:
                try:
                    replies[rank] = self._workers[rank].receive(requests[rank], timeout_seconds)
                except WorkerDiedError as error:
                    died[rank] = str(error)
                except (WorkerTimeoutError, AskedToStopError):  # it may have said half of its answer
                    self.kill()
                    raise
            if not failed and (died or any(isinstance(reply, Failure) for reply in replies.values())):
                patience, failed = Patience(min(GRACE_SECONDS, patience.left)), True
        if died:
            self.kill()
            rank, reason = min(died.items())
            raise WorkerDiedError(f"rank {rank} of {len(self._workers)}: {reason}")
        if failed:
            return self._fail(replies)
        answers: list[R] = [replies[rank] for rank in sorted(replies)]
        return merge(answers)

    def _send(self, requests: Sequence[Request[R]]) -> dict[int, str]:
        """Ask every rank; return those that have ended, and how."""
        died = {}
        for rank, (worker, request) in enumerate(zip(self._workers, requests, strict=True)):
            try:
                worker.send(request)
            except WorkerDiedError as error:
                died[rank] = str(error)
        return died

    def _fail(self, replies: Mapping[int, object]) -> Failure:
        """Return the failure of some ranks, or of all; after the former there is no group any more."""
        failures = {rank: reply for rank, reply in sorted(replies.items()) if isinstance(reply, Failure)}
        rank, first = next(iter(failures.items()))
        if len(failures) == len(self._workers):
            return first
        self.kill()
        return Failure(outcome=first.outcome, reason=f"rank {rank} of {len(self._workers)}: {first.reason}")

    def _wait_for(self, waiting: Sequence[int], seconds: float) -> list[int]:
        """Return the ranks that have answered or ended.

        Raises:
            TimeoutError: if none has within so many seconds.
            AskedToStopError: if the run was asked to stop; all of them are gone then.
        """
        with selectors.DefaultSelector() as selector:
            for rank in waiting:
                selector.register(self._workers[rank].channel, selectors.EVENT_READ, rank)
            if self._wake is not None:
                selector.register(self._wake, selectors.EVENT_READ)
            ready = [key.data for key, _ in selector.select(seconds)]
        if None in ready:
            self.kill()
            raise AskedToStopError
        if not ready:
            raise TimeoutError
        return ready

    def pause(self) -> None:
        """Suspend every rank."""
        for worker in self._workers:
            worker.pause()

    def resume(self) -> None:
        """Let every rank go on."""
        for worker in self._workers:
            worker.resume()

    def end(self) -> None:
        """Let every rank leave."""
        self._spent = True
        for worker in self._workers:
            worker.end()

    def kill(self) -> None:
        """Kill every rank and wait until they are gone."""
        self._spent = True
        for worker in self._workers:
            worker.kill()


def _say_late(waiting: Sequence[int], ranks: int, seconds: float) -> str:
    """Return which ranks did not answer."""
    if len(waiting) == ranks:
        return f"no answer of any of {ranks} ranks within {seconds:g} s"
    return f"no answer of rank {', '.join(map(str, waiting))} of {ranks} within {seconds:g} s"


GroupOpener = Callable[[str], RankGroup | Failure]
"""Makes the group of a value of the axis of ranks."""


class Company:
    """The worker of a device, and the groups of ranks beside it, of which only those run that are asked.

    Args:
        single: runs whatever one process runs.
        open_group: makes a group when the first of its cases is asked for.
    """

    def __init__(self, single: WorkerProcess, open_group: GroupOpener) -> None:
        self._single = single
        self._open_group = open_group
        self._groups: dict[str, RankGroup] = {}
        self._refused: dict[str, Failure] = {}
        self._running: WorkerProcess | RankGroup = single

    @property
    def spent(self) -> bool:
        """Whether one of its members cannot be asked any more, so that what it had made ready is lost."""
        return self._single.spent or any(group.spent for group in self._groups.values())

    def ask(self, request: Request[R], timeout_seconds: float) -> R | Failure:
        """Return the reply to a request of whom it concerns; raises as `WorkerProcess.ask`, when all are gone."""
        try:
            if isinstance(request, Drop | TellFootprint):
                return self._ask_all(cast("Request[R]", request), timeout_seconds)
            member = self._member(request)
            if isinstance(member, Failure):
                return member
            switched = self._let_run(member)
            if switched and isinstance(request, TimeSlice):
                request = cast(
                    "Request[R]", replace(request, lead=max(request.lead, request.iterations // RESUMED_LEAD))
                )
            return member.ask(request, timeout_seconds)
        except (WorkerDiedError, WorkerTimeoutError, AskedToStopError):
            self.kill()
            raise

    def _member(self, request: Request[Any]) -> WorkerProcess | RankGroup | Failure:
        """Return whom a request concerns, made now if it is a group's first; or why there is no such group."""
        if not isinstance(request, CaseRequest) or not request.case.distributed:
            return self._single
        ranks = request.case.ranks
        if ranks in self._refused:
            return self._refused[ranks]
        if ranks not in self._groups:
            self._running.pause()
            group = self._open_group(ranks)
            if isinstance(group, Failure):
                self._running.resume()
                if group.outcome is Outcome.SKIPPED:
                    self._refused[ranks] = group
                return group
            self._groups[ranks] = self._running = group
        return self._groups[ranks]

    def _let_run(self, member: WorkerProcess | RankGroup) -> bool:
        """Suspend whoever runs and let another one go on; return whether it had been suspended."""
        if member is self._running:
            return False
        self._running.pause()
        member.resume()
        self._running = member
        return True

    def _ask_all(self, request: Request[R], timeout_seconds: float) -> R | Failure:
        replies: list[R] = []
        for member in self._members():
            self._let_run(member)
            reply = member.ask(request, timeout_seconds)
            if isinstance(reply, Failure):
                return reply
            replies.append(reply)
        return merge(replies)

    def _members(self) -> list[WorkerProcess | RankGroup]:
        return [self._single, *self._groups.values()]

    def pause(self) -> None:
        """Suspend whoever runs."""
        self._running.pause()

    def resume(self) -> None:
        """Let whoever was asked last go on."""
        self._running.resume()

    def end(self) -> None:
        """Let everybody leave; who is suspended is killed."""
        for member in self._members():
            member.end()

    def kill(self) -> None:
        """Kill everybody and wait until they are gone."""
        for member in self._members():
            member.kill()


def merge(replies: Sequence[R]) -> R:
    """Return one reply of several ranks': a slice ends when the slowest ends, and the worst error is that of all.

    Args:
        replies: in the order of their ranks, all of one kind.
    """
    first = replies[0]
    match first:
        case Timing():
            return cast("R", _merge_timings(cast("Sequence[Timing]", replies)))
        case Preparation():
            return cast("R", _merge_preparations(cast("Sequence[Preparation]", replies)))
        case Verified():
            return cast("R", _merge_verified(cast("Sequence[Verified]", replies)))
        case FootprintTold():
            return cast("R", _merge_footprints(cast("Sequence[FootprintTold]", replies)))
        case Done() | Counted():
            return first
    raise ValueError(f"ranks are not asked for {type(first).__name__}")


def _merge_timings(timings: Sequence[Timing]) -> Timing:
    return replace(
        timings[0],
        seconds=max(timing.seconds for timing in timings),
        started_seconds=min(timing.started_seconds for timing in timings),
        wall_seconds=max(timing.wall_seconds for timing in timings),
        stolen_seconds=_largest(timing.stolen_seconds for timing in timings),  # each is told of the whole machine
        minor_faults=sum(timing.minor_faults for timing in timings),
        involuntary_switches=sum(timing.involuntary_switches for timing in timings),
        latency_seconds=_largest(timing.latency_seconds for timing in timings),
        event_seconds=_largest(timing.event_seconds for timing in timings),
        throttled=tuple(dict.fromkeys(reason for timing in timings for reason in timing.throttled)),
        local_seconds=_largest(timing.local_seconds for timing in timings),
    )


def _merge_verified(checks: Sequence[Verified]) -> Verified:
    errors = _worst([check.relative_errors for check in checks])
    return Verified(relative_errors=errors, seconds=max(check.seconds for check in checks))


def _merge_preparations(preparations: Sequence[Preparation]) -> Preparation:
    warm = [ready.cache_was_warm for ready in preparations]
    return replace(
        preparations[0],
        first_call_seconds=max(ready.first_call_seconds for ready in preparations),
        compile_seconds=_largest(ready.compile_seconds for ready in preparations),
        cache_was_warm=None if None in warm else all(warm),
        warmup_seconds=max(ready.warmup_seconds for ready in preparations),
        settled=all(ready.settled for ready in preparations),
        verify_seconds=max(ready.verify_seconds for ready in preparations),
        total_seconds=max(ready.total_seconds for ready in preparations),
        relative_errors=_worst([ready.relative_errors for ready in preparations]),
        estimate_seconds=max(ready.estimate_seconds for ready in preparations),
        peak_bytes=_largest(ready.peak_bytes for ready in preparations),
        remarks=tuple(dict.fromkeys(remark for ready in preparations for remark in ready.remarks)),
    )


def _merge_footprints(footprints: Sequence[FootprintTold]) -> FootprintTold:
    state: dict[str, str] = {}
    outside: dict[str, str] = {}
    loaded: dict[str, str] = {}
    for told in footprints:
        state |= told.state
        outside |= told.outside
        loaded |= told.loaded
    displaced = tuple(dict.fromkeys(name for told in footprints for name in told.displaced))
    return FootprintTold(state=state, outside=outside, displaced=displaced, loaded=loaded)


def _worst(errors: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the largest error of each quantity."""
    names = dict.fromkeys(name for by_quantity in errors for name in by_quantity)
    return {name: max(by_quantity.get(name, 0.0) for by_quantity in errors) for name in names}


def _largest(values: Iterable[Any]) -> Any:
    """Return the largest value; None if one is absent."""
    listed = list(values)
    return None if None in listed else max(listed)
