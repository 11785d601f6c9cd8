"""Whatever goes wrong with a worker is an outcome of the case that it was asked about."""

from __future__ import annotations

import pytest

from bench.processes.local import LaunchError, WorkerDiedError, WorkerTimeoutError
from bench.processes.supervisor import Operator, StoppedError, Timing
from bench.record.conditions import Settings
from bench.record.observations import Preparation
from bench.record.run import Measurement, Outcome
from tests.makers.doubles import FakeCrew, FakeWorker, Reply, breaks
from tests.makers.runs import TWO

CASE, OTHER = TWO


def running() -> None:
    """Go on."""


def operator(crew: FakeCrew, **settings: object) -> Operator:
    """Return an operator of this crew that is never stopped."""
    return Operator(crew, Settings(**settings), running)  # type: ignore[arg-type]


def test_replies_become_records() -> None:
    """The schedule never sees the protocol."""
    mine = operator(FakeCrew())
    ready = mine.prepare(CASE, 0)
    assert isinstance(ready, Preparation)
    assert (ready.estimate_seconds, ready.clock_seconds) == (0.001, 1e-9)
    timing = mine.slice(CASE, 0, 10)
    assert isinstance(timing, Timing)
    assert (timing.seconds, timing.wall_seconds, timing.minor_faults) == (0.001, 0.01, 1)
    assert mine.yardstick(CASE, 0) == 2e-5


@pytest.mark.parametrize(
    ("launch", "quick", "probe", "warm"), [(0, False, True, True), (0, True, True, False), (1, False, False, True)]
)
def test_only_the_pilot_probes_and_a_quick_pass_does_not_warm_up(
    launch: int, *, quick: bool, probe: bool, warm: bool
) -> None:
    """What was found out once is not found out in every launch."""
    crew = FakeCrew()
    operator(crew, quick=quick).prepare(CASE, launch)
    ((_, request),) = crew.requests("prepare")
    assert (request["probe"], request["warm"]) == (probe, warm)


FAULTS = [
    (WorkerDiedError("the worker's process ended with SIGSEGV"), Outcome.CRASHED, "ended with SIGSEGV"),
    (WorkerTimeoutError("no answer within 3 s"), Outcome.TIMEOUT, "no answer within 3 s"),
]


@pytest.mark.parametrize(("error", "outcome", "words"), FAULTS, ids=["crash", "timeout"])
@pytest.mark.parametrize("doing", ["prepare", "slice"])
def test_lost_worker_costs_its_case_an_outcome_and_the_next_gets_a_fresh_one(
    doing: str, error: Exception, outcome: Outcome, words: str
) -> None:
    """The run loses nothing else; the reason says what was being done."""
    crew = FakeCrew(breaks(CASE, error, doing=doing, launch=1))
    mine = operator(crew)
    found = mine.prepare(CASE, 1)
    if doing == "slice":
        found = mine.slice(CASE, 1, 10)  # type: ignore[assignment]
    assert isinstance(found, Measurement)
    assert (found.case, found.launch, found.outcome, found.reason) == (CASE, 1, outcome, f"{doing}: {error}")
    assert words in str(found.reason)
    assert mine.lost
    assert isinstance(mine.prepare(OTHER, 1), Preparation)
    assert len(crew.opened) == 2


@pytest.mark.parametrize("outcome", [Outcome.WRONG_RESULT, Outcome.SKIPPED, Outcome.FAILED, Outcome.OUT_OF_MEMORY])
def test_worker_that_answers_with_an_outcome_lives_on(outcome: Outcome) -> None:
    """A case that raised has not broken its process."""
    crew = FakeCrew(breaks(CASE, {"outcome": outcome, "reason": "why"}, doing="prepare", launch=0))
    mine = operator(crew)
    assert mine.prepare(CASE, 0) == Measurement(case=CASE, launch=0, outcome=outcome, reason="why")
    assert not mine.lost
    mine.prepare(OTHER, 0)
    assert len(crew.opened) == 1


def test_worker_that_breaks_at_the_yardstick_is_held_against_the_next_case() -> None:
    """A hole needs a case, and this is the one that would have been timed."""

    def script(_worker: FakeWorker, request: Reply) -> Exception | None:
        return WorkerDiedError("gone") if request["do"] == "yardstick" else None

    mine = operator(FakeCrew(script))
    mine.prepare(CASE, 1)
    found = mine.yardstick(CASE, 1)
    assert isinstance(found, Measurement)
    assert (found.case, found.outcome) == (CASE, Outcome.CRASHED)


@pytest.mark.parametrize("error", [WorkerDiedError("SIGKILL"), WorkerTimeoutError("late")], ids=["crash", "timeout"])
def test_worker_that_dies_while_its_device_opens_is_an_outcome(error: Exception) -> None:
    """A driver that crashes must not take the run with it."""
    crew = FakeCrew()

    def broken(_device: str, _launch: int) -> None:
        raise error

    crew.open = broken  # type: ignore[assignment,method-assign]
    found = operator(crew).prepare(CASE, 0)
    assert isinstance(found, Measurement)
    assert found.outcome in {Outcome.CRASHED, Outcome.TIMEOUT}


def test_absent_device_is_tried_once() -> None:
    """Each try costs a process; the answer does not change."""
    crew = FakeCrew(absent={"cpu": "no card"})
    mine = operator(crew)
    for case in TWO:
        assert mine.prepare(case, 0) == Measurement(case=case, launch=0, outcome=Outcome.SKIPPED, reason="no card")
    assert crew.refused == ["cpu"]


def test_stop_is_asked_before_each_request() -> None:
    """Between two requests nothing is in flight."""
    crew, answers = FakeCrew(), iter([None, "stopped by SIGINT"])
    mine = Operator(crew, Settings(), lambda: next(answers))
    mine.prepare(CASE, 0)
    with pytest.raises(StoppedError, match="stopped by SIGINT"):
        mine.slice(CASE, 0, 1)
    assert len(crew.asked) == 1


def test_engine_that_cannot_start_workers_is_no_outcome_of_a_case() -> None:
    """Nothing can be measured, so the run says so, once."""
    crew = FakeCrew()

    def broken(_device: str, _launch: int) -> None:
        raise LaunchError("no interpreter")

    crew.open = broken  # type: ignore[assignment,method-assign]
    with pytest.raises(LaunchError):
        operator(crew).prepare(CASE, 0)


def test_reply_that_is_no_record_is_an_error() -> None:
    """A worker of another version must not be believed; that costs its case, not the run."""
    mine = operator(FakeCrew(breaks(CASE, {"seconds": "fast"}, doing="prepare", launch=0)))
    refused = mine.prepare(CASE, 0)
    assert isinstance(refused, Measurement)
    assert refused.outcome is Outcome.FAILED
    assert "impossible figure" in str(refused.reason)


@pytest.mark.parametrize("error", [None, WorkerDiedError("gone"), WorkerTimeoutError("late")], ids=str)
def test_worker_that_cannot_forget_is_replaced(error: Exception | None) -> None:
    """Memory of one group must not weigh on the next."""

    def script(_worker: FakeWorker, request: Reply) -> Exception | None:
        return error if request["do"] == "drop" else None

    mine = operator(FakeCrew(script))
    mine.forget()  # nobody there: nothing to do
    mine.prepare(CASE, 0)
    mine.forget()
    assert mine.lost == (error is not None)


def test_end_lets_the_worker_leave_once() -> None:
    """The next launch has a process of its own."""
    crew = FakeCrew()
    mine = operator(crew)
    mine.prepare(CASE, 0)
    mine.end()
    mine.end()
    assert mine.lost
    assert not crew.opened[0].alive
