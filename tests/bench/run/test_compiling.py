"""The end of a run: every case that compiles, from empty caches and from full ones, in processes of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.files.run import read_run
from bench.processes.local import LaunchError, WorkerDiedError
from bench.protocol import Failure, Reply, Request, TimeSlice, WatchCompiling
from bench.record.run import Outcome, Run
from bench.request import RunQuestion
from bench.run.compiling import REPLICATES
from bench.run.measure import measure
from tests.bench.run.test_measure import session
from tests.makers.doubles import FakePool, FakeWorker
from tests.makers.runs import TWO

EAGER = TWO[0]
COMPILED = replace(EAGER, compile="on")
CASES = (EAGER, COMPILED)


def measured(pool: FakePool, path: Path, *, compiling: bool = True) -> Run:
    """Carry out a run on a fake pool."""
    question = RunQuestion(resume=False, retry=False, compiling=compiling)
    return measure(session(path.parent), pool, question, CASES, path, show=lambda _: None, stop=lambda: None)


def test_cases_that_compile_are_compiled_cold_and_then_warm(tmp_path: Path) -> None:
    """Each pair has caches of its own, and each process comes from a launcher of its own."""
    pool = FakePool()
    run = measured(pool, tmp_path / "out.jsonl")
    assert [(one.case, one.replicate, one.cold) for one in run.compiled] == [
        (COMPILED, replicate, cold) for replicate in range(1, REPLICATES + 1) for cold in (True, False)
    ]
    asked = [worker for worker, _ in pool.requests(WatchCompiling)]
    assert len({worker.number for worker in asked}) == 2 * REPLICATES
    assert [worker.caches for worker in asked] == [pair for pair in range(1, REPLICATES + 1) for _ in range(2)]
    assert not {worker.number for worker in asked} & {worker.number for worker, _ in pool.requests(TimeSlice)}
    assert not any(worker.alive for worker in pool.opened)
    assert read_run(tmp_path / "out.jsonl") == run


def test_nothing_is_compiled_from_empty_caches_unless_asked_for(tmp_path: Path) -> None:
    """The default run takes no longer."""
    pool = FakePool()
    assert measured(pool, tmp_path / "out.jsonl", compiling=False).compiled == ()
    assert not pool.requests(WatchCompiling)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (WorkerDiedError("SIGSEGV"), "compiling: SIGSEGV"),
        (Failure(outcome=Outcome.FAILED, reason="no compiler"), "no compiler"),
        (LaunchError("no memory"), "no memory"),
    ],
    ids=["died", "failed", "no launcher"],
)
def test_compile_that_fails_costs_its_account_and_no_outcome(
    how: Exception | Reply, reason: str, tmp_path: Path
) -> None:
    """The case was measured, and stays so; the next process is asked all the same."""

    def script(_worker: FakeWorker, request: Request[Any]) -> Reply | Exception | None:
        return how if isinstance(request, WatchCompiling) else None

    run = measured(FakePool(script), tmp_path / "out.jsonl")
    assert [one.reason for one in run.compiled] == 2 * REPLICATES * [reason]
    assert {outcome for outcome, _ in run.outcomes().values()} == {Outcome.MEASURED}
    assert run.finish is not None
    assert run.finish.complete
