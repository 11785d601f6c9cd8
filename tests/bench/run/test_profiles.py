"""The end of a run: every case once more under a profiler, where nothing is timed any longer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.files.run import read_run
from bench.processes.local import WorkerDiedError
from bench.protocol import Failure, Prepare, Reply, Request, TakeProfile, TimeSlice
from bench.record.run import Outcome, Run
from bench.request import RunQuestion
from bench.run.measure import measure
from tests.bench.run.test_measure import session
from tests.makers.doubles import FakePool, FakeWorker
from tests.makers.runs import TWO

FLOAT, BFLOAT = TWO


def measured(pool: FakePool, path: Path, *, operators: bool = True, traces: Path | None = None) -> Run:
    """Carry out a run on a fake pool."""
    question = RunQuestion(resume=False, retry=False, operators=operators, traces=traces)
    return measure(session(path.parent), pool, question, TWO, path, show=lambda _: None, stop=lambda: None)


def test_cases_are_profiled_after_all_that_is_timed_in_processes_of_their_own(tmp_path: Path) -> None:
    """A profiler that has been on leaves its process slower."""
    pool = FakePool()
    run = measured(pool, tmp_path / "out.jsonl")
    assert [(profiled.case, profiled.side, profiled.replicate) for profiled in run.profiles] == [
        (case, None, 1) for case in TWO
    ]
    kinds = [type(request) for _, request in pool.asked if isinstance(request, TimeSlice | TakeProfile)]
    assert kinds.index(TakeProfile) == len(kinds) - len(TWO)
    timing = {worker.number for worker, _ in pool.requests(TimeSlice)}
    assert not timing & {worker.number for worker, _ in pool.requests(TakeProfile)}
    assert read_run(tmp_path / "out.jsonl") == run


def test_nothing_is_profiled_unless_asked_for(tmp_path: Path) -> None:
    """The default run takes no longer."""
    pool = FakePool()
    assert measured(pool, tmp_path / "out.jsonl", operators=False).profiles == ()
    assert not pool.requests(TakeProfile)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (WorkerDiedError("SIGSEGV"), "profile: SIGSEGV"),
        (Failure(outcome=Outcome.FAILED, reason="no profiler for this backend"), "no profiler for this backend"),
    ],
    ids=["died", "failed"],
)
def test_profiler_that_fails_costs_its_table_and_no_outcome(
    how: Exception | Reply, reason: str, tmp_path: Path
) -> None:
    """The case was measured, and stays so."""

    def script(_worker: FakeWorker, request: Request[Any]) -> Reply | Exception | None:
        return how if isinstance(request, TakeProfile) and request.case == FLOAT else None

    run = measured(FakePool(script), tmp_path / "out.jsonl")
    assert {profiled.case: profiled.reason for profiled in run.profiles} == {FLOAT: reason, BFLOAT: None}
    assert {outcome for outcome, _ in run.outcomes().values()} == {Outcome.MEASURED}
    assert run.finish is not None
    assert run.finish.complete


def test_case_that_was_taken_out_is_not_profiled(tmp_path: Path) -> None:
    """What is wrong is not explained."""

    def script(_worker: FakeWorker, request: Request[Any]) -> Reply | None:
        wrong = isinstance(request, Prepare) and request.case == FLOAT
        return Failure(outcome=Outcome.WRONG_RESULT, reason="wrong") if wrong else None

    assert [profiled.case for profiled in measured(FakePool(script), tmp_path / "out.jsonl").profiles] == [BFLOAT]


def test_trace_of_each_case_goes_into_the_folder(tmp_path: Path) -> None:
    """Under the case's id."""
    pool = FakePool()
    measured(pool, tmp_path / "out.jsonl", traces=tmp_path)
    assert [request.trace for _, request in pool.requests(TakeProfile)] == [
        str(tmp_path / f"{case.id}.json") for case in TWO
    ]
