"""The end of a run: every network layer by layer, in fresh processes, where nothing else is timed any longer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.files.run import read_run
from bench.processes.local import LaunchError, WorkerDiedError
from bench.protocol import Failure, Prepare, Reply, Request, TakeProfile, TimeLayers, TimeSlice
from bench.record.run import Outcome, Run
from bench.request import RunQuestion
from bench.run.layers import REPLICATES, list_layer_cases
from bench.run.measure import measure
from tests.bench.run.test_measure import session
from tests.makers.doubles import FakePool, FakeWorker
from tests.makers.runs import TWO

FLOAT, BFLOAT = TWO
NETWORKS = list_layer_cases(TWO)


def measured(pool: FakePool, path: Path, *, layers: bool = True, stop: Callable[[], str | None] = lambda: None) -> Run:
    """Carry out a run on a fake pool."""
    question = RunQuestion(resume=False, retry=False, operators=True, layers=layers)
    return measure(session(path.parent), pool, question, TWO, path, show=lambda _: None, stop=stop)


def test_steps_and_compile_modes_of_a_network_share_its_layers() -> None:
    """Its layers go forward and backward, in eager, whatever was measured of it."""
    several = [
        replace(FLOAT, step=step, compile=compiled) for step in ("backward", "train") for compiled in ("off", "on")
    ]
    assert list_layer_cases(several) == [replace(FLOAT, step="forward")]
    assert len(list_layer_cases([*several, BFLOAT, replace(BFLOAT, batch=7)])) == 3


def test_networks_are_timed_in_fresh_processes_after_everything_else(tmp_path: Path) -> None:
    """The process is the replicate, and a journal holds each as it was seen."""
    pool = FakePool()
    run = measured(pool, tmp_path / "out.jsonl")
    assert [(one.replicate, one.case) for one in run.layers] == [
        (replicate, case) for replicate in range(1, REPLICATES + 1) for case in NETWORKS
    ]
    assert len({worker.number for worker, _ in pool.requests(TimeLayers)}) == REPLICATES
    kinds = [type(request) for _, request in pool.asked if isinstance(request, TimeSlice | TakeProfile | TimeLayers)]
    assert kinds[-REPLICATES * len(NETWORKS) - 1 :] == [TakeProfile] + [TimeLayers] * REPLICATES * len(NETWORKS)
    assert read_run(tmp_path / "out.jsonl") == run


def test_nothing_is_timed_layer_by_layer_unless_asked_for(tmp_path: Path) -> None:
    """The default run takes no longer."""
    pool = FakePool()
    assert measured(pool, tmp_path / "out.jsonl", layers=False).layers == ()
    assert not pool.requests(TimeLayers)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (WorkerDiedError("SIGSEGV"), "layers: SIGSEGV"),
        (Failure(outcome=Outcome.FAILED, reason="a module cannot be watched"), "a module cannot be watched"),
        (LaunchError("no memory"), "no memory"),
    ],
    ids=["died", "failed", "no launcher"],
)
def test_layers_that_fail_cost_their_table_and_no_outcome(how: Exception | Reply, reason: str, tmp_path: Path) -> None:
    """The case was measured, and stays so."""

    def script(_worker: FakeWorker, request: Request[Any]) -> Reply | Exception | None:
        return how if isinstance(request, TimeLayers) and request.case == NETWORKS[0] else None

    run = measured(FakePool(script), tmp_path / "out.jsonl")
    assert {one.case: one.reason for one in run.layers} == {NETWORKS[0]: reason, NETWORKS[1]: None}
    assert {outcome for outcome, _ in run.outcomes().values()} == {Outcome.MEASURED}
    assert run.finish is not None
    assert run.finish.complete


def test_network_that_was_taken_out_is_not_timed(tmp_path: Path) -> None:
    """What is wrong has no layers worth looking at."""

    def script(_worker: FakeWorker, request: Request[Any]) -> Reply | None:
        wrong = isinstance(request, Prepare) and request.case == FLOAT
        return Failure(outcome=Outcome.WRONG_RESULT, reason="wrong") if wrong else None

    run = measured(FakePool(script), tmp_path / "out.jsonl")
    assert {one.case for one in run.layers} == set(list_layer_cases([BFLOAT]))
