"""When launchers are executed, which workers come from which, and what that costs; nothing is executed here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from bench.processes import pool as pool_module
from bench.processes.pool import OWN, Program, WorkerPool, WorkerSetup
from bench.protocol import Done, Failure, Open, Request
from bench.record.run import Outcome

SETUP = WorkerSetup(seed=3, data_root="images", left_out={"no-gc", "bound-threads"}, timeout_seconds=9, memory_bytes=77)
OTHER = Program.make("python3.99", {"B": "2", "A": "1"})


@dataclass(eq=False)
class StartedWorker:
    """A worker that keeps what it was asked and answers as it is told."""

    launcher: StartedLauncher
    fork: bool
    root: Path | None
    asked: list[tuple[Request[Any], float]] = field(default_factory=list)
    ended: bool = False

    def ask(self, request: Request[Any], timeout_seconds: float) -> Done | Failure:
        self.asked.append((request, timeout_seconds))
        return self.launcher.machine.reply

    def end(self) -> None:
        self.ended = True


@dataclass(eq=False)
class StartedLauncher:
    """A launcher that is none."""

    machine: Machine
    arguments: dict[str, Any]
    may_fork: bool
    has_accelerator: bool
    alive: bool = True
    compile_seconds: float = 2.0

    def start(self, *, fork: bool, root: Path | None) -> StartedWorker:
        worker = StartedWorker(self, fork, root)
        self.machine.workers.append(worker)
        return worker

    def close(self) -> None:
        self.alive = False


@dataclass
class Machine:
    """Where launchers are executed, each in five seconds.

    Attributes:
        spawning: interpreters whose workers cannot be forked.
        has_accelerator: whether torch finds one there.
        reply: what every worker answers.
    """

    spawning: set[str] = field(default_factory=set)
    has_accelerator: bool = False
    reply: Done | Failure = field(default_factory=Done)
    now: float = 0.0
    launchers: list[StartedLauncher] = field(default_factory=list)
    workers: list[StartedWorker] = field(default_factory=list)

    def execute(self, **arguments: Any) -> StartedLauncher:
        self.now += 5.0
        may_fork = arguments["python"] not in self.spawning
        launcher = StartedLauncher(self, arguments, may_fork=may_fork, has_accelerator=self.has_accelerator)
        self.launchers.append(launcher)
        return launcher


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine on which the pool executes its launchers."""
    made = Machine()
    monkeypatch.setattr(pool_module, "Launcher", made.execute)
    monkeypatch.setattr(pool_module, "monotonic", lambda: made.now)
    return made


def made_pool(**changes: Any) -> WorkerPool:
    """Return a pool that executes a fresh launcher every four launches, but for these fields."""
    values: dict[str, Any] = {"setup": SETUP, "compiled": False, "launches_per_launcher": 4, **changes}
    return WorkerPool(root=Path("root"), scratch=Path("scratch"), **values)


@pytest.mark.parametrize("every", [1, 4, 10])
def test_launcher_is_executed_anew_every_so_many_launches(every: int, machine: Machine) -> None:
    """A run does it every four launches, a gate every ten blocks, or every one where its arms cannot share one."""
    pool = made_pool(launches_per_launcher=every)
    for launch in range(21):
        for _ in range(2):  # a worker that was lost comes from the same launcher
            pool.open("cpu", launch)
    origins = [machine.launchers.index(worker.launcher) for worker in machine.workers]
    assert [len(list(same)) // 2 for _, same in groupby(origins)] == [every + 1, *[every] * (20 // every - 1)]
    assert [launcher.alive for launcher in machine.launchers[:-1]] == [False] * (len(machine.launchers) - 1)
    assert machine.launchers[-1].alive


@pytest.mark.parametrize(
    ("device", "has_accelerator", "forks"),
    [
        ("cuda", False, False),
        ("cuda:1", False, False),
        ("cuda", True, True),
        ("cpu", False, True),
        ("vulkan", False, True),
    ],
)
def test_card_that_was_not_found_is_asked_for_by_an_executed_worker(
    device: str, machine: Machine, *, has_accelerator: bool, forks: bool
) -> None:
    """A fork would say that it is one, and not that there is no driver."""
    machine.has_accelerator = has_accelerator
    made_pool().open(device, 0)
    assert [worker.fork for worker in machine.workers] == [forks]


def test_executions_are_foretold(machine: Machine) -> None:
    """A run's forecast reserves their time before they happen; those that it does not need are not in it."""
    pool = made_pool()
    pool.open("cpu", 0)
    for done in range(9):
        left = pool.executions(done, 9)
        before = len(machine.launchers)
        other = made_pool()
        other.open("cpu", done)
        for launch in range(done + 1, 10):
            other.open("cpu", launch)
        assert len(machine.launchers) - before - 1 == left


def test_what_executing_took_is_added_up(machine: Machine) -> None:
    """A launch that executes a launcher is not a longer launch."""
    pool = made_pool()
    for launch in range(6):
        pool.open("cpu", launch)
    assert len(machine.launchers) == 2
    assert (pool.launching_seconds, pool.compile_seconds) == (10.0, 4.0)


def test_launcher_that_died_is_replaced(machine: Machine) -> None:
    """It took its workers with it; the run goes on."""
    pool = made_pool()
    pool.open("cpu", 1)
    machine.launchers[0].alive = False
    pool.open("cpu", 1)
    assert len(machine.launchers) == 2
    assert machine.workers[1].launcher is machine.launchers[1]


def test_each_program_has_a_launcher_of_its_own(machine: Machine) -> None:
    """Interpreter and variables are what a launcher is executed with; the order of variables is none of them."""
    pool = made_pool(programs=(OWN, OTHER))
    pool.open("cpu", 1, program=OTHER, models_root=Path("slot"))
    pool.open("cpu", 1)
    pool.open("cpu", 1, program=Program.make("python3.99", {"A": "1", "B": "2"}))
    assert [launcher.arguments["python"] for launcher in machine.launchers] == [OWN.python, "python3.99"]
    given = machine.launchers[1].arguments["variables"]
    assert (given["A"], given["B"]) == ("1", "2")
    assert given.keys() - machine.launchers[0].arguments["variables"].keys() == {"A", "B"}
    assert [worker.launcher.arguments["python"] for worker in machine.workers] == [
        "python3.99",
        OWN.python,
        "python3.99",
    ]
    assert [worker.root for worker in machine.workers] == [Path("slot"), None, None]


@pytest.mark.parametrize(("spawning", "forked"), [(set(), True), ({"python3.99"}, False)], ids=["fork", "spawn"])
def test_workers_are_forked_only_if_those_of_every_program_may_be(
    spawning: set[str], *, forked: bool, machine: Machine
) -> None:
    """A forked process is another one than a process that was executed: both arms are made alike."""
    machine.spawning = spawning
    pool = made_pool(programs=(OWN, OTHER))
    pool.open("cpu", 1)
    pool.open("cpu", 1, program=OTHER)
    assert [worker.fork for worker in machine.workers] == [forked, forked]


@pytest.mark.parametrize(("device", "memory_bytes"), [("cpu", 77), ("cpu:0", 77), ("cuda", None)])
def test_worker_is_told_what_it_needs_first(device: str, memory_bytes: int | None, machine: Machine) -> None:
    """Memory is limited on a CPU only: an accelerator's driver maps more than there is."""
    worker = made_pool().open(device, 1)
    request = Open(
        device=device, seed=3, data_root="images", left_out=("bound-threads", "no-gc"), memory_bytes=memory_bytes
    )
    assert worker is machine.workers[0]
    assert machine.workers[0].asked == [(request, 9)]


@pytest.mark.parametrize(
    ("launch", "outcome", "expected"),
    [
        (0, Outcome.SKIPPED, Outcome.SKIPPED),
        (0, Outcome.FAILED, Outcome.FAILED),
        (1, Outcome.SKIPPED, Outcome.FAILED),
        (1, Outcome.OUT_OF_MEMORY, Outcome.OUT_OF_MEMORY),
    ],
)
def test_device_that_cannot_be_opened_is_a_skip_in_the_pilot_and_a_fault_later(
    launch: int, outcome: Outcome, expected: Outcome, machine: Machine
) -> None:
    """It was there in the pilot; either way the worker leaves."""
    machine.reply = Failure(outcome=outcome, reason="no card")
    assert made_pool().open("cuda", launch) == Failure(outcome=expected, reason="no card")
    assert machine.workers[0].ended


def test_closing_ends_every_launcher(machine: Machine) -> None:
    """And it may be repeated."""
    pool = made_pool(programs=(OWN, OTHER))
    pool.open("cpu", 1)
    pool.close()
    pool.close()
    assert [launcher.alive for launcher in machine.launchers] == [False, False]


def test_caches_are_the_scratch_folder_s(machine: Machine) -> None:
    """No run warms another one's compiler."""
    made_pool(setup=replace(SETUP, left_out=())).open("cpu", 1)
    given = machine.launchers[0].arguments["variables"]
    assert given["TORCHINDUCTOR_CACHE_DIR"].startswith("scratch")
    assert given["OMP_PROC_BIND"] == "true"


def test_caches_of_their_own_are_shared_by_launchers_that_have_compiled_nothing(
    machine: Machine, tmp_path: Path
) -> None:
    """The second process finds what the first one left; both folder and launchers are gone afterwards."""
    pool = WorkerPool(root=Path("root"), scratch=tmp_path, setup=SETUP, compiled=True, launches_per_launcher=4)
    pool.open("cpu", 1)
    with pool.own_caches() as fresh:
        for _ in range(2):
            with fresh() as opener:
                opener("cpu", 1)
                assert machine.launchers[-1].alive
            assert not machine.launchers[-1].alive
        first, second = (launcher.arguments for launcher in machine.launchers[1:])
        folder = Path(first["variables"]["TORCHINDUCTOR_CACHE_DIR"]).parent
        assert folder.is_dir()
    assert not folder.exists()
    assert first == second
    assert first["compiled"] is False
    assert machine.launchers[0].arguments["compiled"] is True
    assert folder.parent == tmp_path
    assert machine.launchers[0].alive, "that of the run goes on"
