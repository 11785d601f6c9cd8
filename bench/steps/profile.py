"""Observing where the time of an iteration goes: torch's profiler over single iterations, in a pass of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from torch.profiler import ProfilerActivity, profile, supported_activities

from bench.devices.backend import first_line
from bench.record.profile import ModuleTime, OperatorTime, Place, Profile
from bench.steps.module_times import find_module_times
from bench.steps.prepare import warm_up
from bench.steps.profiler_events import LEADING, Span, is_on_host, keep_middle, list_iterations, record, span_of
from bench.steps.step import Step

PROFILED_SECONDS = 0.1
"""The profiled iterations take about so long, if they were timed: enough for a mean, and little to keep in memory."""

LEAST_ITERATIONS, MOST_ITERATIONS = 12, 200
"""The middle half of fewer iterations is no mean; more of them take longer to be read than to be run."""

MOST_NAME = 300
"""Kernels of a library are named by all their template arguments, at any length."""

NO_KERNELS = "torch's profiler sees no kernels of {device} in this build: of it there is the host's time alone"

NO_MODULES = "its time could not be told apart by module: {reason}"

NO_TRACE = "its trace could not be written to {path}: {reason}"

Key = tuple[Place, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Iteration:
    """One profiled iteration, in microseconds as the profiler counts.

    Attributes:
        span: of its mark.
        calls, self_us: of each operator.
        outside_us: in no operator.
        device_us: in which a device ran a kernel.
    """

    span: Span
    calls: dict[Key, int]
    self_us: dict[Key, float]
    outside_us: float
    device_us: float

    @property
    def wall_us(self) -> float:
        """Return what it took."""
        return self.span[1] - self.span[0]


def show_kernels() -> None:
    """Have inductor mark its kernels for the CPU, so that a profiler sees them; before anything is compiled."""
    from torch._inductor import config

    config.cpp.enable_kernel_profile = True


def take_profile(step: Step, *, trace: Path | None = None) -> Profile:
    """Return where the time of an iteration of `step` goes.

    Args:
        step: of a case that is not timed in this process.
        trace: the file to which every event goes, as Chrome's trace viewer and Perfetto read it; None for none.

    Raises:
        Exception: whatever the step, or torch's profiler on this backend, raises.
    """
    estimate, _ = warm_up(step)
    count = min(MOST_ITERATIONS, max(LEAST_ITERATIONS, round(PROFILED_SECONDS / estimate)))
    activities = supported_activities()  # type: ignore[no-untyped-call]
    remarks = []
    if step.subject.device.type != "cpu" and activities <= {ProfilerActivity.CPU}:
        remarks.append(NO_KERNELS.format(device=step.subject.device))
    profiler = record(step, count)
    if trace is not None:
        remarks += _write_trace(profiler, trace)
    iterations = read_iterations(profiler.events())[LEADING:]  # type: ignore[no-untyped-call]
    modules: tuple[ModuleTime, ...] = ()
    if not step.subject.compiled:
        try:
            modules = find_module_times(step, count)
        except Exception as error:  # noqa: BLE001  hooks are called inside the user's own modules
            remarks.append(NO_MODULES.format(reason=first_line(error)))
    return _summarize(iterations, modules, remarks)


def _write_trace(profiler: profile, path: Path) -> list[str]:
    """Write every event that was seen; return why not, if it cannot be written."""
    try:
        path.unlink(missing_ok=True)
        profiler.export_chrome_trace(str(path))
    except (OSError, RuntimeError) as error:
        return [NO_TRACE.format(path=path, reason=first_line(error))]
    if not path.is_file():  # of a folder that is gone, or a full disk, the profiler tells its log alone
        return [NO_TRACE.format(path=path, reason="the profiler wrote none")]
    return []


def read_iterations(events: Iterable[Any]) -> list[_Iteration]:
    """Return what the profiler's events say of each iteration that was marked, in order.

    Args:
        events: torch's `FunctionEvent`, in any order; what lies in no mark is left out.
    """
    return [_read_iteration(span, inside) for span, inside in list_iterations(events)]


def _read_iteration(span: Span, events: Sequence[Any]) -> _Iteration:
    calls: dict[Key, int] = defaultdict(int)
    self_us: dict[Key, float] = defaultdict(float)
    busy: dict[Place, list[Span]] = {place: [] for place in Place}
    for event in events:
        place = Place.HOST if is_on_host(event) else Place.DEVICE
        if place is Place.DEVICE and getattr(event, "is_user_annotation", False):
            continue  # a mark's shadow on the device, over all kernels in it
        key = place, str(event.name)[:MOST_NAME]
        calls[key] += 1
        whole = event.time_range.elapsed_us()
        self_us[key] += max(0.0, event.self_cpu_time_total) if place is Place.HOST else whole
        busy[place].append(span_of(event))
    host = _cover(busy[Place.HOST], span)
    return _Iteration(
        span=span,
        calls=dict(calls),
        self_us=dict(self_us),
        outside_us=max(0.0, span[1] - span[0] - host),
        device_us=_cover(busy[Place.DEVICE], span),
    )


def _cover(spans: Iterable[Span], within: Span) -> float:
    """Return how much of a span is covered by others, which may overlap."""
    covered, reached = 0.0, within[0]
    for begin, end in sorted(spans):
        begin, end = max(begin, reached), min(end, within[1])  # noqa: PLW2901  cut to what is not yet counted
        if end > begin:
            covered, reached = covered + end - begin, end
    return covered


def _summarize(iterations: Sequence[_Iteration], modules: tuple[ModuleTime, ...], remarks: Sequence[str]) -> Profile:
    """Return the mean over the middle half of the iterations: it adds up, as medians of parts do not.

    Raises:
        RuntimeError: if the profiler lost the marks of the iterations.
    """
    if not iterations:
        raise RuntimeError("torch's profiler recorded no iteration")
    middle = keep_middle(iterations, lambda iteration: iteration.wall_us)
    keys = dict.fromkeys(key for iteration in middle for key in iteration.calls)
    operators = [
        OperatorTime(
            name=name,
            place=place,
            calls=fmean(iteration.calls.get((place, name), 0) for iteration in middle),
            self_seconds=1e-6 * fmean(iteration.self_us.get((place, name), 0.0) for iteration in middle),
        )
        for place, name in keys
    ]
    device = 1e-6 * fmean(iteration.device_us for iteration in middle)
    return Profile(
        iterations=len(middle),
        seconds=1e-6 * fmean(iteration.wall_us for iteration in middle),
        outside_seconds=1e-6 * fmean(iteration.outside_us for iteration in middle),
        device_seconds=device or None,
        operators=tuple(sorted(operators, key=lambda operator: -operator.self_seconds)),
        remarks=tuple(remarks),
        modules=modules,
    )
