"""A run that was cut off and continued is the run that went through."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from bench.processes.local import WorkerDiedError
from bench.protocol import Failure, Prepare, Reply, Request, TimeSlice
from bench.record.conditions import Environment, Settings
from bench.record.run import Measured, Measurement, Outcome, Run, RunFold, Started
from bench.run import schedule as schedule_module
from bench.run.resume import Resumption, resumption
from bench.run.schedule import Event, Schedule, Sliced
from tests.makers.doubles import FakePool, FakeWorker, Script, as_planned, breaks
from tests.makers.runs import TWO, hole, made_run, matrix, measured, slices

CASES = matrix(batches=(1, 64))
SETTINGS = Settings(launches=3, case_seconds=0.15)
CASE, OTHER = TWO
SLICES = slices([0.001, 0.002])


def running() -> None:
    """Go on."""


def carry_out(
    pool: FakePool, monkeypatch: pytest.MonkeyPatch, *, earlier: Resumption | None = None, events: int = 10_000
) -> list[Event]:
    """Return the first events of a run."""
    monkeypatch.setattr(schedule_module, "monotonic", pool.clock)
    going_on = Schedule(CASES, SETTINGS, pool, stop=running, begin=0.0, resumption=earlier).events()
    with closing(going_on):  # type: ignore[type-var]
        return list(islice(going_on, events))


def run_of(events: list[Event], kept: tuple[Measurement, ...] = ()) -> Run:
    """Return what is on disk after these events."""
    fold = RunFold(Run(environment=Environment(facts={}), settings=SETTINGS, cases=CASES))
    fold.add(Measured(measurements=kept))
    for event in events:
        if not isinstance(event, Sliced):
            fold.add(event)
    return fold.record()


def shape(run: Run) -> dict[tuple[int, str], tuple[str, int, int]]:
    """Return what was measured how often, in slices of how many iterations, and how it ended."""
    return {
        (one.launch, one.case.id): (
            one.outcome,
            len(one.slices.seconds) if one.slices else 0,
            one.slices.iterations if one.slices else 0,
        )
        for one in run.measurements
    }


def slower_in_each_launch(worker: FakeWorker, request: Request[Any]) -> Reply | None:
    """Script in which only the pilot's estimate is the one that iterations were fixed by."""
    if not isinstance(request, Prepare):
        return None
    return replace(worker.prepared(request), estimate_seconds=0.001 * (1 + worker.launch))


SCRIPTS: dict[str, Callable[[], Script]] = {
    "nothing-breaks": lambda: as_planned,
    "machine-gets-slower": lambda: slower_in_each_launch,
    "one-crashes": lambda: breaks(CASES[1], WorkerDiedError("SIGSEGV"), doing=TimeSlice, launch=2, after=2),
    "one-is-skipped": lambda: breaks(CASES[2], Failure(outcome=Outcome.SKIPPED, reason="x"), doing=Prepare, launch=0),
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_run_that_is_cut_off_anywhere_ends_as_if_it_had_not_been(
    script: Callable[[], Script], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same cases, same outcomes, same number of slices in each launch; nothing finished is measured again."""
    whole = carry_out(FakePool(script()), monkeypatch)
    for count in range(len(whole)):
        before = run_of(carry_out(FakePool(script()), monkeypatch, events=count))
        earlier = resumption(before, retry=False)
        assert earlier.dropped == ()
        assert earlier.kept == before.measurements
        pool = FakePool(script())
        after = run_of(carry_out(pool, monkeypatch, earlier=earlier), earlier.kept)
        assert shape(after) == shape(run_of(whole))
        done = {(one.launch, one.case.id) for one in before.measurements}
        assert not done & set(pool.order())


def test_resumed_launches_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed decides each launch's order, whatever happened before it."""
    whole, again = FakePool(), FakePool()
    events = carry_out(whole, monkeypatch)
    first = next(index for index, event in enumerate(events) if isinstance(event, Started) and event.launch == 2)
    carry_out(again, monkeypatch, earlier=resumption(run_of(events[:first]), retry=False))
    assert again.order() == [one for one in whole.order() if one[0] > 1]


def test_set_that_was_cut_through_is_dropped_whole() -> None:
    """Half of it would be compared with slices from another hour."""
    run = made_run(TWO, [measured(CASE, 0, None), measured(OTHER, 0, None), measured(CASE, 1, SLICES)], finish=None)
    found = resumption(run, retry=False)
    assert found.dropped == ((1, CASE),)
    assert found.done == frozenset()
    assert set(found.pilot) == {CASE, OTHER}


def test_set_without_a_case_that_had_ended_is_whole() -> None:
    """What is skipped or broke in an earlier launch is not missed."""
    run = made_run(
        TWO, [hole(OTHER, 0, Outcome.SKIPPED, "x"), measured(CASE, 0, None), measured(CASE, 1, SLICES)], finish=None
    )
    found = resumption(run, retry=False)
    assert found.dropped == ()
    assert found.done == {(1, CASE.group)}
    assert found.ended == {OTHER}


@pytest.mark.parametrize(("retry", "kept"), [(False, True), (True, False)])
def test_fault_is_tried_again_only_if_asked(*, retry: bool, kept: bool) -> None:
    """What hung for five minutes would hang again; its whole group is then measured together."""
    run = made_run(TWO, [measured(CASE, 0, None), hole(OTHER, 0, Outcome.CRASHED, "SIGSEGV")], finish=None)
    found = resumption(run, retry=retry)
    assert (OTHER in found.ended) is kept
    assert (found.dropped == ()) is kept
    assert (CASE in found.pilot) is kept
