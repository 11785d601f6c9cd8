"""What a profiler saw of a case: operators and device kernels by name, and the time in no operator.

A profile is taken in a process of its own, after everything was timed: a profiled iteration takes longer than a timed
one. Observations only; what they explain is computed in `reports`. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bench.record.added_later import ADDED_LATER
from bench.record.arm import Side
from bench.record.case import Case
from bench.record.observations import not_negative, positive


class Place(StrEnum):
    """Where an operator's time is spent."""

    HOST = "host"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTime:
    """All calls of one operator, or of one kernel of an accelerator, in an iteration.

    Attributes:
        name: as the profiler has it.
        place: host for whatever a processor ran, device for a kernel of an accelerator.
        calls: per iteration; whole, unless iterations differ.
        self_seconds: per iteration, of all calls together, without what they called in turn.
    """

    name: str
    place: Place
    calls: float
    self_seconds: float

    def __post_init__(self) -> None:
        positive(self, "calls")
        not_negative(self, "self_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleTime:
    """The operators of one module of an eager network in an iteration, one way.

    Attributes:
        name: of the module in the network, or in parentheses what is in no module.
        kind: its class; None for what is in no module.
        backward: whether they are of the backward through it.
        host_seconds: per iteration, own time of the operators that it called itself and not through another module.
        device_seconds: likewise of the kernels that they started; 0 where no kernel was seen.
    """

    name: str
    kind: str | None
    backward: bool
    host_seconds: float
    device_seconds: float

    def __post_init__(self) -> None:
        not_negative(self, "host_seconds", "device_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Where the time of an iteration goes, the mean over the iterations that count.

    Attributes:
        iterations: that count: the middle half of the profiled ones, by their time.
        seconds: wall time per profiled iteration.
        outside_seconds: of it, in no operator: Python, and what torch does before an operator begins.
        device_seconds: per iteration, in which an accelerator ran at least one kernel; None where no kernel was seen.
        operators: each name once for each place.
        remarks: what a reader must know, each a sentence without its full stop.
        modules: of an eager network in the order of its forward, from iterations of their own; empty otherwise.
    """

    iterations: int
    seconds: float
    outside_seconds: float
    device_seconds: float | None
    operators: tuple[OperatorTime, ...]
    remarks: tuple[str, ...] = ()
    modules: tuple[ModuleTime, ...] = field(default=(), metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        positive(self, "iterations", "seconds")
        not_negative(self, "outside_seconds", "device_seconds")
        keys = [(operator.place, operator.name) for operator in self.operators]
        if len(set(keys)) != len(keys):
            raise ValueError("a profile holds an operator twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled:
    """A case was profiled in one fresh process, or could not be.

    Attributes:
        case: which; in a gate as base runs it.
        side: which arm of a gate; None in a run.
        replicate: which process, counted from 1.
        profile: what was seen; None if it failed.
        reason: why it failed, one line; None exactly if there is a profile.
    """

    case: Case
    side: Side | None
    replicate: int
    profile: Profile | None
    reason: str | None

    def __post_init__(self) -> None:
        positive(self, "replicate")
        if (self.profile is None) != (self.reason is not None):
            raise ValueError(f"{self.case.id} has a profile, or the reason why there is none")


def keep_latest(profiles: Iterable[Profiled]) -> tuple[Profiled, ...]:
    """Return profiles without those that a later part took again: of a case, an arm and a replicate the last counts."""
    latest = {(profiled.case, profiled.side, profiled.replicate): profiled for profiled in profiles}
    return tuple(latest.values())
