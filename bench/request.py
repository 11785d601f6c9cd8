"""What was asked for, as plain values, checked before anything is timed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.record.arm import Arm, Side
from bench.record.case import (
    DEFAULT_ACCELERATOR_DTYPES,
    DEFAULT_DTYPES,
)
from bench.record.conditions import Settings

KNOWN_DEVICES = ("cpu", "cuda", "mps", "xpu", "mtia", "hpu", "vulkan")
"""Kinds that are taken by name without asking torch; any other name is looked up by a probe process."""


class SetupError(Exception):
    """Nothing can be measured; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command line, checked.

    Attributes:
        models, steps, batches, compiles: values of the axes.
        dtypes: values of the dtype axis; None for the default, which depends on the device.
        devices: names, or ``auto`` or ``all`` alone.
        required: devices whose absence is a failure.
        settings: how to measure.
        plan: whether to print the plan and measure nothing.
        data: ``auto``, ``fashion-mnist`` or ``random``.
        data_root: where the images are looked for.
        download: whether to fetch them there first.
        unsteady: measures of steadiness that are left out.
        resume: whether to go on with the journal of a run that was cut off.
        retry: whether cases with a fault are then tried again.
        gate: what is compared; None for a plain run.
    """

    models: tuple[str, ...]
    steps: tuple[str, ...]
    batches: tuple[int, ...]
    devices: tuple[str, ...]
    dtypes: tuple[str, ...] | None
    compiles: tuple[str, ...]
    required: tuple[str, ...]
    settings: Settings
    plan: bool
    data: str
    data_root: Path
    download: bool
    unsteady: tuple[str, ...]
    resume: bool
    retry: bool
    gate: GateOptions | None = None

    def dtypes_for(self, device: str) -> Sequence[str]:
        """Return the dtypes to take on a device."""
        return self.dtypes or (DEFAULT_DTYPES if device == "cpu" else DEFAULT_ACCELERATOR_DTYPES)

    @property
    def arms(self) -> Mapping[Side, Arm]:
        """Return both arms of a comparison."""
        assert self.gate is not None, "a plain run has no arms"
        return self.gate.arms

    @property
    def needs_probe(self) -> bool:
        """Whether a probe process must be asked which devices there are."""
        return any(name.partition(":")[0] not in KNOWN_DEVICES for name in (*self.devices, *self.required))


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOptions:
    """What is compared, checked.

    Attributes:
        arms: both, by side.
        strict: whether an inconclusive case is a failure (exit code 7).
        add_blocks: whether to go on with the comparison that --benchmark-json names.
        exhaust: whether to spend the whole budget even when every case is settled.
    """

    arms: Mapping[Side, Arm]
    strict: bool
    add_blocks: bool
    exhaust: bool
