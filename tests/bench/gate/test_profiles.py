"""The end of a gate: who is profiled, in which processes, and what a fault there costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench.gate import profiles as profiles_module
from bench.gate.profiles import REPLICATES, ArmProfiler, add_profiles
from bench.gate.schedule import Event
from bench.processes.local import LaunchError, WorkerDiedError
from bench.protocol import Request, TakeProfile
from bench.record.arm import Arm, Side
from bench.record.case import Case
from bench.record.conditions import Settings
from bench.record.gate import Ending, Looked
from bench.record.profile import Profiled
from tests.makers.doubles import FakeArms, FakeWorker
from tests.makers.gates import CASES, ENDING

ARMS = {Side.BASE: Arm(ref="main"), Side.HEAD: Arm(dtype="bfloat16")}
SETTINGS = Settings()
TWO = CASES[:2]


def running() -> None:
    """Go on."""


def carry_out(
    pool: FakeArms,
    monkeypatch: pytest.MonkeyPatch,
    *,
    cases: Sequence[Case] = TWO,
    ending: Ending = ENDING,
    stop: Callable[[], str | None] = running,
    traces: Path | None = None,
) -> list[Event]:
    """Return the events of a gate that had a look and then this ending."""
    monkeypatch.setattr(profiles_module, "monotonic", pool.clock)
    profiler = ArmProfiler(arms=ARMS, settings=SETTINGS, workers=pool, stop=stop, random=Random(1), traces=traces)
    events: Iterator[Event] = iter([Looked(blocks=8), ending])
    return list(add_profiles(events, profiler, lambda: cases, begin=0.0))


def profiled_in(events: Sequence[Event]) -> list[Profiled]:
    """Return what was profiled."""
    return [event for event in events if isinstance(event, Profiled)]


def test_both_arms_are_profiled_in_turn_in_fresh_processes_after_the_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six pairs; which arm comes first is a coin; what an arm runs is its own variant."""
    pool = FakeArms()
    events = carry_out(pool, monkeypatch)
    taken = profiled_in(events)
    assert [(one.replicate, one.case) for one in taken] == [
        (replicate, case) for replicate in range(1, REPLICATES + 1) for _ in Side for case in TWO
    ]
    assert len(pool.opened) == 2 * REPLICATES
    sides = [worker.side for worker in pool.opened]
    assert all(set(pair) == set(Side) for pair in zip(sides[::2], sides[1::2], strict=True))
    assert len({*sides[::2]}) == 2, "the same arm came first each time"
    assert all(worker.first is not bool(index % 2) for index, worker in enumerate(pool.opened))
    dtypes = {(worker.side, request.case.dtype) for worker, request in pool.requests(TakeProfile)}
    assert {dtype for side, dtype in dtypes if side is Side.HEAD} == {"bfloat16"}
    assert [type(event) for event in events[:3]] == [Looked, Ending, Profiled]
    assert isinstance(events[-1], Ending)
    assert not any(worker.alive for worker in pool.opened)


def test_two_endings_share_out_the_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part of a gate tells its own, and the record adds them up."""
    pool = FakeArms()
    pool.seconds[TakeProfile] = 7.0
    first, last = (event for event in carry_out(pool, monkeypatch) if isinstance(event, Ending))
    assert first.wall_seconds == 0.0
    assert last.wall_seconds >= 7.0 * 2 * REPLICATES * len(TWO)
    assert first.wall_seconds + last.wall_seconds == pool.clock()


def test_whatever_fails_in_a_profile_leaves_the_gate_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """No verdict waits for a reason."""
    pool = FakeArms()

    def fail(*_: object, **__: object) -> None:
        raise MemoryError("no page left")

    monkeypatch.setattr(pool, "make_opener", fail)
    ending = carry_out(pool, monkeypatch)[-1]
    assert isinstance(ending, Ending)
    assert (ending.broken, ending.stopped) == (False, False)
    assert ending.reason == f"{ENDING.reason}; profiling failed: MemoryError: no page left"


def test_nothing_changed_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker is made."""
    pool = FakeArms()
    assert len(carry_out(pool, monkeypatch, cases=())) == 2
    assert pool.opened == []


@pytest.mark.parametrize("change", [{"broken": True}, {"stopped": True}])
def test_gate_that_broke_or_was_stopped_is_not_profiled(
    change: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is to be explained, or nobody waits for it."""
    ending = replace(ENDING, **change)  # type: ignore[arg-type]
    assert carry_out(FakeArms(), monkeypatch, ending=ending) == [Looked(blocks=8), ending]


def test_worker_that_dies_costs_its_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next case gets a fresh process."""

    def script(_worker: FakeWorker, request: Request[Any]) -> Exception | None:
        mine = isinstance(request, TakeProfile) and request.case == TWO[0]
        return WorkerDiedError("SIGSEGV") if mine else None

    taken = profiled_in(carry_out(FakeArms(script), monkeypatch))
    reasons = {(one.case, one.side, one.reason) for one in taken}
    assert (TWO[0], Side.BASE, "profile: SIGSEGV") in reasons
    assert {one.reason for one in taken if one.case == TWO[1]} == {None}


def test_launcher_that_does_not_come_up_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdicts are there already, and stay."""
    pool = FakeArms()

    def refuse(*_: object, **__: object) -> None:
        raise LaunchError("no memory")

    monkeypatch.setattr(pool, "open_arm", refuse)
    events = carry_out(pool, monkeypatch, cases=TWO[:1])
    assert {one.reason for one in profiled_in(events)} == {"no memory"}
    assert isinstance(events[-1], Ending)
    assert not events[-1].broken


def test_stop_ends_the_profiles_and_the_gate_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was profiled so far stays."""
    answers = iter([None, None, *["SIGINT"] * 100])
    events = carry_out(FakeArms(), monkeypatch, stop=lambda: next(answers))
    assert len(profiled_in(events)) == 2
    ending = events[-1]
    assert isinstance(ending, Ending)
    assert (ending.stopped, ending.reason) == (True, "SIGINT")


def test_no_replicate_is_begun_when_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling may take minutes in each process."""
    pool = FakeArms()
    pool.seconds[TakeProfile] = 200.0
    taken = profiled_in(carry_out(pool, monkeypatch, cases=TWO[:1]))
    assert {one.replicate for one in taken} == {1, 2}


def test_traces_are_kept_of_the_first_process_of_each_arm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One of each is enough to look at, and its name holds nothing that a file system refuses."""
    pool = FakeArms()
    case = replace(CASES[0], compile="backend:aot/eager")
    carry_out(pool, monkeypatch, cases=[case], traces=tmp_path)
    traces = [request.trace for _, request in pool.requests(TakeProfile) if request.trace is not None]
    assert len(traces) == 2
    names = {Path(trace).name for trace in traces}
    assert {Path(trace).parent for trace in traces} == {tmp_path}
    assert all(name.endswith(("-base.json", "-head.json")) for name in names)
    assert not any(set(name) & set("/:") for name in names)
