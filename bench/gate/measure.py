"""One comparison from the plan to the Job: both arms' code, images, workers, environment, events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import SystemRandom
from time import monotonic
from typing import Self

from bench.files.gate import JobLog, JournalError, LogEvent, read_job
from bench.files.journal import Journal
from bench.files.run import keep_aside
from bench.gate.block import Turn
from bench.gate.checkout import ExportError, Slots, export
from bench.gate.schedule import BLOCKS_PER_LAUNCHER, Blocks, Event
from bench.gate.tolerance import Tolerance
from bench.host.facts import digest, gather
from bench.host.folders import ROOT, scratch_folder
from bench.host.stopping import StopSwitch
from bench.plugin.terminal import while_it_can_be_seen
from bench.processes.local import AskedToStopError, LaunchError, WorkerDiedError, WorkerTimeoutError
from bench.processes.pool import ArmWorkers, Fleet
from bench.processes.supervisor import OpenError
from bench.record.arm import Arm, Side
from bench.record.case import Case
from bench.record.conditions import Environment, Scalar
from bench.record.gate import Ending, Job
from bench.request import Options, SetupError
from bench.run.resume import STATE
from bench.session import Images, located, opening_of

MAY_DIFFER = ("run.started", "commit.id", "commit.dirty", ".commit")
"""Ends of facts in which two parts of one comparison may differ: what the commits hold is compared itself, as ``code.``
and as an arm's ``models``."""

MOST_LOOKS = 9
"""The error that a further look may spend is finer than what random sign patterns resolve."""

Part = tuple[Job, tuple[LogEvent, ...]]
"""A stored comparison and its events."""


@dataclass(slots=True)
class Comparison:
    """What a comparison needs besides its cases; entered, it owns a scratch folder, both arms' code and launchers.

    Attributes:
        options: the command line.
        cases: what to compare, as base runs it; at least one.
        stop: turned by a signal.
        trouble: why an arm's code cannot be had; None if both are there.
        aside: where an earlier journal that is in no JSON was kept; None if there was none.
    """

    options: Options
    cases: Sequence[Case]
    stop: StopSwitch
    trouble: str | None = None
    aside: Path | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _scratch: Path = Path()
    _images: Images | None = None
    _code: dict[str, Scalar] = field(default_factory=dict)
    _slots: Slots | None = None
    _fleet: Fleet | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # undone if anything below fails
            self._scratch = stack.enter_context(scratch_folder())
            self._images = located(self.options, self._scratch)
            self._slots = Slots.make(ROOT, self._scratch)
            self._export()
            arms = tuple(self.options.arms.values())
            self._fleet = Fleet(
                engine=self._slots.engine,
                scratch=self._scratch,
                opening=opening_of(self.options, self._images),
                compiled=any(arm.case(case).compiled for case in self.cases for arm in arms),
                arms=arms,
                wake=self.stop.wake,
            )
            stack.callback(self._fleet.renew)
            self._stack = stack.pop_all()
        return self

    def _export(self) -> None:
        """Freeze both arms' code; what cannot be had is the comparison's trouble."""
        for side, arm in self.options.arms.items():
            try:
                self._code[f"arm.{side}.commit"] = export(ROOT, arm.ref, self._tree(side)) or None
                self._code[f"arm.{side}.models"] = digest(self._tree(side) / "models")
            except ExportError as error:
                self.trouble = f"{side} cannot be exported: {error}"

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def fleet(self) -> Fleet:
        """Executes launchers."""
        assert self._fleet is not None, "the comparison has not been entered"
        return self._fleet

    def hire(self, side: Side, first: bool) -> ArmWorkers:  # noqa: FBT001  a slot is the first or it is not
        """Return the maker of an arm's workers, whose code lies in the first or in the second of two equal slots."""
        assert self._slots is not None, "the comparison has not been entered"
        other = Side.BASE if side is Side.HEAD else Side.HEAD
        mine, theirs = self._tree(side), self._tree(other)
        slots = self._slots.place(mine, theirs) if first else self._slots.place(theirs, mine)
        return ArmWorkers(fleet=self.fleet, arm=self.options.arms[side], slot=slots[0 if first else 1])

    def carry_out(
        self,
        tolerance: Tolerance,
        floors: dict[str, float],
        journal_path: Path,
        *,
        show: Callable[[Event, Callable[[], Job]], None],
        settled: Callable[[Job], bool],
        earlier: Part | None,
    ) -> JobLog:
        """Compare and return the log, each event in the journal before it is shown.

        Whatever keeps the comparison from being carried out is its ending, which says so.

        Args:
            tolerance: what the project's file says.
            floors: the smallest change that counts, by case id.
            journal_path: where events go.
            show: takes every event, and what makes the job so far.
            settled: whether the job so far leaves nothing to be found out.
            earlier: a part of this comparison that is continued.

        Raises:
            SetupError: if `earlier` was made elsewhere or otherwise.
            OSError: if the journal cannot be begun.
        """
        begin = monotonic()
        begun = Job(
            environment=self._environment(),
            settings=self.options.settings,
            arms={side.value: arm for side, arm in self.options.arms.items()},
            cases=tuple(self.cases),
            floors=floors,
            accepted=tolerance.accepted,
        )
        if earlier is not None and self.trouble is None:
            check_continuable(earlier[0], begun)
        self.aside = keep_aside(journal_path, lambda path: read_job(path)[0])
        with Journal(journal_path) as journal:
            log = JobLog(begun, journal, () if earlier is None else earlier[1])
            visible = while_it_can_be_seen(show)
            try:
                for event in self._events(begun, log, settled, begin, earlier):
                    if not isinstance(event, Turn):
                        log.add(event)
                    visible(event, log.job)
            except Exception as error:  # noqa: BLE001  whatever fails here is an ending that proves nothing
                told = isinstance(error, LaunchError | JournalError)
                reason = str(error) if told else f"the engine failed: {type(error).__name__}: {error}"
                ending = Ending(reason=reason, broken=True, stopped=False, wall_seconds=monotonic() - begin)
                log.keep(ending)
                visible(ending, log.job)
            return log

    def _events(
        self, begun: Job, log: JobLog, settled: Callable[[Job], bool], begin: float, earlier: Part | None
    ) -> Iterator[Event]:
        """Return the events to come; one that says why, if an arm's code cannot be had."""
        if self.trouble is not None:
            return iter([Ending(reason=self.trouble, broken=True, stopped=False, wall_seconds=monotonic() - begin)])
        arms = self.options.arms
        alike = arms[Side.BASE].launched_like(arms[Side.HEAD])
        return Blocks(
            self.cases,
            self.options.settings,
            arms,
            hire=self.hire,
            settled=lambda: settled(log.job()),
            stop=self.stop,
            begin=begin,
            renew=self.fleet.renew,
            blocks_per_launcher=BLOCKS_PER_LAUNCHER if alike else 1,
            floors=begun.floors,
            random=SystemRandom(),
            plan=None if earlier is None else earlier[0].plan,
            done=0 if earlier is None else len(earlier[0].blocks),
        ).events()

    def _tree(self, side: Side) -> Path:
        return self._scratch / side

    def _environment(self) -> Environment:
        """Return where this is, with what each arm's workers say about torch and the devices."""
        assert self._images is not None, "the comparison has not been entered"
        facts = dict(self._code)
        if self.trouble is None:
            for side, arm in self.options.arms.items():
                for device in dict.fromkeys(case.device for case in self.cases):
                    facts |= {f"arm.{side}.{name}": value for name, value in self._told(side, arm, device).items()}
        return gather(
            ROOT,
            data_source=self._images.source,
            data_reason=self._images.reason,
            left_out=self.options.unsteady,
            worker_facts=facts,
        )

    def _told(self, side: Side, arm: Arm, device: str) -> dict[str, Scalar]:
        """Return what an arm's worker says; nothing if it does not come up, which will show when it is needed."""
        try:
            worker, _ = self.fleet.start(arm, self.hire(side, first=side is Side.BASE).slot, device, launch=0)
            if worker is None:
                return {}
            reply = worker.ask({"do": "facts"}, self.options.settings.timeout_seconds)
            worker.end()
        except (LaunchError, WorkerDiedError, WorkerTimeoutError, OpenError, AskedToStopError):
            return {}
        told: dict[str, Scalar] = reply.get("facts", {})
        return told


def check_continuable(earlier: Job, now: Job) -> None:
    """Raise SetupError, naming every difference, unless `now` is another part of the same comparison."""
    before, after = earlier.environment.facts, now.environment.facts
    names = sorted(name for name in before.keys() | after.keys() if not name.endswith((*MAY_DIFFER, STATE)))
    found = [
        f"{name} was {before.get(name)}, is {after.get(name)}" for name in names if before.get(name) != after.get(name)
    ]
    found += [
        f"the {name} differ" for name in ("cases", "floors", "arms") if getattr(earlier, name) != getattr(now, name)
    ]
    if replace(earlier.settings, budget_seconds=None) != replace(now.settings, budget_seconds=None):
        found.append("the settings differ")
    if len(earlier.looks) >= MOST_LOOKS:
        found.append(f"its {len(earlier.looks)} looks have spent all the error there is: begin a new one")
    if earlier.plan is None:
        found.append("it never came to a block: run it again without --add-blocks")
    if found:
        raise SetupError(f"--add-blocks: {earlier.source} cannot be continued here: {'; '.join(found)}")
