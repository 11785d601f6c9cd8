"""One gate from the plan to the Gate: both arms' workers, environment, events, the journal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import SystemRandom
from time import monotonic

from bench.files.gate import GATE_FORMAT, GateLog
from bench.files.journal import Journal
from bench.files.log import JournalError, keep_aside
from bench.gate.block import Turn
from bench.gate.checkout import PROJECT, ArmsCode
from bench.gate.profiles import ArmProfiler, add_profiles
from bench.gate.schedule import Blocks, Event
from bench.host.code import TIMED
from bench.host.stopping import StopSwitch
from bench.processes.loaded import find_loaded
from bench.processes.local import LaunchError
from bench.processes.pool import Program, WorkerPool
from bench.processes.supervisor import Opener
from bench.record.arm import Arm, Side
from bench.record.case import Case
from bench.record.conditions import Scalar, find_differences
from bench.record.gate import Acceptance, Block, Ending, Gate, GateEvent
from bench.record.how_many import how_many
from bench.request import SetupError
from bench.session import Session, missing_facts

BLOCKS_PER_LAUNCHER = 10
"""Executing a launcher costs seconds, and its hash seed and address layout are then the same for both arms."""

FREE_IN_A_GATE = ("launches",)
"""In a gate this setting is the most blocks of a part, which does not change what a block is."""

Part = tuple[Gate, tuple[GateEvent, ...]]
"""A stored gate and its events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a gate compares, and what it goes by.

    Attributes:
        cases: what to compare, as base runs it; at least one.
        floors: the smallest change that counts, by case id.
        accepted: known regressions.
        idle_patterns: patterns of both that fit no case that was collected.
        earlier: a part of this gate that is continued; None to begin one.
        detect: the slowdown that it is to be able to see; None if none was named.
        target: after how many blocks in all an added part ends; None for as many as the settings allow.
        gates: among how many gates the error is shared.
        traces: a folder that takes what the profiler saw; None for none.
    """

    cases: Sequence[Case]
    floors: Mapping[str, float]
    accepted: tuple[Acceptance, ...]
    idle_patterns: tuple[str, ...] = ()
    earlier: Part | None
    detect: float | None = None
    target: int | None = None
    gates: int = 1
    traces: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWorkers:
    """Makes the workers of both arms.

    Attributes:
        pool: executes launchers.
        code: what each arm imports.
        arms: both, by side.
    """

    pool: WorkerPool
    code: ArmsCode
    arms: Mapping[Side, Arm]

    def make_opener(self, side: Side, *, first: bool) -> Opener:
        """Return what makes an arm's workers, whose code lies in the first or in the second of two equal slots."""
        slot = self.code.place(side, first=first)
        project = slot / PROJECT if self.code.scope.whole else None
        program = program_of(self.arms[side])
        return partial(self.pool.open, program=program, models_root=slot, project=project, arm=side.value)

    def is_shared(self, file: str) -> bool:
        """Whether a file outside the compared trees lies in their repository, where both arms load it."""
        return self.code.is_shared(file)

    def answers_path(self, case: Case) -> str:
        """Return where base's right answers of a case are kept until head's are compared with them."""
        return str(self.pool.scratch / f"{sha256(case.id.encode()).hexdigest()[:16]}.answers")


def program_of(arm: Arm) -> Program:
    """Return what an arm's launcher is executed with."""
    return Program.make(arm.python, arm.variables)


def blocks_per_launcher(arms: Mapping[Side, Arm]) -> int:
    """Return how many blocks may come from the same launchers.

    It is one where each arm needs a launcher of its own, whose hash seed and address layout would otherwise be head's
    or base's for several blocks.
    """
    return BLOCKS_PER_LAUNCHER if arms[Side.BASE].launched_like(arms[Side.HEAD]) else 1


@contextmanager
def gate_workers(
    session: Session, code: ArmsCode, arms: Mapping[Side, Arm], cases: Sequence[Case], *, wake: int | None
) -> Iterator[GateWorkers]:
    """Make what makes the workers of both arms, and end every worker with the block.

    Args:
        session: the gate's.
        code: what each arm imports.
        arms: both, by side.
        cases: what is to be measured, as base runs it.
        wake: a descriptor that becomes readable when the gate should stop; None if nobody will ask.
    """
    pool = WorkerPool(
        root=code.slots.engine,
        scratch=session.scratch,
        setup=session.worker_setup,
        compiled=any(arm.case(case).compiled for case in cases for arm in arms.values()),
        launches_per_launcher=blocks_per_launcher(arms),
        programs=tuple(program_of(arm) for arm in arms.values()),
        ranks={own.ranks for case in cases for arm in arms.values() if (own := arm.case(case)).distributed},
        wake=wake,
    )
    with closing(pool):
        yield GateWorkers(pool=pool, code=code, arms=arms)


def measure(  # noqa: PLR0913  everything that carries out a gate
    session: Session,
    workers: GateWorkers,
    terms: Terms,
    journal_path: Path,
    *,
    show: Callable[[Event, Callable[[], Gate]], None],
    say: Callable[[str], None],
    settled: Callable[[Gate], bool],
    foresee: Callable[[Block, float], int | None],
    find_changed: Callable[[Gate], Sequence[Case]],
    stop: StopSwitch,
) -> GateLog:
    """Measure head against base and return the log, each event in the journal before it is shown.

    Whatever keeps the gate from being carried out is its ending, which says so.

    Args:
        session: what the gate needs besides its cases.
        workers: makes both arms' workers.
        terms: what it compares and goes by.
        journal_path: where events go.
        show: takes every event, and what makes the gate so far.
        say: takes a sentence about what else was done.
        settled: whether the gate so far leaves nothing to be found out.
        foresee: told the pilot and the seconds until it ended; returns after how many blocks to end, None for as many
            as the settings allow.
        find_changed: which cases of the gate so far are profiled at the end.
        stop: turned by a signal.

    Raises:
        SetupError: if the earlier part was made elsewhere or otherwise.
        OSError: if the journal cannot be begun.
    """
    begin = monotonic()
    cases, earlier = terms.cases, terms.earlier
    code = count_loaded(session, workers, cases, stop)
    trouble = code.trouble
    begun = Gate(
        environment=session.environment(
            {**code.facts, **({} if trouble is not None else worker_facts(session, workers, cases))}
        ),
        settings=session.request.settings,
        arms={side.value: arm for side, arm in workers.arms.items()},
        cases=tuple(cases),
        floors=dict(terms.floors),
        accepted=terms.accepted,
        idle_patterns=terms.idle_patterns,
        detect=terms.detect,
        gates=terms.gates,
    )
    if earlier is not None and trouble is None:
        check_continuable(earlier[0], begun)
    aside = keep_aside(GATE_FORMAT, journal_path)
    if aside is not None:
        say(f"an earlier journal that is in no JSON is kept as {aside}")
    with Journal(journal_path) as journal:
        log = GateLog(GATE_FORMAT, begun, journal, earlier=() if earlier is None else earlier[1])
        ended: Ending | None = None
        try:
            if code.trees is not None:
                log.add(code.trees)
                show(code.trees, log.record)
            if trouble is None:
                blocks = Blocks(
                    begun.cases,
                    begun.settings,
                    workers.arms,
                    workers=workers,
                    settled=lambda: settled(log.record()),
                    foresee=foresee,
                    stop=stop,
                    begin=begin,
                    floors=begun.floors,
                    random=SystemRandom(),
                    plan=None if earlier is None else earlier[0].plan,
                    done=0 if earlier is None else len(earlier[0].blocks),
                    target=terms.target,
                    design=begun.design,
                )
                profiler = ArmProfiler(
                    arms=workers.arms,
                    settings=begun.settings,
                    workers=workers,
                    stop=stop,
                    random=SystemRandom(),
                    traces=terms.traces,
                )
                events = add_profiles(blocks.events(), profiler, lambda: find_changed(log.record()), begin=begin)
            else:
                events = iter([Ending(reason=trouble, broken=True, stopped=False, wall_seconds=monotonic() - begin)])
            for event in events:
                if not isinstance(event, Turn):
                    log.add(event)
                show(event, log.record)
                ended = event if isinstance(event, Ending) else ended
        except Exception as error:  # noqa: BLE001  whatever fails before the ending is one that proves nothing
            known = isinstance(error, LaunchError | JournalError)
            reason = str(error) if known else f"the engine failed: {type(error).__name__}: {error}"
            begin, broken = (begin, True) if ended is None else (begin + ended.wall_seconds, ended.broken)
            ending = Ending(reason=reason, broken=broken, stopped=False, wall_seconds=monotonic() - begin)
            log.keep(ending)
            show(ending, log.record)
        return log


def count_loaded(session: Session, workers: GateWorkers, cases: Sequence[Case], stop: StopSwitch) -> ArmsCode:
    """Return both arms' code, in which those files of a project count that its workers load; see `ArmsCode`."""
    code = workers.code
    if not code.scope.whole or code.trouble is not None:
        return code
    loaded = {
        side: find_loaded(
            workers.make_opener(side, first=side is Side.BASE),
            [arm.case(case) for case in cases],
            session.request.settings,
            stop,
        )
        for side, arm in workers.arms.items()
    }
    return code.count_loaded(loaded)


def worker_facts(session: Session, workers: GateWorkers, cases: Sequence[Case]) -> dict[str, Scalar]:
    """Return what the workers of each arm tell about torch and the devices, or why they do not.

    A launcher that does not come up is a reason here: the gate's ending says it when the launcher is needed.
    """
    facts: dict[str, Scalar] = {}
    for side in workers.arms:
        for device in dict.fromkeys(case.device for case in cases):
            try:
                facts_of_device = session.worker_facts(workers.make_opener(side, first=side is Side.BASE), [device])
            except LaunchError as error:
                facts_of_device = missing_facts(device, str(error))
            facts |= {f"arm.{side}.{name}": value for name, value in facts_of_device.items()}
    return facts


def check_continuable(earlier: Gate, now: Gate) -> None:
    """Raise SetupError, naming every difference, unless `now` is another part of the same gate."""
    found = find_differences(earlier, now, free=FREE_IN_A_GATE)
    differences = [line for line in found if not line.startswith(f"code.{TIMED}")]  # see arms
    for name, before, after in (("floor of", earlier.floors, now.floors), ("arm", earlier.arms, now.arms)):
        differences += [
            f"{name} {key} was {before.get(key)}, is {after.get(key)}"
            for key in dict.fromkeys((*before, *after))
            if before.get(key) != after.get(key)
        ]
    if earlier.gates != now.gates:
        differences.append(f"its error was shared among {how_many(earlier.gates, 'gate')}, not {now.gates}")
    if len(earlier.looks) >= earlier.design.most_looks:
        differences.append(f"its {len(earlier.looks)} looks have spent all the error there is: begin a new one")
    if earlier.plan is None:
        differences.append("it never came to a block: run it again without --add-blocks")
    if differences:
        raise SetupError(f"--add-blocks: {earlier.source} cannot be continued here: {'; '.join(differences)}")
