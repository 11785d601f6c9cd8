"""Whatever goes wrong with a worker is an outcome of the case that it was asked about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench.processes.local import LaunchError, WorkerDiedError, WorkerTimeoutError
from bench.processes.supervisor import StoppedError, Supervisor
from bench.protocol import Drop, Failure, Prepare, ReadYardstick, Request, TimeSlice, Timing
from bench.record.conditions import Settings
from bench.record.observations import Preparation
from bench.record.run import Outcome
from tests.makers.doubles import FakePool, FakeWorker, breaks
from tests.makers.runs import TWO

CASE, OTHER = TWO


def running() -> None:
    """Go on."""


def supervisor(pool: FakePool, **settings: object) -> Supervisor:
    """Return a supervisor of this pool's workers that is never stopped."""
    return Supervisor(pool.open, Settings(**settings), running)  # type: ignore[arg-type]


def test_replies_are_records() -> None:
    """The schedule never sees the protocol."""
    mine = supervisor(FakePool())
    ready = mine.prepare(CASE, 0)
    assert isinstance(ready, Preparation)
    assert (ready.estimate_seconds, ready.clock_seconds) == (0.001, 1e-9)
    timing = mine.time_slice(CASE, 0, 10)
    assert isinstance(timing, Timing)
    assert (timing.seconds, timing.wall_seconds, timing.minor_faults) == (0.001, 0.01, 1)
    assert mine.read_yardstick("cpu", 0) == 2e-5


@pytest.mark.parametrize(
    ("launch", "quick", "probe", "warm"), [(0, False, True, True), (0, True, True, False), (1, False, False, True)]
)
def test_only_the_pilot_probes_and_a_quick_pass_does_not_warm_up(
    launch: int, *, quick: bool, probe: bool, warm: bool
) -> None:
    """What was found out once is not found out in every launch."""
    pool = FakePool()
    supervisor(pool, quick=quick).prepare(CASE, launch)
    ((_, request),) = pool.requests(Prepare)
    assert (request.probe, request.warm) == (probe, warm)


FAULTS = [
    (WorkerDiedError("the worker's process ended with SIGSEGV"), Outcome.CRASHED, "ended with SIGSEGV"),
    (WorkerTimeoutError("no answer within 3 s"), Outcome.TIMEOUT, "no answer within 3 s"),
]


@pytest.mark.parametrize(("error", "outcome", "words"), FAULTS, ids=["crash", "timeout"])
@pytest.mark.parametrize(("doing", "word"), [(Prepare, "prepare"), (TimeSlice, "slice")], ids=["prepare", "slice"])
def test_lost_worker_costs_its_case_an_outcome_and_the_next_gets_a_fresh_one(
    doing: type[Request[Any]], word: str, error: Exception, outcome: Outcome, words: str
) -> None:
    """The run loses nothing else; the reason says what was being done."""
    pool = FakePool(breaks(CASE, error, doing=doing, launch=1))
    mine = supervisor(pool)
    found = mine.prepare(CASE, 1)
    if doing is TimeSlice:
        found = mine.time_slice(CASE, 1, 10)  # type: ignore[assignment]
    assert found == Failure(outcome=outcome, reason=f"{word}: {error}")
    assert words in found.reason
    assert mine.lost
    assert isinstance(mine.prepare(OTHER, 1), Preparation)
    assert len(pool.opened) == 2


@pytest.mark.parametrize("outcome", [Outcome.WRONG_RESULT, Outcome.SKIPPED, Outcome.FAILED, Outcome.OUT_OF_MEMORY])
def test_worker_that_answers_with_an_outcome_lives_on(outcome: Outcome) -> None:
    """A case that raised has not broken its process."""
    pool = FakePool(breaks(CASE, Failure(outcome=outcome, reason="why"), doing=Prepare, launch=0))
    mine = supervisor(pool)
    assert mine.prepare(CASE, 0) == Failure(outcome=outcome, reason="why")
    assert not mine.lost
    mine.prepare(OTHER, 0)
    assert len(pool.opened) == 1


def test_worker_that_breaks_at_the_yardstick_is_a_failure_that_says_so() -> None:
    """Whoever asked knows which case was next."""

    def script(_worker: FakeWorker, request: Request[Any]) -> Exception | None:
        return WorkerDiedError("gone") if isinstance(request, ReadYardstick) else None

    mine = supervisor(FakePool(script))
    mine.prepare(CASE, 1)
    assert mine.read_yardstick("cpu", 1) == Failure(outcome=Outcome.CRASHED, reason="yardstick: gone")


@pytest.mark.parametrize("error", [WorkerDiedError("SIGKILL"), WorkerTimeoutError("late")], ids=["crash", "timeout"])
def test_worker_that_dies_while_its_device_opens_is_an_outcome(error: Exception) -> None:
    """A driver that crashes must not take the run with it."""
    pool = FakePool()

    def broken(_device: str, _launch: int) -> None:
        raise error

    pool.open = broken  # type: ignore[assignment,method-assign]
    found = supervisor(pool).prepare(CASE, 0)
    assert isinstance(found, Failure)
    assert found.outcome in {Outcome.CRASHED, Outcome.TIMEOUT}


def test_absent_device_is_tried_once() -> None:
    """Each try costs a process; the answer does not change."""
    pool = FakePool(absent={"cpu": "no card"})
    mine = supervisor(pool)
    for case in TWO:
        assert mine.prepare(case, 0) == Failure(outcome=Outcome.SKIPPED, reason="no card")
    assert pool.refused == ["cpu"]


def test_stop_is_asked_before_each_request() -> None:
    """Between two requests nothing is in flight."""
    pool, answers = FakePool(), iter([None, "stopped by SIGINT"])
    mine = Supervisor(pool.open, Settings(), lambda: next(answers))
    mine.prepare(CASE, 0)
    with pytest.raises(StoppedError, match="stopped by SIGINT"):
        mine.time_slice(CASE, 0, 1)
    assert len(pool.asked) == 1


def test_engine_that_cannot_start_workers_is_no_outcome_of_a_case() -> None:
    """Nothing can be measured, so the run says so, once."""
    pool = FakePool()

    def broken(_device: str, _launch: int) -> None:
        raise LaunchError("no interpreter")

    pool.open = broken  # type: ignore[assignment,method-assign]
    with pytest.raises(LaunchError):
        supervisor(pool).prepare(CASE, 0)


@pytest.mark.parametrize(("device", "lost"), [("cpu", False), ("cuda", True)])
def test_fault_on_an_accelerator_costs_the_worker_its_life(device: str, *, lost: bool) -> None:
    """Its context may fail whoever uses it next."""
    case = replace(CASE, device=device)
    mine = supervisor(FakePool(breaks(case, Failure(outcome=Outcome.FAILED, reason="x"), doing=Prepare, launch=0)))
    mine.prepare(case, 0)
    assert mine.lost == lost


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.OUT_OF_MEMORY])
def test_device_that_could_not_be_opened_by_a_fault_is_tried_again(outcome: Outcome) -> None:
    """Only what cannot be used at all is not: the next launch may have the memory."""
    pool = FakePool()
    tries: list[str] = []

    def broken(device: str, _launch: int) -> Failure:
        tries.append(device)
        return Failure(outcome=outcome, reason="no memory")

    pool.open = broken  # type: ignore[assignment,method-assign]
    mine = supervisor(pool)
    assert [mine.prepare(case, 1) for case in TWO] == [Failure(outcome=outcome, reason="no memory")] * 2
    assert tries == ["cpu", "cpu"]


@pytest.mark.parametrize("error", [None, WorkerDiedError("gone"), WorkerTimeoutError("late")], ids=str)
def test_worker_that_cannot_forget_is_replaced(error: Exception | None) -> None:
    """Memory of one group must not weigh on the next."""

    def script(_worker: FakeWorker, request: Request[Any]) -> Exception | None:
        return error if isinstance(request, Drop) else None

    mine = supervisor(FakePool(script))
    mine.forget()  # nobody there: nothing to do
    mine.prepare(CASE, 0)
    mine.forget()
    assert mine.lost == (error is not None)


def test_end_lets_the_worker_leave_once() -> None:
    """The next launch has a process of its own."""
    pool = FakePool()
    mine = supervisor(pool)
    mine.prepare(CASE, 0)
    mine.end()
    mine.end()
    assert mine.lost
    assert not pool.opened[0].alive
