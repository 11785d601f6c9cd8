"""Fresh processes outermost, variants interleaved in random order, and nobody's fault is paid by others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain, groupby, pairwise
from typing import Any

import pytest

from bench.processes.local import WorkerDiedError, WorkerTimeoutError
from bench.protocol import (
    Drop,
    Failure,
    FindCeilings,
    FootprintTold,
    Prepare,
    ReadYardstick,
    Reply,
    Request,
    TellFootprint,
    TimeSlice,
    Verified,
    Verify,
    YardstickRead,
)
from bench.record.case import Case
from bench.record.conditions import Environment, Settings
from bench.record.run import CeilingsFound, Finish, Measured, Measurement, Outcome, Run, Started
from bench.run import schedule as schedule_module
from bench.run.schedule import SINGLES, Event, Schedule, Sliced
from tests.makers.doubles import FakePool, FakeWorker, breaks, case_of, ids
from tests.makers.runs import matrix

CASES = matrix(batches=(1, 64), dtypes=("float32", "bfloat16", "float16"))
GROUP = CASES[:3]
SETTINGS = Settings(launches=3, case_seconds=0.15)  # five sets of ten milliseconds in each launch


def running() -> None:
    """Go on."""


def carry_out(
    pool: FakePool,
    monkeypatch: pytest.MonkeyPatch,
    *,
    cases: Sequence[Case] = CASES,
    settings: Settings = SETTINGS,
    stop: Callable[[], str | None] = running,
    interleaved: bool = True,
) -> list[Event]:
    """Return the events of a run on the pool's clock."""
    monkeypatch.setattr(schedule_module, "monotonic", pool.clock)
    return list(Schedule(cases, settings, pool, stop=stop, begin=0.0, interleaved=interleaved).events())


def measured_in(events: Sequence[Event]) -> tuple[Measurement, ...]:
    """Return the measurements of a run, in the order in which they finished."""
    return tuple(chain.from_iterable(event.measurements for event in events if isinstance(event, Measured)))


def as_run(events: Sequence[Event], cases: Sequence[Case] = CASES) -> Run:
    """Return what the recorder would make of the events."""
    return Run(
        environment=Environment(facts={}),
        settings=SETTINGS,
        cases=tuple(cases),
        measurements=measured_in(events),
        started=tuple((event.launch, case) for event in events if isinstance(event, Started) for case in event.cases),
        finish=next(event for event in events if isinstance(event, Finish)),
    )


def launches_of(events: Sequence[Event], case: Case) -> list[int]:
    """Return the launches that have slices of a case."""
    return [one.launch for one in as_run(events).by_case()[case] if one.slices is not None]


def test_every_case_has_slices_from_every_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The launch is the replicate."""
    events = carry_out(FakePool(), monkeypatch)
    for case in CASES:
        assert launches_of(events, case) == [1, 2, 3]
    assert {outcome for outcome, _ in as_run(events).outcomes().values()} == {Outcome.MEASURED}
    assert events[-1] == replace(events[-1], complete=True, reason=None)


def test_launches_are_the_outer_loop_each_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed at 60 % has 60 % of every case."""
    pool = FakePool()
    carry_out(pool, monkeypatch)
    assert [launch for launch, _ in groupby(pool.order(), key=lambda one: one[0])] == [1, 2, 3]
    assert [worker.launch for worker in pool.opened] == [0, 1, 2, 3]
    assert not any(worker.alive for worker in pool.opened)


def test_every_set_times_each_variant_once_with_one_yardstick_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variants that are compared are timed within the same seconds, next to the state of the machine."""
    pool = FakePool()
    carry_out(pool, monkeypatch, cases=GROUP)
    timed = [request for _, request in pool.asked if isinstance(request, ReadYardstick | TimeSlice)]
    assert len(timed) == 3 * 5 * (1 + len(GROUP))
    for begin in range(0, len(timed), 1 + len(GROUP)):
        first, *rest = timed[begin : begin + 1 + len(GROUP)]
        assert isinstance(first, ReadYardstick)
        assert {request.case.id for request in rest} == ids(GROUP)


def test_order_within_sets_is_random_but_the_seeds_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixed order would give each variant the same predecessor; the same seed repeats the run."""

    def orders(seed: int) -> list[tuple[int, str]]:
        pool = FakePool()
        carry_out(pool, monkeypatch, settings=replace(SETTINGS, seed=seed, case_seconds=1.0))
        return pool.order()

    first = orders(1)
    assert first == orders(1)
    assert first != orders(2)
    mine = [name for launch, name in first if launch == 1 and name in ids(GROUP)]
    sets = Counter(tuple(mine[begin : begin + 3]) for begin in range(0, len(mine), 3))
    assert len(sets) > 3
    assert len({one[0] for one in sets}) == 3


def test_groups_take_their_turn_in_an_order_of_their_own_in_each_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine warms up in the course of a launch."""
    pool = FakePool()
    cases = matrix(batches=(1, 2, 4, 8, 16), dtypes=("float32",))
    carry_out(pool, monkeypatch, cases=cases, settings=replace(SETTINGS, launches=8))
    orders = {
        launch: tuple(dict.fromkeys(name for one, name in pool.order() if one == launch)) for launch in range(1, 9)
    }
    assert len(set(orders.values())) > 4
    for order in orders.values():
        assert set(order) == ids(cases)


def test_groups_are_not_interleaved_with_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set stays seconds long, and a group's memory is dropped before the next is prepared."""
    pool = FakePool()
    carry_out(pool, monkeypatch)
    groups = [group for group, _ in groupby(pool.order(), key=lambda one: (one[0], one[1].partition("-cpu")[0]))]
    assert len(groups) == len(set(groups)) == 3 * 2
    assert len(pool.requests(Drop)) == (1 + 3) * 2


def test_slow_case_sits_out_some_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case gets the same time, not the same number of slices."""
    slow = GROUP[0]

    def script(worker: FakeWorker, request: Request[Any]) -> Reply | None:
        if isinstance(request, Prepare) and request.case == slow:
            return replace(worker.prepared(request), estimate_seconds=0.03)
        return None

    pool = FakePool(script)
    events = carry_out(pool, monkeypatch, cases=GROUP, settings=replace(SETTINGS, case_seconds=1.0))
    timed = [measurement for measurement in as_run(events, GROUP).measurements if measurement.slices is not None]
    assert Counter(measurement.case for measurement in timed) == dict.fromkeys(GROUP, SETTINGS.launches)
    for measurement in timed:
        assert measurement.slices is not None
        assert measurement.slices.iterations == (1 if measurement.case == slow else 10)
        assert len(measurement.slices.seconds) == (11 if measurement.case == slow else 33)
        assert measurement.slices.set_index[-1] == 32


def test_without_interleaving_each_variant_is_timed_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """--unsteady interleaved shows what interleaving buys."""
    pool = FakePool()
    carry_out(pool, monkeypatch, cases=GROUP, interleaved=False)
    for launch in (1, 2, 3):
        names = [name for one, name in pool.order() if one == launch]
        assert len([name for name, _ in groupby(names)]) == 3
        assert Counter(names) == dict.fromkeys(ids(GROUP), 5)


def test_slices_are_recorded_as_they_were_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Observations are stored in run order, with what surrounded each."""
    numbers = iter(range(1, 10_000))

    def script(worker: FakeWorker, request: Request[Any]) -> Reply | None:
        if isinstance(request, TimeSlice):
            return replace(worker.timing(request), seconds=float(next(numbers)), minor_faults=7)
        return YardstickRead(seconds=float(next(numbers))) if isinstance(request, ReadYardstick) else None

    pool = FakePool(script)
    monkeypatch.setattr(schedule_module, "monotonic", pool.clock)
    events = list(Schedule(GROUP, SETTINGS, pool, stop=running, begin=-50.0).events())
    live = {(event.launch, event.case): [] for event in events if isinstance(event, Sliced)}
    for event in events:
        if isinstance(event, Sliced):
            live[event.launch, event.case].append(event.seconds)
    for one in as_run(events, GROUP).measurements:
        if one.slices is None:
            continue
        assert list(one.slices.seconds) == live.pop((one.launch, one.case))
        assert one.slices.set_index == (0, 1, 2, 3, 4)
        assert one.slices.minor_faults == (7,) * 5
        assert all(start > 50 for start in one.slices.started_seconds)
        assert all(before < after for before, after in pairwise(one.slices.started_seconds))
        assert all(
            0 < seconds - yardstick <= len(GROUP)
            for seconds, yardstick in zip(one.slices.seconds, one.slices.yardstick_seconds, strict=True)
        )
    assert not live


def test_steal_that_the_system_does_not_tell_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never 0: absent is None."""

    def script(worker: FakeWorker, request: Request[Any]) -> Reply | None:
        return replace(worker.timing(request), stolen_seconds=None) if isinstance(request, TimeSlice) else None

    events = carry_out(FakePool(script), monkeypatch, cases=GROUP)
    assert {one.slices.stolen_seconds for one in as_run(events, GROUP).measurements if one.slices} == {None}


BREAKS = {
    "crash": (WorkerDiedError("SIGSEGV"), Outcome.CRASHED),
    "timeout": (WorkerTimeoutError("late"), Outcome.TIMEOUT),
    "wrong-result": (Failure(outcome=Outcome.WRONG_RESULT, reason="off by 1"), Outcome.WRONG_RESULT),
    "skip": (Failure(outcome=Outcome.SKIPPED, reason="no compiler"), Outcome.SKIPPED),
    "out-of-memory": (Failure(outcome=Outcome.OUT_OF_MEMORY, reason="too big"), Outcome.OUT_OF_MEMORY),
}


@pytest.mark.parametrize(("how", "outcome"), BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize(
    ("doing", "launch", "after"),
    [(Prepare, 0, 0), (Prepare, 2, 0), (TimeSlice, 1, 0), (TimeSlice, 2, 3), (Verify, 2, 0)],
    ids=["pilot", "preparing-later", "first-slice", "within-sets", "after-the-last-slice"],
)
@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "middle", "last"])
def test_case_that_breaks_has_its_outcome_and_the_others_all_their_launches(
    place: int,
    doing: type[Request[Any]],
    launch: int,
    after: int,
    how: Failure | Exception,
    outcome: Outcome,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Containment: a fault costs its case an outcome and the run nothing."""
    broken = GROUP[place]
    pool = FakePool(breaks(broken, how, doing=doing, launch=launch, after=after))
    events = carry_out(pool, monkeypatch)
    outcomes = as_run(events).outcomes()
    assert outcomes.pop(broken)[0] is (Outcome.MEASURED if outcome is Outcome.SKIPPED and launch == 2 else outcome)
    assert {found for found, _ in outcomes.values()} == {Outcome.MEASURED}
    for case in CASES:
        assert launches_of(events, case) == [one for one in (1, 2, 3) if case != broken or one < launch]
    assert all(launch_ <= launch for launch_, name in pool.order() if name == broken.id)


def test_every_case_is_verified_once_after_its_last_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each launch, by whoever timed it; the errors are the worse of before and after."""
    worse = Verified(relative_errors={"logits": 0.25, "loss": 0.0}, seconds=5.0)
    pool = FakePool(lambda _, request: worse if isinstance(request, Verify) else None)
    events = carry_out(pool, monkeypatch)
    kinds: dict[tuple[int, Case], list[type]] = {}
    for worker, request in pool.asked:
        if worker.launch > 0 and (case := case_of(request)) is not None:
            kinds.setdefault((worker.number, case), []).append(type(request))
    assert len(kinds) == 3 * len(CASES)
    assert all((asked[-1], asked.count(Verify)) == (Verify, 1) for asked in kinds.values())
    timed = [one for one in as_run(events).measurements if one.slices and one.preparation]
    assert {one.preparation.relative_errors["logits"] for one in timed if one.preparation} == {0.25}
    assert all(one.preparation.verify_seconds > 5.0 for one in timed if one.preparation)


def test_what_a_models_code_leaves_behind_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named beside the figure that it may explain."""
    told = FootprintTold(state={"threads": "2 -> 1"}, outside={"helper": "/a/helper.py"})
    pool = FakePool(lambda _, request: told if isinstance(request, TellFootprint) else None)
    notes = {one.notes for one in as_run(carry_out(pool, monkeypatch)).measurements if one.slices}
    assert notes == {
        ("the model's code changed threads: 2 -> 1", "the model's code uses helper from /a/helper.py"),
    }


def test_what_a_models_code_leaves_behind_and_cannot_be_told_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that fails at this did not leave nothing behind."""
    failure = Failure(outcome=Outcome.FAILED, reason="KeyError: 'x'")
    pool = FakePool(lambda _, request: failure if isinstance(request, TellFootprint) else None)
    notes = {one.notes for one in as_run(carry_out(pool, monkeypatch)).measurements if one.slices}
    assert notes == {("what the model's code left behind cannot be told: KeyError: 'x'",)}


def test_each_model_has_a_fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one model's code does to its process reaches no other."""
    pool = FakePool()
    carry_out(pool, monkeypatch, cases=(*CASES, *(replace(case, model="mlp-wide") for case in CASES)))
    models: dict[int, set[str]] = {}
    for worker, request in pool.requests(Prepare):
        models.setdefault(worker.number, set()).add(request.case.model)
    assert len(models) == 2 * (1 + 3)
    assert all(len(names) == 1 for names in models.values())


def test_case_that_broke_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What hung for five minutes would hang in every launch."""
    pool = FakePool(breaks(GROUP[0], WorkerTimeoutError("late"), doing=Prepare, launch=0))
    carry_out(pool, monkeypatch)
    tries = [request for _, request in pool.requests(Prepare) if request.case == GROUP[0]]
    assert len(tries) == 1


def test_group_in_which_everything_breaks_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """No endless retry, and the other group is measured."""

    def script(worker: FakeWorker, request: Request[Any]) -> Exception | None:
        mine = isinstance(request, Prepare) and request.case in GROUP
        return WorkerDiedError("SIGILL") if mine and worker.launch == 1 else None

    events = carry_out(FakePool(script), monkeypatch)
    outcomes = as_run(events).outcomes()
    assert {case for case, (outcome, _) in outcomes.items() if outcome is Outcome.CRASHED} == set(GROUP)
    assert {outcomes[case][0] for case in CASES[3:]} == {Outcome.MEASURED}


def test_yardstick_that_breaks_costs_one_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are prepared again in a fresh worker."""
    left = [1]

    def script(worker: FakeWorker, request: Request[Any]) -> Exception | None:
        if isinstance(request, ReadYardstick) and worker.launch == 2 and left:
            left.pop()
            return WorkerDiedError("SIGBUS")
        return None

    events = carry_out(FakePool(script), monkeypatch)
    assert Counter(outcome for outcome, _ in as_run(events).outcomes().values()) == {
        Outcome.MEASURED: len(CASES) - 1,
        Outcome.CRASHED: 1,
    }


@pytest.mark.parametrize("requests", range(1, 60, 7))
def test_stop_ends_in_order(requests: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished measurements stay, what was in flight is interrupted, no worker is left, and the end has its reason."""
    pool = FakePool()
    events = carry_out(pool, monkeypatch, stop=lambda: "stopped by SIGINT" if len(pool.asked) >= requests else None)
    assert isinstance(events[-1], Finish)
    assert (events[-1].complete, events[-1].stopped, events[-1].reason) == (False, True, "stopped by SIGINT")
    assert len([request for _, request in pool.asked if not isinstance(request, Drop)]) <= requests
    assert not any(worker.alive for worker in pool.opened)
    outcomes = {outcome for outcome, _ in as_run(events).outcomes().values()}
    assert outcomes <= {Outcome.MEASURED, Outcome.INTERRUPTED, Outcome.NOT_RUN}


def test_worker_leaves_when_the_consumer_of_events_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk ends the run from outside."""
    pool = FakePool()
    monkeypatch.setattr(schedule_module, "monotonic", pool.clock)
    events = Schedule(CASES, SETTINGS, pool, stop=running, begin=0.0).events()
    next(event for event in events if isinstance(event, Sliced))
    events.close()  # type: ignore[attr-defined]
    assert not any(worker.alive for worker in pool.opened)


def test_absent_device_skips_its_cases_with_one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU's cases are measured as if nothing were."""
    pool = FakePool(absent={"cuda": "cuda is not usable here: no driver"})
    cases = matrix(devices=("cpu", "cuda"), batches=(1, 64))
    outcomes = as_run(carry_out(pool, monkeypatch, cases=cases), cases).outcomes()
    for case in cases:
        expected = (Outcome.MEASURED, None) if case.device == "cpu" else (Outcome.SKIPPED, pool.absent["cuda"])
        assert outcomes[case] == expected
    assert pool.refused == ["cuda"]


def test_each_device_has_a_worker_of_its_own_in_each_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker holds one device."""
    pool = FakePool()
    cases = matrix(devices=("cpu", "vulkan"))
    carry_out(pool, monkeypatch, cases=cases)
    assert Counter((worker.device, worker.launch) for worker in pool.opened) == {
        (device, launch): 1 for device in ("cpu", "vulkan") for launch in range(4)
    }
    for worker, request in pool.requests(TimeSlice):
        assert request.case.device == worker.device


def test_quick_prepares_each_case_once_and_times_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes no claim about time."""
    pool = FakePool()
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, quick=True))
    assert {type(request) for _, request in pool.asked} == {Prepare, Drop}
    assert len(pool.requests(Prepare)) == len(CASES)
    assert [one.launch for one in measured_in(events)] == [0] * len(CASES)
    assert not any(isinstance(event, Sliced) for event in events)


def test_budget_that_ends_says_after_how_many_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer replicates, honestly counted, instead of a run that overstays."""
    pool = FakePool()
    pool.seconds[Prepare] = 2.0
    events = carry_out(pool, monkeypatch, settings=Settings(launches=8, budget_seconds=40.0))
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert not finish.complete
    assert not finish.stopped
    done = max(one.launch for one in measured_in(events))
    assert finish.reason == f"the budget of 40 s ended after {done} of 8 launches"
    assert 1 <= done < 8
    assert finish.wall_seconds <= 40.0 * 1.1


def test_budget_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """--budget spreads the time over all launches: neither an early end nor an idle rest."""
    pool = FakePool()
    events = carry_out(pool, monkeypatch, settings=Settings(launches=8, budget_seconds=60.0))
    finish = events[-1]
    assert isinstance(finish, Finish)
    assert finish.complete
    assert 50 < finish.wall_seconds < 66


def test_budget_is_filled_though_the_forecast_was_pessimistic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warm-up of the pilot counts as a launch's overhead; the launches themselves may be faster."""
    pool = FakePool()

    def script(worker: FakeWorker, request: Request[Any]) -> Reply | None:
        if not isinstance(request, Prepare) or worker.launch:
            return None
        return replace(worker.prepared(request), warmup_seconds=3.0)

    pool.script = script
    finish = carry_out(pool, monkeypatch, settings=Settings(launches=8, budget_seconds=60.0))[-1]
    assert isinstance(finish, Finish)
    assert finish.wall_seconds > 45


def test_launch_that_executes_a_launcher_starves_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only some launches cost is forecast and shared: every launch is about as long a look at each case."""
    pool = FakePool(execution=6.0)
    events = carry_out(pool, monkeypatch, settings=Settings(launches=8, budget_seconds=90.0))
    counts = Counter(launch for launch, _ in pool.order())
    assert len(counts) == 8
    assert max(counts.values()) < 1.25 * min(counts.values())
    assert isinstance(events[-1], Finish)
    assert 80 < events[-1].wall_seconds < 99


def test_finish_accounts_for_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share outside slices, warm-up and compile is printed; it must be made of what happened."""
    pool = FakePool(compile_seconds=2.5)
    cases = matrix(compiles=("off", "on"))
    events = carry_out(pool, monkeypatch, cases=cases)
    finish = events[-1]
    assert isinstance(finish, Finish)
    made = as_run(events, cases).measurements
    timed = sum(sum(one.slices.seconds) * one.slices.iterations for one in made if one.slices)
    assert finish.slice_seconds == pytest.approx(timed)
    assert finish.warmup_seconds == pytest.approx(
        sum(one.preparation.warmup_seconds for one in made if one.preparation)
    )
    first_calls = sum(one.preparation.first_call_seconds for one in made if one.preparation and one.case.compiled)
    assert finish.compile_seconds == pytest.approx(2.5 + first_calls)
    assert finish.wall_seconds == pool.now


def test_cases_are_marked_as_started_before_they_are_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a crash, those in flight are known."""
    pool = FakePool()
    monkeypatch.setattr(schedule_module, "monotonic", pool.clock)
    begun: dict[int, set[str]] = defaultdict(set)
    seen = 0
    for event in Schedule(CASES, SETTINGS, pool, stop=running, begin=0.0).events():
        for worker, request in pool.asked[seen:]:
            if isinstance(request, Prepare):
                assert request.case.id in begun[worker.launch]
        seen = len(pool.asked)
        if isinstance(event, Started):
            begun[event.launch] |= ids(event.cases)
    assert dict(begun) == {launch: ids(CASES) for launch in range(SETTINGS.launches + 1)}


def test_no_cases_are_a_run_that_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was asked for, nothing was started."""
    pool = FakePool()
    (finish,) = carry_out(pool, monkeypatch, cases=())
    assert isinstance(finish, Finish)
    assert finish.complete
    assert not pool.opened


def test_ceilings_are_swept_at_the_beginning_and_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every dtype of the device's cases, before anything of that launch is timed."""
    pool = FakePool()
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    swept = [(worker.launch, request.dtypes) for worker, request in pool.requests(FindCeilings)]
    assert [launch for launch, _ in swept] == [1, 5]
    assert {frozenset(dtypes) for _, dtypes in swept} == {frozenset({"float32", "bfloat16", "float16"})}
    found = [event for event in events if isinstance(event, CeilingsFound)]
    assert [(one.launch, one.dtype) for one in found[1].ceilings][-1] == (5, None)
    first = next(request for worker, request in pool.asked if worker.launch == 1)
    assert isinstance(first, FindCeilings)


def test_ceiling_that_breaks_the_worker_costs_no_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its reason, and every case all its launches."""

    def script(_: FakeWorker, request: Request[Any]) -> Exception | None:
        return WorkerDiedError("the worker's process ended with SIGSEGV") if isinstance(request, FindCeilings) else None

    events = carry_out(FakePool(script=script), monkeypatch)
    found = next(event for event in events if isinstance(event, CeilingsFound))
    assert {one.reason for one in found.ceilings} == {"ceilings: the worker's process ended with SIGSEGV"}
    assert all(launches_of(events, case) == [1, 2, 3] for case in CASES)


def test_quick_run_sweeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is timed."""
    pool = FakePool()
    carry_out(pool, monkeypatch, settings=replace(SETTINGS, quick=True))
    assert pool.requests(FindCeilings) == []


def test_queued_slices_of_an_accelerator_are_followed_by_single_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backward is waited for one by one anyway, and a CPU queues nothing."""
    pool = FakePool()
    cases = matrix(steps=("forward", "backward"), devices=("cpu", "cuda:1"), dtypes=("float32",))
    events = carry_out(pool, monkeypatch, cases=cases)
    asked = {request.case.id: request.singles for _, request in pool.requests(TimeSlice)}
    assert {case.id: asked[case.id] for case in cases} == {
        case.id: SINGLES if case.device != "cpu" and case.step == "forward" else 0 for case in cases
    }
    timed = {
        measurement.case.id: measurement.slices.latency_seconds is not None
        for measurement in measured_in(events)
        if measurement.slices is not None
    }
    assert timed == {case_id: singles > 0 for case_id, singles in asked.items()}


def test_lowered_clocks_are_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reason once, however many slices saw it."""

    def script(worker: FakeWorker, request: Request[Any]) -> Reply | None:
        return (
            replace(worker.timing(request), throttled=("the temperature",)) if isinstance(request, TimeSlice) else None
        )

    events = carry_out(FakePool(script=script), monkeypatch)
    notes = {one.notes for one in measured_in(events) if one.slices}
    assert notes == {("the device lowered its clocks while it was timed: the temperature",)}


def test_code_that_is_changed_in_between_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The launches before it stand, and no figure is of two codes."""
    pool = FakePool()
    monkeypatch.setattr(schedule_module, "monotonic", pool.clock)
    schedule = Schedule(
        CASES,
        SETTINGS,
        pool,
        stop=running,
        begin=0.0,
        find_change=lambda: "models/mlp.py" if pool.opened[-1].launch == 2 else None,
    )
    events = list(schedule.events())
    assert isinstance(events[-1], Finish)
    assert (events[-1].stopped, events[-1].reason) == (
        True,
        "models/mlp.py was changed while it was measured: begin a new run",
    )
    assert {one.launch for one in as_run(events).measurements} == {0, 1}
    assert not any(worker.alive for worker in pool.opened)
