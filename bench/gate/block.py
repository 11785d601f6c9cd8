"""One block of a gate: each model in fresh processes of both arms, in quads of slices, one process at a time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from random import Random
from statistics import median
from time import monotonic
from typing import Protocol

from bench.processes.supervisor import Opener, Supervisor
from bench.protocol import RESUMED_LEAD, Failure, Timing
from bench.record.arm import Arm, Side
from bench.record.case import Case
from bench.record.conditions import Settings
from bench.record.gate import Block, Contest, Fault, Footprint, Pairing, Plan, Share, quad_effects

PILOT_QUADS = 8

QUADS_SECONDS = 0.09
"""The slices of a case are so long in all, in a block: noisy cases get more."""

LEAST_QUADS, MOST_QUADS = 3, 16
"""None has so few quads that one disturbed quad decides its median, nor so many that a block has no end."""

SLICES_PER_QUAD = 4
"""Two of either side."""

LEAST_SLOWDOWN, MOST_SLOWDOWN = 0.10, 1.0
"""The control that must be caught is slowed by a share between these."""

SLOWDOWN_PER_SCATTER = 6.0
"""Between these it is so many standard errors of the control case in the pilot's block: twice what eight blocks see."""


class ArmWorkers(Protocol):
    """Makes the workers of both arms; see `measure.GateWorkers`."""

    def make_opener(self, side: Side, *, first: bool) -> Opener:
        """Return what makes an arm's workers, whose code lies in the first or in the second of two equal slots."""

    def is_shared(self, file: str) -> bool:
        """Whether a file outside the compared trees lies in their repository, where both arms load it."""

    def answers_path(self, case: Case) -> str:
        """Return where base's right answers of a case are kept until head's are compared with them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A case in a block is about to be made ready; only progress looks at these."""

    block: int
    case: Case


class AbandonedError(Exception):
    """A case broke in the middle of a block, which is therefore thrown away."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    """One process of a block.

    Attributes:
        side: whose it is.
        arm: what that is.
        supervisor: asks it.
    """

    side: Side
    arm: Arm
    supervisor: Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """What is timed in two processes of its own: nothing of it reaches another unit.

    Attributes:
        sides: whose processes these are.
        contests: which of them each case of it is timed in.
        shares: its cases, in order.
    """

    sides: tuple[Side, Side]
    contests: tuple[Contest, ...]
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockTimer:
    """Times blocks.

    Attributes:
        arms: both of them.
        settings: for timeouts.
        workers: makes them.
        stop: asked between requests; a reason to stop now, None to go on.
        random: coins and orders.
    """

    arms: Mapping[Side, Arm]
    settings: Settings
    workers: ArmWorkers
    stop: Callable[[], str | None]
    random: Random

    def time(self, index: int, plan: Plan) -> Generator[Turn | Footprint, None, Block]:
        """Time one block.

        Raises:
            AbandonedError: if a case broke.
            StoppedError: if the run was asked to stop.
        """
        begin = monotonic()
        base_first = self.random.random() < 0.5  # noqa: PLR2004  a fair coin
        pairings: list[Pairing] = []
        for unit in self._units(plan):
            yield from self._carry_out(unit, index, plan.slowdown, pairings, base_first=base_first)
        wall = monotonic() - begin
        return Block(index=index, base_first=base_first, wall_seconds=wall, pairings=tuple(pairings))

    def _units(self, plan: Plan) -> list[_Unit]:
        """Return what gets processes of its own, in random order: each model on each device, and the controls.

        No order depends on which case the lot made the control: it is timed once more for that, in two processes that
        do nothing else. Inside a unit the cases are shuffled, those of a group one after the other, whose right answer
        is then computed once.
        """
        shuffled = self.random.sample(plan.shares, len(plan.shares))
        groups = list(dict.fromkeys(share.case.group for share in shuffled))
        shares = sorted(shuffled, key=lambda share: groups.index(share.case.group))
        owners = dict.fromkeys((share.case.device, share.case.model) for share in shares)
        units = [
            _Unit(
                sides=(Side.BASE, Side.HEAD),
                contests=(Contest.ARMS,),
                shares=tuple(share for share in shares if (share.case.device, share.case.model) == owner),
            )
            for owner in owners
        ]
        control = next(share for share in plan.shares if share.case == plan.control)
        both = tuple(self.random.sample((Contest.SAME, Contest.SLOWED), 2))
        units.append(_Unit(sides=(Side.BASE, Side.BASE), contests=both, shares=(control,)))
        return self.random.sample(units, len(units))

    def _carry_out(
        self, unit: _Unit, index: int, slowdown: float, pairings: list[Pairing], *, base_first: bool
    ) -> Generator[Turn | Footprint, None, None]:
        """Time every case of a unit, verify its last answers, and tell at last what its code left behind."""
        base, other = (self._start(side, base_first=base_first) for side in unit.sides)
        processes = [base, other] if base_first else [other, base]
        group = None
        try:
            for share in unit.shares:
                yield Turn(block=index, case=share.case)
                if group not in (None, share.case.group):
                    self._forget(processes)
                group = share.case.group
                for process in processes:
                    self._ready(process, share, index)
                for contest in unit.contests:
                    slower = slowdown if contest is Contest.SLOWED else 0.0
                    pairings.append(self._pairing(contest, base, other, share, index, slower))
                for process in processes:
                    self._verify(process, share.case, index)
            for process in processes:
                with process.supervisor.awake():
                    left = tell_footprint(process.supervisor, process.side, unit.shares[-1].case, index, self.workers)
                yield left
        finally:
            for process in processes:
                process.supervisor.end()

    def _start(self, side: Side, *, base_first: bool) -> _Process:
        """Return a process of one arm, which is made when it is first asked."""
        opener = self.workers.make_opener(side, first=base_first is (side is Side.BASE))
        return _Process(side=side, arm=self.arms[side], supervisor=Supervisor(opener, self.settings, self.stop))

    @staticmethod
    def _forget(processes: Sequence[_Process]) -> None:
        """Have every process drop the cases of the group before."""
        for process in processes:
            with process.supervisor.awake():
                process.supervisor.forget()

    def _ready(self, process: _Process, share: Share, index: int) -> None:
        with process.supervisor.awake():
            preparation = process.supervisor.prepare(  # as launch 0 it would probe and count again
                process.arm.case(share.case), max(index, 1), warm_iterations=share.iterations, first=False
            )
        if isinstance(preparation, Failure):
            raise AbandonedError(fault_of(process.side, share.case, index, preparation))

    def _verify(self, process: _Process, case: Case, index: int) -> None:
        with process.supervisor.awake():
            verified = process.supervisor.verify(process.arm.case(case), index)
        if isinstance(verified, Failure):
            raise AbandonedError(fault_of(process.side, case, index, verified))

    def _pairing(
        self, contest: Contest, base: _Process, other: _Process, share: Share, index: int, slowdown: float
    ) -> Pairing:
        """Time the quads of one case in one contest."""
        reader = base if self.random.random() < 0.5 else other  # noqa: PLR2004
        with reader.supervisor.awake():
            yardstick = reader.supervisor.read_yardstick(share.case.device, index)
        if isinstance(yardstick, Failure):
            raise AbandonedError(fault_of(reader.side, share.case, index, yardstick))
        outside = [self.random.random() < 0.5 for _ in range(share.quads)]  # noqa: PLR2004
        timings: dict[bool, list[Timing]] = {True: [], False: []}
        turns = [
            (is_base, place < SLICES_PER_QUAD // 2)
            for first in outside
            for place, is_base in enumerate((first, not first, not first, first))
        ]
        for is_base, slices in groupby(turns, key=itemgetter(0)):
            process = base if is_base else other
            with process.supervisor.awake():
                for number, (_, moved) in enumerate(slices):
                    timing = process.supervisor.time_slice(
                        process.arm.case(share.case),
                        index,
                        share.iterations,
                        lead=0 if number and not moved else max(1, share.iterations // RESUMED_LEAD),
                        slowdown=0.0 if is_base else slowdown,
                        moved=moved,
                    )
                    if isinstance(timing, Failure):
                        raise AbandonedError(fault_of(process.side, share.case, index, timing))
                    timings[is_base].append(timing)
        both = [*timings[True], *timings[False]]
        stolen = [timing.stolen_seconds for timing in both]
        return Pairing(
            case=share.case,
            contest=contest,
            iterations=share.iterations,
            base_outside=tuple(outside),
            base_seconds=tuple(timing.seconds for timing in timings[True]),
            head_seconds=tuple(timing.seconds for timing in timings[False]),
            yardstick_seconds=yardstick,
            involuntary_switches=sum(timing.involuntary_switches for timing in both),
            stolen_seconds=None if None in stolen else sum(filter(None, stolen)),
        )


def tell_footprint(supervisor: Supervisor, side: Side, case: Case, launch: int, workers: ArmWorkers) -> Footprint:
    """Return what the code of a case's model left behind in its process.

    Raises:
        AbandonedError: if it cannot be told: a file that both arms load would stay unseen.
    """
    told = supervisor.tell_footprint(case.device, launch)
    if isinstance(told, Failure):
        raise AbandonedError(fault_of(side, case, launch, told))
    shared = tuple(name for name, file in told.outside.items() if name in told.displaced or workers.is_shared(file))
    return Footprint(side=side, model=case.model, state=told.state, outside=told.outside, shared=shared)


def plan_of(pilot: Block, control: Case, floor: float) -> Plan:
    """Return the plan that a pilot's scatter asks for: quads in proportion to it, around their mean.

    Args:
        pilot: the block that is discarded.
        control: the case of the controls.
        floor: the smallest change of that case that counts: what must be caught is at least twice as much.
    """
    scatter = {
        pairing.case: _spread(quad_effects(pairing)) for pairing in pilot.pairings if pairing.contest is Contest.ARMS
    }
    iterations = {pairing.case: pairing.iterations for pairing in pilot.pairings}
    seconds = {
        pairing.case: pairing.iterations * median(pairing.base_seconds)
        for pairing in pilot.pairings
        if pairing.contest is Contest.ARMS
    }
    by_time = {case: value * seconds[case] ** 0.5 for case, value in scatter.items()}  # of slices of equal length
    mean = sum(by_time.values()) / len(by_time)
    shares = tuple(
        Share(
            case=case,
            iterations=iterations[case],
            quads=min(MOST_QUADS, max(LEAST_QUADS, round(_aim(seconds[case]) * (value / mean if mean else 1.0)))),
        )
        for case, value in by_time.items()
    )
    visible = min(MOST_SLOWDOWN, SLOWDOWN_PER_SCATTER * scatter[control] / PILOT_QUADS**0.5)
    slowdown = max(LEAST_SLOWDOWN, visible, 2 * floor)
    return Plan(shares=shares, control=control, slowdown=slowdown)


def _aim(slice_seconds: float) -> float:
    """Return how many quads of such slices a case of ordinary scatter has."""
    return QUADS_SECONDS / (SLICES_PER_QUAD * slice_seconds)


def _spread(effects: Sequence[float]) -> float:
    """Return the median distance from the median, scaled to a standard deviation; one odd quad hardly moves it."""
    centre = median(effects)
    return 1.4826 * median(abs(effect - centre) for effect in effects)


def fault_of(side: Side, case: Case, block: int, failure: Failure) -> Fault:
    """Return how a case ended in an arm as a fault of the gate."""
    return Fault(side=side, case=case, block=block, outcome=failure.outcome, reason=failure.reason)
