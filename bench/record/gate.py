"""What a gate of two arms writes down: quads, blocks, looks, exact counts, and how it ended.

Observations only: effects, intervals and verdicts are computed in `reports`. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from math import log

from bench.record.added_later import ADDED_LATER
from bench.record.arm import Arm, Side
from bench.record.case import Case
from bench.record.conditions import Environment, Settings
from bench.record.looks import Design
from bench.record.observations import LEAST_SECONDS, MOST_SECONDS, not_negative, positive
from bench.record.profile import Profiled, keep_latest
from bench.record.run import Outcome

FIRST_FLOPS = "flops_of_first_iteration"
"""The name of a count: a network that remembers its answer has operations in its first iteration and then none."""

GATE_SCHEMA = 1
"""The version of a gate's content. Raise it whenever a field changes its meaning."""

CPU_FLOOR, ACCELERATOR_FLOOR = 0.02, 0.01
"""The smallest change that counts where nothing else is said: what a shared CPU can tell apart, and an accelerator."""


class Contest(StrEnum):
    """Which two processes a quad compares."""

    ARMS = "head against base"
    SAME = "base against base"
    SLOWED = "base against base, slowed on purpose"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """The quads of one case in one block; "head" is whoever is compared with base in this contest.

    Attributes:
        case: as base runs it.
        contest: who is compared.
        iterations: in each slice, the same for both.
        base_outside: of each quad, whether its order was base, head, head, base.
        base_seconds: wall time per iteration of base's slices, two for each quad, in run order.
        head_seconds: likewise of head's.
        yardstick_seconds: the fixed yardstick's time just before, per product.
        involuntary_switches: times a worker was taken off its core while these slices ran.
        stolen_seconds: time the hypervisor took from this machine meanwhile; None where the system does not tell.
    """

    case: Case
    contest: Contest
    iterations: int
    base_outside: tuple[bool, ...]
    base_seconds: tuple[float, ...]
    head_seconds: tuple[float, ...]
    yardstick_seconds: float
    involuntary_switches: int
    stolen_seconds: float | None

    def __post_init__(self) -> None:
        positive(self, "yardstick_seconds")
        not_negative(self, "involuntary_switches", "stolen_seconds")
        if self.iterations < 1:
            raise ValueError(f"iterations is {self.iterations}; it must be at least 1")
        if not self.base_outside:
            raise ValueError("a pairing without a quad")
        for name in ("base_seconds", "head_seconds"):
            values = getattr(self, name)
            if len(values) != 2 * len(self.base_outside):
                raise ValueError(f"{name} has {len(values)} values for {len(self.base_outside)} quads")
            if not all(LEAST_SECONDS <= value <= MOST_SECONDS for value in values):
                raise ValueError(f"{name} holds a value that is not a positive number of seconds of sane size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One launch of every arm, with all cases: the replicate.

    Attributes:
        index: counted from 1; 0 is the pilot, whose scatter shares out the quads and which is then discarded.
        base_first: the coin: whether base had the first of two otherwise equal slots.
        wall_seconds: of the whole block.
        pairings: one for each case and contest.
    """

    index: int
    base_first: bool
    wall_seconds: float
    pairings: tuple[Pairing, ...]

    def __post_init__(self) -> None:
        not_negative(self, "index", "wall_seconds")
        keys = [(pairing.contest, pairing.case) for pairing in self.pairings]
        if len(set(keys)) != len(keys):
            raise ValueError(f"block {self.index} holds a case twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What went wrong with one case in one arm.

    Attributes:
        side: which arm.
        case: as base names it.
        block: in which block; 0 while cases were made ready for the first time.
        outcome: how it ended.
        reason: why, one line.
    """

    side: Side
    case: Case
    block: int
    outcome: Outcome
    reason: str

    def __post_init__(self) -> None:
        if self.outcome is Outcome.MEASURED:
            raise ValueError("a fault is not an outcome of measured")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Exact counts of one case in one arm: they repeat to the last digit, whatever the machine does.

    Attributes:
        side: which arm.
        case: as base names it.
        numbers: by name; see `bench.steps.counts`.
        reason: why they could not be made; None if they were.
        flops_reason: why ``flops`` is not among the numbers; None if it is, or if there is no operation to count.
        relative_errors: in norm against the float64 reference of the arm's own network, by quantity; empty in files
            from before they were told.
        apart: of head's right answers from base's, both in float64: the norm of the difference over base's, by
            quantity; empty for base, for all but one case of a group, and in older files.
        apart_reason: why they cannot be compared, such as other parameters; None if they could, or nobody asked.
    """

    side: Side
    case: Case
    numbers: Mapping[str, int]
    reason: str | None = None
    flops_reason: str | None = field(default=None, metadata=ADDED_LATER)
    relative_errors: Mapping[str, float] = field(default_factory=dict, metadata=ADDED_LATER)
    apart: Mapping[str, float] = field(default_factory=dict, metadata=ADDED_LATER)
    apart_reason: str | None = field(default=None, metadata=ADDED_LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What the pilot gave a case: iterations in a slice and quads in a block."""

    case: Case
    iterations: int
    quads: int

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.quads < 1:
            raise ValueError(f"{self.case.id}: iterations and quads must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How blocks are made, fixed before the first from the pilot.

    Attributes:
        shares: one for each case that both arms can run.
        control: the case that is also compared with itself, and with itself slowed on purpose.
        slowdown: of the latter, as a share of its time.
        blocks: how many the pilot's scatter asks for; None where that was not asked, and in older files.
    """

    shares: tuple[Share, ...]
    control: Case
    slowdown: float
    blocks: int | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        positive(self, "slowdown", "blocks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Which cases only head has, and which cases, and models that were not asked for, only base has."""

    new: tuple[str, ...]
    gone: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDifference:
    """One file in which the trees of base and head differ.

    Attributes:
        path: of the file, from the folder above the compared one.
        added: lines that only head has; None if lines are not counted, as in a binary file.
        removed: lines that only base has; None together with `added`.
    """

    path: str
    added: int | None
    removed: int | None

    def __post_init__(self) -> None:
        not_negative(self, "added", "removed")
        if (self.added is None) is not (self.removed is None):
            raise ValueError(f"{self.path}: lines are counted on both sides or on none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """What base and head are, and in what they differ before anything is timed.

    Attributes:
        differences: files in which the compared trees differ, by path; empty if they are identical.
        left_out: why a file is in neither tree although a checkout holds it, by path.
        remarks: what a reader must know of both arms' origins and of what each tolerates, each a sentence.
    """

    differences: tuple[FileDifference, ...]
    left_out: Mapping[str, str]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a model's code left in its process beside its answer, seen when that had done its part of a block.

    Attributes:
        side: which arm.
        model: whose code.
        state: global settings that are not what they were when the process began, each as ``before -> after``.
        outside: files of modules that were loaded from neither the compared tree nor installed packages, by module.
        shared: those of them that lie in the repository of the compared tree, so that both arms import the same file.
    """

    side: Side
    model: str
    state: Mapping[str, str]
    outside: Mapping[str, str]
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Verdicts are looked at after so many blocks."""

    blocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """A known regression that is not to fail until a day has passed.

    Attributes:
        case: pattern of case ids, as in a shell.
        up_to: the largest slowdown that is accepted, as a share.
        reason: why.
        until: the last day, such as ``2027-01-31``.
    """

    case: str
    up_to: float
    reason: str
    until: str

    def __post_init__(self) -> None:
        positive(self, "up_to")
        date.fromisoformat(self.until)
        if not self.reason.strip():
            raise ValueError(f"the acceptance of {self.case} gives no reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a gate ended.

    Attributes:
        reason: why no further block was begun.
        broken: whether it could not be carried out as planned, so that nothing is proved.
        stopped: whether it was broken off by a signal.
        wall_seconds: of this part of the gate.
    """

    reason: str
    broken: bool
    stopped: bool
    wall_seconds: float

    def __post_init__(self) -> None:
        not_negative(self, "wall_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One gate of two arms.

    Attributes:
        environment: where it was made; facts of an arm's own begin with its name.
        settings: how it was asked to measure.
        arms: by side.
        cases: every planned case, as base runs it, in display order.
        floors: the smallest change that counts, by case id.
        accepted: known regressions.
        idle_patterns: patterns of floors or known regressions that fit no case that was collected.
        detect: the slowdown, as a share, that it was to be able to see; None if none was named.
        gates: among how many gates the error is shared that this one may spend a part of.
        new: cases that only head has.
        gone: cases, and models that were not asked for, that only base has.
        trees: what base and head are; None if it never came to that, and in files from before it was told.
        footprints: what each model's code left behind, each kind once for an arm and a model.
        plan: None if it never came to blocks.
        counts: exact counts.
        faults: what went wrong.
        blocks: in order, the pilot left out.
        looks: numbers of blocks at which verdicts were looked at, in order.
        profiles: where the time of an iteration goes in each arm, of the cases that were profiled.
        ending: None if the run, or its latest part, died before it could say how it ended.
        wall_seconds: of all parts that ended.
    """

    environment: Environment
    settings: Settings
    arms: Mapping[str, Arm]
    cases: tuple[Case, ...]
    floors: Mapping[str, float]
    accepted: tuple[Acceptance, ...] = ()
    idle_patterns: tuple[str, ...] = ()
    detect: float | None = None
    gates: int = 1
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    trees: Trees | None = None
    footprints: tuple[Footprint, ...] = ()
    plan: Plan | None = None
    counts: tuple[Counts, ...] = ()
    faults: tuple[Fault, ...] = ()
    blocks: tuple[Block, ...] = ()
    looks: tuple[int, ...] = ()
    profiles: tuple[Profiled, ...] = ()
    ending: Ending | None = None
    wall_seconds: float = 0.0
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        planned = set(self.cases)
        if len(planned) != len(self.cases):
            raise ValueError("the plan holds a case twice")
        if set(self.arms) != set(Side):
            raise ValueError("a gate has the arms base and head")
        if missing := [case.id for case in self.cases if case.id not in self.floors]:
            raise ValueError(f"{missing[0]} has no floor")
        if not all(0 < floor < 1 for floor in self.floors.values()):
            raise ValueError("a floor is not a share between 0 and 1")
        if self.detect is not None and not 0 < self.detect < 1:
            raise ValueError("what is to be detected is not a share between 0 and 1")
        Design(self.gates)
        if [block.index for block in self.blocks] != list(range(1, len(self.blocks) + 1)):
            raise ValueError("blocks are not counted from 1 without a gap")
        if list(self.looks) != sorted(set(self.looks)) or (self.looks and self.looks[-1] > len(self.blocks)):
            raise ValueError("looks are not at blocks in ascending order")
        named = {pairing.case for block in self.blocks for pairing in block.pairings}
        named |= {fault.case for fault in self.faults} | {profiled.case for profiled in self.profiles}
        if strangers := named - planned:
            raise ValueError(f"{min(case.id for case in strangers)} was measured but not planned")

    @property
    def design(self) -> Design:
        """Its looks, and what each may spend."""
        return Design(self.gates)

    @property
    def live(self) -> list[Case]:
        """Return the cases that both arms measured without a fault, in display order."""
        faulty = {fault.case for fault in self.faults}
        return [share.case for share in self.plan.shares if share.case not in faulty] if self.plan else []


GateEvent = Trees | Opened | Counts | Footprint | Fault | Plan | Block | Looked | Profiled | Ending
"""What happens in a gate, in the order of its journal."""


class GateFold:
    """Adds up a gate's events; its latest part's ending counts, and the time of all parts.

    Args:
        begun: where, how and what is measured.
    """

    def __init__(self, begun: Gate) -> None:
        self._begun = begun
        self._opened = Opened(new=(), gone=())
        self._trees: Trees | None = None
        self._footprints: list[Footprint] = []
        self._plan: Plan | None = None
        self._counts: dict[tuple[Side, Case], Counts] = {}
        self._faults: list[Fault] = []
        self._blocks: list[Block] = []
        self._looks: list[int] = []
        self._profiles: list[Profiled] = []
        self._ending: Ending | None = None
        self._wall_seconds = 0.0

    def add(self, event: GateEvent) -> None:  # noqa: C901  one for each event
        """Take one event."""
        if not isinstance(event, Profiled):  # a part is profiled after its ending
            self._ending = None  # that of an earlier part is over
        match event:
            case Trees():
                self._trees = event
            case Opened():
                self._opened = event
            case Footprint():
                self._footprints.append(event)
            case Counts():
                self._counts[event.side, event.case] = event
            case Fault():
                self._faults.append(event)
            case Plan():
                self._plan = event
            case Block():
                self._blocks.append(event)
            case Looked():
                self._looks.append(event.blocks)
            case Profiled():
                self._profiles.append(event)
            case Ending():
                self._ending = event
                self._wall_seconds += event.wall_seconds

    def record(self) -> Gate:
        """Return the gate as far as it got.

        Raises:
            ValueError: if its events do not fit together.
        """
        return replace(
            self._begun,
            new=self._opened.new,
            gone=self._opened.gone,
            trees=self._trees,
            footprints=tuple(self._footprints),
            plan=self._plan,
            counts=tuple(self._counts.values()),
            faults=tuple(self._faults),
            blocks=tuple(self._blocks),
            looks=tuple(self._looks),
            profiles=keep_latest(self._profiles),
            ending=self._ending,
            wall_seconds=self._wall_seconds,
        )


def default_floor(case: Case) -> float:
    """Return the smallest change of a case that counts where nothing else is said."""
    return CPU_FLOOR if case.on_cpu else ACCELERATOR_FLOOR


def quad_effects(pairing: Pairing) -> list[float]:
    """Return ln(head / base) of every quad: the mean of two logs on each side, so that a steady drift cancels."""
    base, head = ([log(value) for value in side] for side in (pairing.base_seconds, pairing.head_seconds))
    return [(head[first] + head[first + 1] - base[first] - base[first + 1]) / 2 for first in range(0, len(base), 2)]
