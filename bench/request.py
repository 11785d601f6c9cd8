"""What was asked for, as plain values, checked before anything is timed.

This file knows neither pytest nor a command line: whoever can make a `Request` can measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.record.arm import Arm, Side
from bench.record.case import (
    DEFAULT_ACCELERATOR_DTYPES,
    DEFAULT_DTYPES,
    DEFAULT_RANKS,
    on_cpu,
)
from bench.record.conditions import Settings
from bench.record.spec import ModelSpec
from bench.record.step_spec import StepSpec


class SetupError(Exception):
    """Nothing can be measured; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanQuestion:
    """Which cases would be measured, which would be skipped and why, and how long would it take?

    Attributes:
        gate: the gate that is planned, of which it is also asked what it will be able to see; None for a run.
    """

    gate: GateQuestion | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuestion:
    """How fast is each case?

    Attributes:
        resume: whether to go on with the journal of a run that was cut off.
        retry: whether cases with a fault are then tried again.
        operators: whether to find out at the end where the time of each case goes.
        layers: whether to time each network layer by layer at the end.
        compiling: whether to compile each case from empty caches at the end.
        traces: a folder that takes everything that the profiler saw of it; None for none.
    """

    resume: bool
    retry: bool
    operators: bool = False
    layers: bool = False
    compiling: bool = False
    traces: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GateQuestion:
    """Is head slower than base?

    Attributes:
        arms: both, by side.
        from_branch_point: whether base's reference, where it is a commit, means the commit at which head left it.
        strict: whether an inconclusive case is a failure (exit code 7).
        add_blocks: whether to go on with the gate that --benchmark-json names.
        exhaust: whether to spend the whole budget even when every case is settled.
        detect: the slowdown, as a share, that the gate is to be able to see; None if none was named.
        by_scatter: whether the pilot's scatter says how many blocks that takes, since no budget was named.
        explain: whether every case is profiled at the end, and not only those that changed.
        gates: among how many gates of one decision the error is shared.
        traces: a folder that takes everything that the profiler saw; None for none.
    """

    arms: Mapping[Side, Arm]
    from_branch_point: bool
    strict: bool
    add_blocks: bool
    exhaust: bool
    detect: float | None
    by_scatter: bool
    explain: bool = False
    gates: int = 1
    traces: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetQuestion:
    """How fast is each case on each of several machines, or is head slower than base on any of them?

    Attributes:
        engine: what reaches them, such as ``ray`` or ``local:2``.
        labels: that a node must have.
        count: of nodes, where the engine gives as many as it is asked for.
        asked: what is asked on each.
    """

    engine: str
    labels: Mapping[str, str]
    count: int
    asked: RunQuestion | GateQuestion


Question = PlanQuestion | RunQuestion | GateQuestion | FleetQuestion


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where the code of a user's own models lies.

    Attributes:
        folder: absolute; specs are relative to it, and its modules are imported from it.
        src: the folder below it that packages lie in; None where that is the folder itself.
        own: whether it is this checkout.
        include: patterns of generated files in it that no commit holds and that both arms of a gate need.
        data: patterns of files in it that count although no worker imports them.
    """

    folder: Path
    src: str | None
    own: bool
    include: tuple[str, ...] = ()
    data: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which cases, how they are measured, and what is to be found out about them.

    Attributes:
        models: what is timed.
        fed_images: whether one of them is fed FashionMNIST's images, or random ones like them.
        project: where the code of those of the user's own lies.
        shape: of one example of a network that says nothing of its inputs; None if none was given.
        steps, batches, compiles, layouts: values of the axes.
        own_steps: where the steps of the user's own come from.
        compile_named: whether those of the compile axis were named, and not the default.
        dtypes: values of the dtype axis; None for the default, which depends on the device.
        threads: numbers of threads of a CPU; None for as many as a process has anyway.
        ranks: values of the axis of ranks.
        devices: names, or ``auto`` or ``all`` alone.
        required: devices whose absence is a failure.
        settings: how to measure.
        data: ``auto``, ``fashion-mnist`` or ``random``.
        data_root: where the images are looked for.
        download: whether to fetch them there first.
        unsteady: measures of steadiness that are left out.
        question: what is to be found out.
    """

    models: tuple[ModelSpec, ...]
    fed_images: bool
    project: Project
    shape: tuple[int, ...] | None
    steps: tuple[str, ...]
    batches: tuple[int, ...]
    devices: tuple[str, ...]
    dtypes: tuple[str, ...] | None
    compiles: tuple[str, ...]
    layouts: tuple[str, ...]
    threads: tuple[int, ...] | None
    compile_named: bool
    required: tuple[str, ...]
    settings: Settings
    data: str
    data_root: Path
    download: bool
    unsteady: tuple[str, ...]
    question: Question
    own_steps: tuple[StepSpec, ...] = ()
    ranks: tuple[str, ...] = (DEFAULT_RANKS,)

    def dtypes_for(self, device: str) -> Sequence[str]:
        """Return the dtypes to take on a device."""
        return self.dtypes or (DEFAULT_DTYPES if on_cpu(device) else DEFAULT_ACCELERATOR_DTYPES)

    def threads_for(self, device: str) -> Sequence[int | None]:
        """Return the numbers of threads to take on a device; an accelerator has none to set."""
        return (self.threads if on_cpu(device) else None) or (None,)
