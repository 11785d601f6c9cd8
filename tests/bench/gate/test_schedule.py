"""Two arms compared, without processes: who is timed when, what a fault costs, and when it is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby, pairwise, permutations
from math import exp
from random import Random
from typing import Any

import pytest

from bench.gate import block as quads_module
from bench.gate import schedule as blocks_module
from bench.gate.block import LEAST_QUADS, MOST_QUADS, Turn, plan_of
from bench.gate.schedule import Blocks, Event
from bench.processes.local import WorkerDiedError
from bench.protocol import (
    RESUMED_LEAD,
    Count,
    Failure,
    FootprintTold,
    Prepare,
    Request,
    TellFootprint,
    TimeSlice,
    Verify,
)
from bench.record.arm import Arm, Side
from bench.record.case import Case
from bench.record.conditions import Settings
from bench.record.gate import Block, Contest, Counts, Ending, Fault, Footprint, Looked, Opened, Pairing, Plan, Share
from bench.record.looks import ALONE, LOOKS
from bench.record.run import Outcome
from tests.makers.doubles import FakeArms, FakeWorker, Script, case_of
from tests.makers.gates import CASES

SETTINGS = Settings(launches=60, budget_seconds=10_000.0)
ARMS = {Side.BASE: Arm(ref="main"), Side.HEAD: Arm()}


def carry_out(
    pool: FakeArms,
    monkeypatch: pytest.MonkeyPatch,
    *,
    settings: Settings = SETTINGS,
    cases: tuple[Case, ...] = CASES,
    settled: Callable[[], bool] = lambda: False,
    foresee: Callable[[Block, float], int | None] = lambda *_: None,
    stop: Callable[[], str | None] = lambda: None,
    arms: dict[Side, Arm] | None = None,
    plan: Plan | None = None,
    done: int = 0,
    target: int | None = None,
) -> list[Event]:
    """Return the events of a gate."""
    monkeypatch.setattr(blocks_module, "monotonic", pool.clock)
    monkeypatch.setattr(quads_module, "monotonic", pool.clock)
    pool.timeout_seconds, pool.budget_seconds = settings.timeout_seconds, settings.budget_seconds
    blocks = Blocks(
        cases,
        settings,
        arms or ARMS,
        workers=pool,
        settled=settled,
        foresee=foresee,
        stop=stop,
        begin=0.0,
        floors=dict.fromkeys((case.id for case in cases), 0.02),
        random=Random(1),
        plan=plan,
        done=done,
        target=target,
    )
    events = []
    for event in blocks.events():
        assert not any(worker.alive and worker.awake for worker in pool.opened if worker.launch > 0) or isinstance(
            event, Turn | Fault | Counts | Opened
        )
        events.append(event)
    assert not any(worker.alive for worker in pool.opened), "a worker was left"
    return events


def blocks_in(events: list[Event]) -> list[Block]:
    """Return the blocks."""
    return [event for event in events if isinstance(event, Block)]


def ending_of(events: list[Event]) -> Ending:
    """Return how it ended."""
    assert isinstance(events[-1], Ending)
    return events[-1]


def test_both_arms_are_made_ready_and_counted_before_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faults and first compiles show before anything is timed."""
    events = carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, launches=8))
    counted = [(event.side, event.case) for event in events if isinstance(event, Counts)]
    assert counted == [(side, case) for side in Side for case in CASES]
    assert events.index(next(event for event in events if isinstance(event, Plan))) > len(counted)


def test_block_holds_every_case_in_quads_and_the_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Base, head, head, base, or the other way round, by coin."""
    events = carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, launches=8))
    plan = next(event for event in events if isinstance(event, Plan))
    for block in blocks_in(events):
        contests = Counter(one.contest for one in block.pairings)
        assert contests == {Contest.ARMS: len(CASES), Contest.SAME: 1, Contest.SLOWED: 1}
        assert {one.case for one in block.pairings if one.contest is not Contest.ARMS} == {plan.control}
        for one in block.pairings:
            quads = next(share.quads for share in plan.shares if share.case == one.case)
            assert len(one.base_outside) == quads
    outside = [one for block in blocks_in(events) for pairing in block.pairings for one in pairing.base_outside]
    assert 0.3 < sum(outside) / len(outside) < 0.7


def test_slices_come_in_the_order_of_their_quads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was recorded as ABBA was asked as ABBA."""
    pool = FakeArms()
    events = carry_out(pool, monkeypatch, cases=CASES[:1], settings=replace(SETTINGS, launches=8))
    assert len(blocks_in(events)) == 8
    for block in blocks_in(events)[1:]:  # the pilot's workers are of launch 1 too
        asked = [worker.side is Side.BASE for worker, _ in pool.requests(TimeSlice) if worker.launch == block.index]
        recorded = {
            one.contest: [flag for outside in one.base_outside for flag in (outside, not outside, not outside, outside)]
            for one in block.pairings
        }
        assert len(asked) == sum(map(len, recorded.values()))
        heads = [number for number, is_base in enumerate(asked) if not is_base]
        assert any(
            heads == [number for number, flag in enumerate(head_places(recorded, order)) if flag]
            for order in permutations(Contest)
        )


def head_places(recorded: dict[Contest, list[bool]], order: Sequence[Contest]) -> list[bool]:
    """Return where head's own worker is asked if the contests come in this order: the controls are base's workers."""
    return [contest is Contest.ARMS and not is_base for contest in order for is_base in recorded[contest]]


def test_roles_and_slots_are_drawn_anew_for_each_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """The coin is what the test of significance rests on."""
    pool = FakeArms()
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=32))
    coins = [block.base_first for block in blocks_in(events)]
    assert 8 < sum(coins) < 24
    for block in blocks_in(events)[1:]:
        of_block = [worker for worker in pool.opened if worker.launch == block.index]
        heads = {worker.first for worker in of_block if worker.side is Side.HEAD}
        assert heads == {not block.base_first}


def test_workers_are_fresh_in_every_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block is a launch of every arm, and two of base for the control."""
    pool = FakeArms()
    carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    by_launch = Counter((worker.launch, worker.side) for worker in pool.opened)
    assert all(by_launch[launch, Side.HEAD] == 1 and by_launch[launch, Side.BASE] == 3 for launch in range(2, 9))


def test_slice_has_a_lead_where_its_process_was_suspended_or_its_network_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of slices that follow each other in one process and place, only the first has one."""
    times: list[tuple[FakeWorker, int, TimeSlice]] = []

    def note(worker: FakeWorker, request: Request[Any]) -> None:
        if isinstance(request, TimeSlice):
            times.append((worker, worker.suspended, request))

    carry_out(FakeArms(script=note), monkeypatch, settings=replace(SETTINGS, launches=8))
    leads = [request.lead for _, _, request in times]
    whole = max(1, times[0][2].iterations // RESUMED_LEAD)
    goes_on = [
        (worker.number, suspended, request.case) == (before.number, suspended_before, request_before.case)
        for (before, suspended_before, request_before), (worker, suspended, request) in pairwise(times)
    ]
    assert 0.3 < sum(goes_on) / len(times) < 0.45  # one in each quad, and at half of the borders of quads
    moved = [request.moved for _, _, request in times[1:]]
    assert leads == [whole, *(0 if on and not away else whole for on, away in zip(goes_on, moved, strict=True))]


def test_network_moves_in_each_process_before_each_quad(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both slices of a side in a quad are of one place, and no two quads are."""
    times: list[tuple[int, TimeSlice]] = []

    def note(worker: FakeWorker, request: Request[Any]) -> None:
        if isinstance(request, TimeSlice):
            times.append((worker.number, request))

    carry_out(FakeArms(script=note), monkeypatch, settings=replace(SETTINGS, launches=8))
    assert len(times) % 4 == 0
    for first in range(0, len(times), 4):
        quad = times[first : first + 4]
        numbers = [number for number, _ in quad]
        assert numbers[0] == numbers[3] != numbers[1] == numbers[2]
        assert [request.moved for _, request in quad] == [True, True, False, False]


@pytest.mark.parametrize(("slice_seconds", "quads"), [(0.001, 16), (0.0025, 9), (0.006, 4), (0.5, 3)])
def test_case_has_so_many_quads_that_its_slices_take_their_share_of_a_block(slice_seconds: float, quads: int) -> None:
    """Short slices are many; of slow cases there are three quads all the same."""
    pilot = made_pilot({CASES[0]: slice_seconds})
    (share,) = plan_of(pilot, CASES[0], 0.02).shares
    assert share.quads == quads


def test_noisier_case_has_more_quads_and_a_longer_slice_is_no_noise() -> None:
    """Of two cases that scatter alike in equal times, each gets as much time."""
    calm, wild = CASES[:2]
    even = plan_of(made_pilot({calm: 0.0025, wild: 0.0025}, scatter={calm: 0.02, wild: 0.06}), calm, 0.02)
    assert [share.quads for share in even.shares] == [4, 14]
    shorter = plan_of(made_pilot({calm: 0.004, wild: 0.001}, scatter={calm: 0.02, wild: 0.04}), calm, 0.02)
    assert [share.quads for share in shorter.shares] == [6, 16]


def made_pilot(seconds: dict[Case, float], *, scatter: dict[Case, float] | None = None) -> Block:
    """Return a pilot whose slices of ten iterations take so long, and whose quads scatter so much."""
    pairings = []
    for case, whole in seconds.items():
        off = (scatter or {}).get(case, 0.02) / 1.4826
        head = [whole / 10 * exp(off * (1 if quad % 2 else -1)) for quad in range(8) for _ in range(2)]
        pairings.append(
            Pairing(
                case=case,
                contest=Contest.ARMS,
                iterations=10,
                base_outside=(True,) * 8,
                base_seconds=(whole / 10,) * 16,
                head_seconds=tuple(head),
                yardstick_seconds=1e-4,
                involuntary_switches=0,
                stolen_seconds=0.0,
            )
        )
    return Block(index=0, base_first=True, wall_seconds=1.0, pairings=tuple(pairings))


def test_case_in_a_block_is_warmed_up_by_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes is known before the first block; until it settles it is warmed up where that is found out."""
    pool = FakeArms()
    carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    opening = [request.warm_iterations for worker, request in pool.requests(Prepare) if worker.launch == 0]
    blocks = [request.warm_iterations for worker, request in pool.requests(Prepare) if worker.launch > 1]
    slices = {request.iterations for _, request in pool.requests(TimeSlice)}
    assert set(opening[: len(CASES)]) == {None}
    assert set(blocks) == slices


def test_only_the_control_is_slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only in its own contest, in the process that stands for head there."""
    pool = FakeArms()
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    plan = next(event for event in events if isinstance(event, Plan))
    slowed = [(worker, request) for worker, request in pool.requests(TimeSlice) if request.slowdown]
    assert slowed
    assert {request.case for _, request in slowed} == {plan.control}
    assert {worker.side for worker, _ in slowed} == {Side.BASE}
    for block in blocks_in(events):
        one = next(pairing for pairing in block.pairings if pairing.contest is Contest.SLOWED)
        assert min(one.head_seconds) > max(one.base_seconds)


def test_looks_are_where_the_design_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """They depend on nothing that was seen."""
    events = carry_out(FakeArms(), monkeypatch)
    assert [event.blocks for event in events if isinstance(event, Looked)] == [look.blocks for look in LOOKS]
    assert len(blocks_in(events)) == 60
    assert ending_of(events).broken is False


def test_last_look_is_where_the_budget_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that were paid for are looked at."""
    pool = FakeArms()
    pool.seconds[Prepare] = 0.1
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, budget_seconds=80.0))
    made = len(blocks_in(events))
    assert 8 < made < 60
    looks = [event.blocks for event in events if isinstance(event, Looked)]
    assert looks == [*(look.blocks for look in LOOKS if look.blocks < made), made]
    assert ending_of(events).reason == "the budget of 80 s ended"
    assert ending_of(events).wall_seconds <= 81


def test_budget_for_too_few_blocks_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to do."""
    pool = FakeArms()
    pool.seconds[Prepare] = 2.0
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, budget_seconds=60.0))
    assert not [event for event in events if isinstance(event, Looked)]
    assert ending_of(events).broken
    assert "a verdict takes 8, here about 390 s in all: raise --budget" in ending_of(events).reason


def test_budget_is_exceeded_a_little_for_the_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven blocks are worth nothing; what would take longer than a quarter more is not begun."""
    seconds = next(event.wall_seconds for event in carry_out(FakeArms(), monkeypatch) if isinstance(event, Block))
    before = opening_seconds(monkeypatch)
    needed = before + 8 * seconds
    events = carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, budget_seconds=needed / 1.2))
    assert [event.blocks for event in events if isinstance(event, Looked)] == [8]
    assert not ending_of(events).broken
    events = carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, budget_seconds=needed / 1.35))
    assert ending_of(events).broken
    assert ending_of(events).wall_seconds <= needed / 1.35


def opening_seconds(monkeypatch: pytest.MonkeyPatch) -> float:
    """Return how long fake arms take until their pilot has ended."""
    told: list[float] = []

    def foresee(_: Block, seconds: float) -> None:
        told.append(seconds)

    carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, launches=8), foresee=foresee)
    return told[0]


def test_pilots_scatter_may_say_after_how_many_blocks_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told the pilot, which is block 0 and judged by nobody, once; the looks stay where they are."""
    pilots: list[Block] = []

    def foresee(pilot: Block, seconds: float) -> int:
        pilots.append(pilot)
        assert seconds >= pilot.wall_seconds
        return 16

    events = carry_out(FakeArms(), monkeypatch, foresee=foresee)
    assert [pilot.index for pilot in pilots] == [0]
    assert [block.index for block in blocks_in(events)] == list(range(1, 17))
    assert [event.blocks for event in events if isinstance(event, Looked)] == [8, 16]
    assert next(event for event in events if isinstance(event, Plan)).blocks == 16
    assert ending_of(events).reason == "16 blocks are what their scatter asks for"
    assert not ending_of(events).broken


def test_budget_that_ends_before_the_pilots_number_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is the most, and not a promise."""
    events = carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, budget_seconds=80.0), foresee=lambda *_: 60)
    assert len(blocks_in(events)) < 60
    assert ending_of(events).reason == "the budget of 80 s ended"


def test_it_ends_at_the_look_that_settles_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is not spent on what is known."""
    events = carry_out(FakeArms(), monkeypatch, settled=lambda: True)
    assert len(blocks_in(events)) == ALONE.least_blocks
    assert ending_of(events) == Ending(
        reason="every case is settled", broken=False, stopped=False, wall_seconds=ending_of(events).wall_seconds
    )


def test_a_block_is_a_launch_to_whoever_makes_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool executes its launchers anew every so many launches, and added blocks count on."""
    pool = FakeArms()
    plan = next(event for event in carry_out(FakeArms(), monkeypatch) if isinstance(event, Plan))
    carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=3), plan=plan, done=30)
    assert [launch for launch, _ in groupby(worker.launch for worker in pool.opened)] == [0, 31, 32, 33]


def test_noisy_case_gets_more_quads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared out by the pilot, which is discarded."""
    pool = FakeArms()
    usual = pool.slice_seconds

    def restless(worker: FakeWorker, request: TimeSlice) -> float:
        noise = 0.2 if request.case == CASES[0] else 0.01
        return usual(worker, request) * (1 + noise * pool.random.random())

    monkeypatch.setattr(pool, "slice_seconds", restless)
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    plan = next(event for event in events if isinstance(event, Plan))
    quads = {share.case: share.quads for share in plan.shares}
    assert quads[CASES[0]] == MOST_QUADS
    assert all(LEAST_QUADS <= count < MOST_QUADS for case, count in quads.items() if case != CASES[0])
    assert blocks_in(events)[0].index == 1


def breaks_in(
    side: Side, case: Case, how: Failure | Exception, *, doing: type[Request[Any]], launch: int
) -> Callable[..., object]:
    """Return a script in which one case breaks in one arm and block."""

    def script(worker: FakeWorker, request: Request[Any]) -> Failure | Exception | None:
        mine = case_of(request) == case
        return how if mine and (worker.side, worker.launch, type(request)) == (side, launch, doing) else None

    return script


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(
    ("how", "outcome"),
    [
        (Failure(outcome=Outcome.WRONG_RESULT, reason="off"), Outcome.WRONG_RESULT),
        (WorkerDiedError("SIGSEGV"), Outcome.CRASHED),
    ],
    ids=["wrong", "crashed"],
)
def test_fault_before_the_first_block_costs_its_case_only(
    side: Side, how: Failure | Exception, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named with its arm."""
    pool = FakeArms()
    pool.script = breaks_in(side, CASES[1], how, doing=Prepare, launch=0)
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    (fault,) = (event for event in events if isinstance(event, Fault))
    assert (fault.side, fault.case, fault.block, fault.outcome) == (side, CASES[1], 0, outcome)
    assert {one.case for block in blocks_in(events) for one in block.pairings} == set(CASES) - {CASES[1]}
    assert len(blocks_in(events)) == 8


@pytest.mark.parametrize("doing", [Prepare, TimeSlice])
def test_fault_in_a_block_throws_that_block_away(doing: type[Request[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """A row with a hole is no row; the block is made again without the case."""
    pool = FakeArms()
    plan = next(
        event
        for event in carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, launches=8))
        if isinstance(event, Plan)
    )
    broken = next(case for case in CASES if case != plan.control)
    pool.script = breaks_in(Side.HEAD, broken, WorkerDiedError("SIGKILL"), doing=doing, launch=3)
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    (fault,) = (event for event in events if isinstance(event, Fault))
    assert (fault.block, fault.outcome) == (3, Outcome.CRASHED)
    made = blocks_in(events)
    assert [block.index for block in made] == list(range(1, 9))
    assert all(broken in {one.case for one in block.pairings} for block in made[:2])
    assert all(broken not in {one.case for one in block.pairings} for block in made[2:])


def test_fault_of_the_control_case_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its controls a gate proves nothing."""
    found = carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, launches=8))
    control = next(event for event in found if isinstance(event, Plan)).control
    pool = FakeArms()
    pool.script = breaks_in(Side.BASE, control, WorkerDiedError("SIGKILL"), doing=TimeSlice, launch=3)
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    assert ending_of(events).broken
    assert control.id in ending_of(events).reason


def test_cases_of_two_devices_are_timed_on_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker serves the device that it opened; those of a device come one after the other."""
    cases = (*CASES[:2], *(replace(case, device="cuda") for case in CASES[:2]))
    pool = FakeArms()
    events = carry_out(pool, monkeypatch, cases=cases, settings=replace(SETTINGS, launches=8))
    for block in blocks_in(events):
        devices = [one.case.device for one in block.pairings if one.contest is Contest.ARMS]
        assert len(list(groupby(devices))) == 2
        assert {one.case for one in block.pairings} == set(cases)
    assert {worker.device for worker, _ in pool.requests(TimeSlice)} == {"cpu", "cuda"}


def test_control_has_two_processes_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are equally young and do nothing else; base's own process works no more than head's."""
    pool = FakeArms()
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    plan = next(event for event in events if isinstance(event, Plan))
    for block in blocks_in(events)[1:]:
        cases: dict[int, list[Case]] = {}
        for worker, request in pool.requests(TimeSlice):
            if worker.launch == block.index:
                cases.setdefault(worker.number, []).append(request.case)
        controls = [number for number, timed in cases.items() if set(timed) == {plan.control} and len(CASES) > 1]
        assert len(controls) == 2
        assert {pool.opened[number].side for number in controls} == {Side.BASE}
        base, head = (timed for number, timed in cases.items() if number not in controls)
        assert Counter(base) == Counter(head)


def test_no_order_depends_on_the_lot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a case would be timed in other company because another one was drawn."""
    orders = []
    for control in CASES:
        shares = tuple(Share(case=case, iterations=1, quads=3) for case in CASES)
        plan = Plan(shares=shares, control=control, slowdown=0.1)
        events = carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, launches=8), plan=plan)
        orders.append(
            [
                [pairing.case for pairing in block.pairings if pairing.contest is Contest.ARMS]
                for block in blocks_in(events)[:1]
            ]
        )
    assert len(orders) == len(CASES) > 1
    assert all(order == orders[0] for order in orders)


def test_each_model_has_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one model's code does to its process reaches no other: while cases are tried and in every block."""
    pool = FakeArms()
    pool.models = {side: ["mlp", "mlp-wide"] for side in Side}
    cases = (*CASES, *(replace(case, model="mlp-wide") for case in CASES))
    carry_out(pool, monkeypatch, cases=cases, settings=replace(SETTINGS, launches=8))
    models: dict[int, set[str]] = {}
    for kind in (Prepare, Count):
        for worker, request in pool.requests(kind):
            models.setdefault(worker.number, set()).add(request.case.model)
    assert len(models) > 2 * 2 * 8
    assert all(len(names) == 1 for names in models.values())


def test_last_answers_are_verified_after_the_last_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network may answer rightly until it is timed."""
    pool = FakeArms()
    carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    kinds: dict[tuple[int, Case], list[type]] = {}
    for worker, request in pool.asked:
        if worker.launch > 0 and (case := case_of(request)) is not None:
            kinds.setdefault((worker.number, case), []).append(type(request))
    assert kinds
    assert all((asked[-1], asked.count(Verify)) == (Verify, 1) for asked in kinds.values())


def test_wrong_last_answer_is_a_fault_of_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its block is thrown away, and the gate goes on without it."""
    pool = FakeArms()
    wrong = Failure(outcome=Outcome.WRONG_RESULT, reason="logits: relative error 1")
    pool.script = breaks_in(Side.HEAD, CASES[1], wrong, doing=Verify, launch=3)
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    faults = [event for event in events if isinstance(event, Fault)]
    assert [(fault.side, fault.case, fault.outcome) for fault in faults] == [
        (Side.HEAD, CASES[1], Outcome.WRONG_RESULT)
    ]
    assert all(pairing.case != CASES[1] for block in blocks_in(events)[3:] for pairing in block.pairings)


def leaving(state: dict[str, str], outside: dict[str, str], displaced: tuple[str, ...] = ()) -> Script:
    """Return a script in which head's code leaves something behind."""

    def script(worker: FakeWorker, request: Request[Any]) -> FootprintTold | None:
        told = type(request) is TellFootprint and worker.side is Side.HEAD
        return FootprintTold(state=state, outside=outside, displaced=displaced) if told else None

    return script


def test_what_code_leaves_behind_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the user's own program: named, and never undone."""
    pool = FakeArms(script=leaving({"grad mode": "True -> False"}, {"helper": "/elsewhere/helper.py"}))
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    assert [event for event in events if isinstance(event, Footprint)] == [
        Footprint(
            side=Side.HEAD,
            model="mlp",
            state={"grad mode": "True -> False"},
            outside={"helper": "/elsewhere/helper.py"},
            shared=(),
        )
    ]
    assert len(blocks_in(events)) == 8


def test_installed_copy_of_a_project_ends_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in no repository, and both arms would be measured by it."""
    pool = FakeArms(script=leaving({}, {"pkg.net": "/site-packages/pkg/net.py"}, ("pkg.net",)))
    events = carry_out(pool, monkeypatch)
    assert not blocks_in(events)
    assert ending_of(events).broken
    assert next(event for event in events if isinstance(event, Footprint)).shared == ("pkg.net",)


def test_file_that_both_arms_load_from_the_repository_ends_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Base would run head's code."""
    pool = FakeArms(script=leaving({}, {"helper": "/repository/helper.py"}))
    events = carry_out(pool, monkeypatch)
    assert not blocks_in(events)
    assert ending_of(events).broken
    assert ending_of(events).reason == "both arms load the same files, which are in neither tree"
    assert next(event for event in events if isinstance(event, Footprint)).shared == ("helper",)


def test_control_is_slowed_by_twice_its_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts from 30 % on cannot be caught at 10 %."""
    pilot = blocks_in(carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, launches=8)))[0]
    assert quads_module.plan_of(pilot, CASES[0], 0.02).slowdown == quads_module.LEAST_SLOWDOWN
    assert quads_module.plan_of(pilot, CASES[0], 0.3).slowdown == 0.6


def test_budget_ends_while_cases_are_made_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head that hangs must not cost an hour; what is known by then is kept."""
    pool = FakeArms()
    pool.seconds[Prepare] = 30.0
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, budget_seconds=100.0))
    assert ending_of(events).broken
    assert "the budget of 100 s ended" in ending_of(events).reason
    assert ending_of(events).wall_seconds < 200


def test_case_that_cannot_be_counted_is_still_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that breaks is no fault of what is watched."""
    pool = FakeArms()
    pool.script = breaks_in(Side.HEAD, CASES[0], Failure(outcome=Outcome.FAILED, reason="no"), doing=Count, launch=0)
    events = carry_out(pool, monkeypatch, settings=replace(SETTINGS, launches=8))
    (without,) = (event for event in events if isinstance(event, Counts) and event.reason)
    assert (without.side, without.case, without.numbers) == (Side.HEAD, CASES[0], {})
    assert not [event for event in events if isinstance(event, Fault)]
    assert {one.case for one in blocks_in(events)[0].pairings} == set(CASES)


def test_case_of_a_model_that_head_lost_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its id, since it was asked for."""
    wide = replace(CASES[0], model="mlp-wide")
    pool = FakeArms(models={Side.BASE: ["mlp", "mlp-wide"], Side.HEAD: ["mlp"]})
    events = carry_out(pool, monkeypatch, cases=(*CASES, wide), settings=replace(SETTINGS, launches=8))
    (opened,) = (event for event in events if isinstance(event, Opened))
    assert opened == Opened(new=(), gone=(wide.id,))


def test_case_of_a_model_that_only_head_has_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a failure nor a silent pass; what only base has is gone."""
    wide = replace(CASES[0], model="mlp-wide")
    pool = FakeArms(models={Side.BASE: ["mlp", "old"], Side.HEAD: ["mlp", "mlp-wide"]})
    events = carry_out(pool, monkeypatch, cases=(*CASES, wide), settings=replace(SETTINGS, launches=8))
    (opened,) = (event for event in events if isinstance(event, Opened))
    assert opened == Opened(new=(wide.id,), gone=("old",))
    assert not [event for event in events if isinstance(event, Fault)]
    assert wide not in {one.case for block in blocks_in(events) for one in block.pairings}


def test_arm_without_a_device_measures_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skipped with the reason, in both."""
    pool = FakeArms(absent={"cpu": "no such thing"})
    events = carry_out(pool, monkeypatch)
    assert {event.outcome for event in events if isinstance(event, Fault)} == {Outcome.SKIPPED}
    assert ending_of(events).broken
    assert not blocks_in(events)


def test_arm_runs_its_own_variant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eager against bfloat16, say; the record goes by base's name."""
    pool = FakeArms()
    arms = {Side.BASE: Arm(), Side.HEAD: Arm(dtype="float64")}
    events = carry_out(pool, monkeypatch, arms=arms, cases=CASES[:1], settings=replace(SETTINGS, launches=8))
    assert {request.case.id for worker, request in pool.requests(TimeSlice) if worker.side is Side.HEAD} == {
        "mlp-forward-b1-cpu-float64-eager"
    }
    assert {one.case for block in blocks_in(events) for one in block.pairings} == set(CASES[:1])


def test_stop_ends_it_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole blocks are kept."""
    pool = FakeArms()

    def stop() -> str | None:
        return "stopped by SIGINT" if len(pool.asked) > 1500 else None

    events = carry_out(pool, monkeypatch, stop=stop)
    assert ending_of(events).stopped
    assert ending_of(events).reason == "stopped by SIGINT"
    assert blocks_in(events)


def test_added_blocks_end_where_their_scatter_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no pilot to ask."""
    plan = next(event for event in carry_out(FakeArms(), monkeypatch) if isinstance(event, Plan))
    events = carry_out(FakeArms(), monkeypatch, plan=plan, done=8, target=16)
    assert [block.index for block in blocks_in(events)] == list(range(9, 17))
    assert [event.blocks for event in events if isinstance(event, Looked)] == [16]


def test_added_blocks_go_on_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan stays, so that old and new blocks may be judged together."""
    first = carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, launches=8))
    plan = next(event for event in first if isinstance(event, Plan))
    events = carry_out(FakeArms(), monkeypatch, settings=replace(SETTINGS, launches=12), plan=plan, done=8)
    assert [block.index for block in blocks_in(events)] == list(range(9, 21))
    assert [event.blocks for event in events if isinstance(event, Looked)] == [16]  # 20 is not on the grid
    assert not [event for event in events if isinstance(event, Plan)]
