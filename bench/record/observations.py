"""What a worker saw: the preparation of a case, its timed slices, and what its device can do at best.

Standard library only. Seconds throughout; absent is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite, isnan
from typing import Any, get_args, get_origin, get_type_hints

from bench.record.added_later import ADDED_LATER

LEAST_SECONDS, MOST_SECONDS = 1e-12, 1e9
"""No iteration is shorter than a light wave's path through a chip, or longer than a career."""


def positive(record: object, *names: str) -> None:
    """Raise ValueError unless each of these fields is None or a finite number above 0."""
    for name in names:
        value = getattr(record, name)
        if value is not None and not (isfinite(value) and value > 0):
            raise ValueError(f"{name} is {value}; it must be above 0")


def not_negative(record: object, *names: str) -> None:
    """Raise ValueError unless each of these fields is None or a finite number of at least 0."""
    for name in names:
        value = getattr(record, name)
        if value is not None and not (isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; it must not be below 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """The timed slices of one case in one launch, all in run order and of equal length.

    Attributes:
        iterations: iterations in each slice, the same for the whole run.
        seconds: wall time per iteration, one value per slice.
        set_index: which interleaved set of this launch each slice belongs to, counted from 0.
        started_seconds: when each slice began, on the run's monotonic clock.
        yardstick_seconds: the fixed yardstick's time in the same set, per product.
        stolen_seconds: time the hypervisor took from this machine while the slice ran, all cores together;
            None where the system does not tell.
        minor_faults: page faults without input or output while the slice ran.
        involuntary_switches: times the worker was taken off its core while the slice ran.
        clock_seconds: what one pair of clock reads costs by itself, synchronising included.
        latency_seconds: of single iterations right after each slice, every one of them waited for before the next
            begins; None where slices are not queued: on a CPU, and for steps that wait for every iteration.
        event_seconds: the slices once more, per iteration, by the device's own events; None where it has none that
            can be trusted.
        local_seconds: of iterations right after each slice in which every rank keeps its gradients to itself; None
            where there is nothing to exchange: in one process, and without a backward.
    """

    iterations: int
    seconds: tuple[float, ...]
    set_index: tuple[int, ...]
    started_seconds: tuple[float, ...]
    yardstick_seconds: tuple[float, ...]
    stolen_seconds: tuple[float, ...] | None
    minor_faults: tuple[int, ...]
    involuntary_switches: tuple[int, ...]
    clock_seconds: float
    latency_seconds: tuple[float, ...] | None
    event_seconds: tuple[float, ...] | None
    local_seconds: tuple[float, ...] | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        if self.iterations < 1:
            raise ValueError(f"iterations is {self.iterations}; it must be at least 1")
        if not self.seconds:
            raise ValueError("seconds is empty; a measured case has at least one slice")
        for name in SANE:
            if not _all_sane(getattr(self, name) or ()):
                raise ValueError(f"{name} holds a value that is not a positive number of seconds of sane size")
        not_negative(self, "clock_seconds")
        for name in PER_SLICE:
            values = getattr(self, name)
            if values is not None and len(values) != len(self.seconds):
                raise ValueError(f"{name} has {len(values)} values for {len(self.seconds)} slices")
            if values is not None and name in NOT_NEGATIVE and min(values) < 0:
                raise ValueError(f"{name} holds a negative value")


def _all_sane(seconds: tuple[float, ...]) -> bool:
    """Return whether every value is a time that can be; a file holds a million of them, so no loop of ours."""
    return not seconds or (min(seconds) >= LEAST_SECONDS and max(seconds) <= MOST_SECONDS and not isnan(sum(seconds)))


SANE = ("seconds", "yardstick_seconds", "latency_seconds", "event_seconds", "local_seconds")
"""These times are of something that was done, and so of sane size."""

NOT_NEGATIVE = ("set_index", "stolen_seconds", "minor_faults", "involuntary_switches")
"""`started_seconds` may be: the part of a run that was resumed begins its clock anew, after a slice of the first."""


def _element(hint: Any) -> type | None:
    """Return what a field holds for each slice, by its annotation; None for a field of the slices as a whole."""
    for part in (hint, *get_args(hint)):
        if get_origin(part) is tuple:
            element: type = get_args(part)[0]
            return element
    return None


PER_SLICE: Mapping[str, type] = {
    name: element for name, hint in get_type_hints(Slices).items() if (element := _element(hint)) is not None
}
"""These are the fields of `Slices` that hold one value for each slice, in order, and the type of that value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What a worker saw while it made a case ready, before anything was timed.

    Attributes:
        first_call_seconds: this case's first iteration in its process, eager or compiled; lazy set-up that cases before
            it in the same process did already is not in it.
        compile_seconds: the part of the first call that torch.compile spent compiling; None for eager cases.
        cache_was_warm: whether the compiler's disk cache already held this case; None for eager cases.
        warmup_seconds: time spent iterating until slice medians settled.
        settled: whether they did before the limit.
        verify_seconds: time spent comparing with the reference, which variants share and which is made before.
        total_seconds: building, first calls, comparing, warming up, counting operations.
        relative_errors: norm of the difference over norm of the reference, by quantity.
        estimate_seconds: per iteration, when warm-up ended; the pilot's fixes the iterations of a slice.
        clock_seconds: cost of one pair of clock reads in this process.
        queued: whether the step hands an accelerator an iteration before the one before it has ended.
        clock_pairs_per_iteration: pairs of clock reads in each of the step's iterations; 0 where one pair stands
            around a whole slice.
        flops: floating-point operations of one iteration, counted on the eager network; None if not countable.
        flops_reason: why it is None; None in launches that do not ask, and in files from before it was recorded.
        minimal_bytes: that one iteration must read and write at least, whatever the caches hold, counted on the eager
            network; None if not countable. Like `flops` and `peak_bytes` it is found in the pilot only.
        peak_bytes: device memory that this case needed at most, in a pass of its own; None where nobody tells.
        peak_bytes_reason: why it is None; None in launches that do not ask.
        remarks: what a reader of the case's figures must know of its model, each a sentence without its full stop.
        copy_seconds: per iteration, of the copies alone between the host's memory and the device's, both ways, found in
            the pilot only; None where the step copies nothing.
        copy_reason: why it is None; None in launches that do not ask.
        graph_breaks: places where the compiler gave up and went on with another graph; None for eager cases, and in
            files from before it was recorded.
        recompiles: graphs that iterations after the first needed before anything was timed; likewise.
    """

    first_call_seconds: float
    compile_seconds: float | None
    cache_was_warm: bool | None
    warmup_seconds: float
    settled: bool
    verify_seconds: float
    total_seconds: float
    relative_errors: Mapping[str, float]
    estimate_seconds: float
    clock_seconds: float
    queued: bool
    clock_pairs_per_iteration: int
    flops: int | None
    minimal_bytes: int | None
    peak_bytes: int | None
    peak_bytes_reason: str | None
    flops_reason: str | None = field(default=None, metadata=ADDED_LATER)
    remarks: tuple[str, ...] = field(default=(), metadata=ADDED_LATER)
    copy_seconds: float | None = field(default=None, metadata=ADDED_LATER)
    copy_reason: str | None = field(default=None, metadata=ADDED_LATER)
    graph_breaks: int | None = field(default=None, metadata=ADDED_LATER)
    recompiles: int | None = field(default=None, metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        positive(self, "estimate_seconds", "minimal_bytes", "peak_bytes", "copy_seconds")
        if not LEAST_SECONDS <= self.estimate_seconds <= MOST_SECONDS:
            raise ValueError("estimate_seconds is not of sane size")
        not_negative(self, *PREPARATION_AMOUNTS, "graph_breaks", "recompiles")
        if self.flops is not None and self.flops_reason is not None:
            raise ValueError("a preparation has its operations, or the reason why they are not counted")
        if self.copy_seconds is not None and self.copy_reason is not None:
            raise ValueError("a preparation has the seconds of its copies, or the reason why there are none")


PREPARATION_AMOUNTS = (
    "first_call_seconds",
    "compile_seconds",
    "warmup_seconds",
    "verify_seconds",
    "total_seconds",
    "clock_seconds",
    "clock_pairs_per_iteration",
    "flops",
)


MOST_PER_SECOND = 1e24
"""A million times what the fastest machine on earth computes; no device does less than one operation a second."""


class Limit(StrEnum):
    """What a ceiling is a ceiling of."""

    PRODUCTS = "products"
    COPIES = "copies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """The best that a device did at one simple thing in one launch.

    Attributes:
        device: its name.
        launch: in which launch, from 1.
        limit: products of square matrices (FLOP/s: a multiplication and an addition are two), or copies inside the
            device's memory (bytes/s: a byte that is copied is read and written, which are two).
        dtype: of the matrices; None for copies.
        per_second: the best rate over a sweep of sizes; None if there is none.
        size: rows of the matrices, or bytes of the copied tensor, at which it was reached.
        reason: why there is no rate.
    """

    device: str
    launch: int
    limit: Limit
    dtype: str | None
    per_second: float | None
    size: int | None
    reason: str | None

    def __post_init__(self) -> None:
        positive(self, "launch", "per_second", "size")
        if (self.limit is Limit.PRODUCTS) != (self.dtype is not None):
            raise ValueError("products have a dtype, copies have none")
        if self.per_second is not None and not 1.0 <= self.per_second <= MOST_PER_SECOND:
            raise ValueError("per_second is not of sane size")
        if (self.per_second is None) != (self.reason is not None) or (self.per_second is None) != (self.size is None):
            raise ValueError("a ceiling has a rate and its size, or a reason")
