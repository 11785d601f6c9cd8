"""Two arms compared: blocks of fresh processes, quads of slices in turn, and when it is enough. Yields events.

The consumer writes the journal and shows progress; while it does, nothing is being timed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from random import Random
from statistics import median
from time import monotonic

from bench.gate.block import (
    LEAST_SLOWDOWN,
    PILOT_QUADS,
    AbandonedError,
    ArmWorkers,
    BlockTimer,
    Turn,
    fault_of,
    plan_of,
    tell_footprint,
)
from bench.processes.supervisor import StoppedError, Supervisor
from bench.protocol import AnswersCompared, Failure
from bench.record.arm import Arm, Side
from bench.record.case import Case, Group
from bench.record.conditions import Settings
from bench.record.gate import Block, Counts, Ending, Fault, Footprint, GateEvent, Looked, Opened, Plan, Share
from bench.record.how_many import how_many
from bench.record.looks import ALONE, Design

Event = Turn | GateEvent

SLICE_SECONDS = 0.004
"""A slice of a gate is about so long, where a case allows it: of longer ones the machine disturbs each by itself, and
neither a quad's order nor its median takes that out. The figures are in METHODOLOGY.md."""

FIRST_LOOK_SLACK = 1.25
"""A budget may be exceeded by a quarter where that brings a gate to its first look: seven blocks are worth nothing, and
the eighth a verdict. Which blocks are judged does not depend on what was seen."""


class Blocks:
    """One gate.

    Args:
        cases: what to compare, as base runs it, in display order.
        settings: budget, timeout, length of slices, seed; `launches` is the most blocks.
        arms: both of them.
        workers: makes them.
        settled: asked after each look; whether nothing is left to be found out.
        foresee: told the pilot and the seconds until it ended; returns after how many blocks to end, None to go on as
            long as the settings allow.
        stop: asked between requests; a reason to stop now, None to go on.
        begin: when it began, on the machine's monotonic clock.
        floors: the smallest change that counts, by case id.
        random: coins, orders and lots. They must not repeat from one gate to the next: the test of significance
            rests on them, so nothing that a user could fix goes in.
        plan: of an earlier part that is continued; None to begin.
        done: blocks of that part.
        target: after how many blocks in all to end, where an earlier part is continued; None likewise.
        design: its looks.
    """

    def __init__(  # noqa: PLR0913  everything that makes a gate
        self,
        cases: Sequence[Case],
        settings: Settings,
        arms: Mapping[Side, Arm],
        *,
        workers: ArmWorkers,
        settled: Callable[[], bool],
        foresee: Callable[[Block, float], int | None],
        stop: Callable[[], str | None],
        begin: float,
        floors: Mapping[str, float],
        random: Random,
        plan: Plan | None = None,
        done: int = 0,
        target: int | None = None,
        design: Design = ALONE,
    ) -> None:
        self._cases = list(cases)
        self._settings = settings
        self._arms = arms
        self._workers = workers
        self._settled = settled
        self._foresee = foresee
        self._stop = stop
        self._begin = begin
        self._plan = plan
        self._done = done
        self._target = target
        self._design = design
        self._floors = floors
        self._random = random
        self._timer = BlockTimer(arms=arms, settings=settings, workers=workers, stop=stop, random=random)
        self._walls: list[float] = []
        self._pilot_seconds = 0.0
        self._shared = False
        self._compared: set[tuple[Side, Group]] = set()
        self._footprints: dict[tuple[Side, str], list[Footprint]] = {}

    def events(self) -> Iterator[Event]:
        """Carry out the gate; the last event is its Ending.

        Raises:
            LaunchError: if no worker can be started at all.
        """
        broken, stopped = True, False
        try:
            yield from self._open()
            if not self._cases:
                reason = "no case is left that both arms can run"
            elif self._shared:
                reason = "both arms load the same files, which are in neither tree"
            elif (late := self._late()) is not None:
                reason = f"{late} before the first block; raise --budget"
            elif self._plan is not None or (yield from self._pilot()):
                reason, broken = yield from self._carry_on()
            else:
                reason = "no case is left after the pilot"
        except StoppedError as asked:
            reason, stopped = str(asked), True
        yield Ending(reason=reason, broken=broken, stopped=stopped, wall_seconds=monotonic() - self._begin)

    def _open(self) -> Iterator[Event]:
        """Make every case ready once in each arm and count what it does: faults show here, first compiles are done."""
        self._iterations: dict[Case, int] = {}
        models: dict[Side, Sequence[str]] = {}
        faulty: set[Case] = set()
        for side, arm in self._arms.items():
            opener = self._workers.make_opener(side, first=side is Side.BASE)
            supervisor = Supervisor(opener, self._timeouts(), self._stop)
            try:
                names = supervisor.list_models(self._cases[0].device)
                if isinstance(names, Failure):
                    for case in self._cases:
                        yield fault_of(side, case, 0, names)
                        faulty.add(case)
                    continue
                models[side] = names
            finally:
                supervisor.end()
            for cases in self._by_model():
                faulty |= yield from self._try_model(side, arm, [case for case in cases if case.model in names])
        if len(models) == len(self._arms):
            yield self._opened(models[Side.BASE], models[Side.HEAD])
        both = set.intersection(*map(set, models.values())) if len(models) == len(self._arms) else set()
        self._cases = [case for case in self._cases if case not in faulty and case.model in both]

    def _by_model(self) -> list[list[Case]]:
        """Return the cases in display order, those of a model on a device together."""
        by_model: dict[tuple[str, str], list[Case]] = {}
        for case in self._cases:
            by_model.setdefault((case.model, case.device), []).append(case)
        return list(by_model.values())

    def _try_model(self, side: Side, arm: Arm, cases: Sequence[Case]) -> Generator[Event, None, set[Case]]:
        """Try the cases of a model in a process of their own; return those with a fault."""
        faulty: set[Case] = set()
        opener = self._workers.make_opener(side, first=side is Side.BASE)
        supervisor = Supervisor(opener, self._timeouts(), self._stop)
        try:
            for case in cases:
                if self._late() is None and (fault := (yield from self._try(side, arm, supervisor, case))):
                    yield fault
                    faulty.add(case)
            if cases and not supervisor.lost:
                yield from self._left_behind(tell_footprint(supervisor, side, cases[-1], 0, self._workers))
        except AbandonedError as abandoned:
            yield abandoned.fault
            faulty.add(abandoned.fault.case)
        finally:
            supervisor.end()
        return faulty

    def _left_behind(self, footprint: Footprint) -> Iterator[Footprint]:
        """Yield what was not told of an arm and a model before; what a process began as needs no telling."""
        known = self._footprints.setdefault((footprint.side, footprint.model), [])
        if (footprint.state or footprint.outside) and footprint not in known:
            known.append(footprint)
            self._shared = self._shared or bool(footprint.shared)
            yield footprint

    def _opened(self, base: Sequence[str], head: Sequence[str]) -> Opened:
        """Return what only one arm has."""
        asked = {case.model for case in self._cases}
        return Opened(
            new=tuple(case.id for case in self._cases if case.model not in base),
            gone=(
                *(case.id for case in self._cases if case.model in base and case.model not in head),
                *(name for name in base if name not in head and name not in asked),
            ),
        )

    def _timeouts(self) -> Settings:
        """Return the settings with no request allowed to take longer than the whole budget."""
        budget = self._settings.budget_seconds
        limit = self._settings.timeout_seconds
        return self._settings if budget is None else replace(self._settings, timeout_seconds=min(limit, budget))

    def _try(self, side: Side, arm: Arm, supervisor: Supervisor, case: Case) -> Generator[Event, None, Fault | None]:
        yield Turn(block=0, case=case)
        preparation = supervisor.prepare(arm.case(case), 0)
        if isinstance(preparation, Failure):
            return fault_of(side, case, 0, preparation)
        if side is Side.BASE:
            self._iterations[case] = replace(self._settings, slice_seconds=SLICE_SECONDS).iterations_for(preparation)
        supervisor.forget()
        counts = supervisor.count(arm.case(case))
        apart = self._compare_answers(side, arm, supervisor, case)
        yield Counts(  # what runs, and cannot be watched, is no fault of the case
            side=side,
            case=case,
            numbers={} if isinstance(counts, Failure) else counts.counts,
            reason=counts.reason if isinstance(counts, Failure) else None,
            flops_reason=None if isinstance(counts, Failure) else counts.flops_reason,
            relative_errors=preparation.relative_errors,
            apart=apart.apart,
            apart_reason=apart.reason,
        )
        return None

    def _compare_answers(self, side: Side, arm: Arm, supervisor: Supervisor, case: Case) -> AnswersCompared:
        """Return how far an arm's right answers of a case are from base's, once for all variants of a group.

        Each arm's answers were held against its own network: a mistake of that is in both.
        """
        if (side, case.group) in self._compared:
            return AnswersCompared(apart={})
        self._compared.add((side, case.group))
        compared = supervisor.compare_answers(arm.case(case), self._workers.answers_path(case))
        return AnswersCompared(apart={}, reason=compared.reason) if isinstance(compared, Failure) else compared

    def _pilot(self) -> Generator[Event, None, bool]:
        """Time one block that is discarded, and fix the plan from it; return whether any case is left."""
        control = self._random.choice(self._cases)
        while self._cases:
            control = control if control in self._cases else self._random.choice(self._cases)
            even = [Share(case=case, iterations=self._iterations[case], quads=PILOT_QUADS) for case in self._cases]
            try:
                block = yield from self._time(0, Plan(shares=tuple(even), control=control, slowdown=LEAST_SLOWDOWN))
            except AbandonedError as abandoned:
                yield abandoned.fault
                self._cases.remove(abandoned.fault.case)
                continue
            self._pilot_seconds = block.wall_seconds
            self._target = self._foresee(block, monotonic() - self._begin)
            self._plan = replace(plan_of(block, control, self._floors[control.id]), blocks=self._target)
            yield self._plan
            return True
        return False

    def _time(self, index: int, plan: Plan) -> Generator[Event, None, Block]:
        """Time one block; what code left behind in it is told once."""
        timing = self._timer.time(index, plan)
        while True:
            try:
                event = next(timing)
            except StopIteration as end:
                block: Block = end.value
                return block
            if isinstance(event, Turn):
                yield event
            else:
                yield from self._left_behind(event)

    def _carry_on(self) -> Generator[Event, None, tuple[str, bool]]:
        """Time blocks until a look settles everything or the budget ends; return why no more, and whether it broke."""
        number, looked = self._done, False
        while (reason := self._enough(number)) is None:
            try:
                block = yield from self._time(number + 1, self._live())
            except AbandonedError as abandoned:
                yield abandoned.fault
                self._cases.remove(abandoned.fault.case)
                if abandoned.fault.case == self._live().control:
                    return f"the control case, {abandoned.fault.case.id}, can no longer be measured", True
                continue
            self._walls.append(block.wall_seconds)
            yield block
            number, looked = number + 1, self._design.is_look(number + 1)
            if looked:
                yield Looked(blocks=number)
                if self._settled():
                    return "every case is settled", False
        if number < self._design.least_blocks:
            return f"{reason} after {how_many(number, 'block')}; {self._too_few(number)}", True
        if not looked and not self._done:
            yield Looked(blocks=number)
        return reason, False

    def _enough(self, number: int) -> str | None:
        """Return why no block is begun after this one, whatever was seen; None to go on."""
        if self._target is not None and number >= self._target:
            return f"{self._target} blocks are what their scatter asks for"
        if number >= self._done + self._settings.launches:
            return f"{self._settings.launches} blocks are the most that were asked for"
        left = self._design.least_blocks - number
        if left > 0 and self._late(left * self._typical(), slack=FIRST_LOOK_SLACK) is None:
            return None
        return self._late(self._typical())

    def _too_few(self, number: int) -> str:
        """Return what so few blocks are good for, and how long enough of them would take."""
        needed = monotonic() - self._begin + (self._design.least_blocks - number) * self._typical()
        tens = 10 * ceil(needed / 10)
        least = self._design.least_blocks
        return f"a verdict takes {least}, here about {tens} s in all: raise --budget, or go on by --add-blocks"

    def _late(self, seconds: float = 0.0, *, slack: float = 1.0) -> str | None:
        """Return that the budget has ended, or will within so many seconds; None if it has not.

        Args:
            seconds: from now on.
            slack: how many times the budget is allowed.
        """
        budget = self._settings.budget_seconds
        if budget is None or monotonic() - self._begin + seconds <= budget * slack:
            return None
        return f"the budget of {budget:g} s ended"

    def _typical(self) -> float:
        """Return what a block takes, from the latest ones, before the first from the pilot; 0 where there was none."""
        return median(self._walls[-5:]) if self._walls else self._pilot_seconds

    def _live(self) -> Plan:
        """Return the plan without the cases that broke since."""
        assert self._plan is not None, "there is no plan before the pilot"
        shares = tuple(share for share in self._plan.shares if share.case in self._cases)
        return replace(self._plan, shares=shares)
