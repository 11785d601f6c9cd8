"""Iterations under torch's profiler: each inside a mark, so that what a profiler saw can be told apart by iteration.

What a step does untimed between two marks, such as the forward before a backward, is in none. The clock that ends an
iteration waits for the device, so that kernels lie inside the mark, too.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from torch.profiler import profile, record_function, supported_activities

from bench.steps.step import Step

MARK = "accelbench: one iteration"
"""This is what the profiler is told to call the time of an iteration."""

LEADING = 3
"""So many profiled iterations come first and do not count: a profiler that has just begun is slow."""

Span = tuple[float, float]
Item = TypeVar("Item")


def record(step: Step, count: int) -> profile:
    """Return torch's profiler, which saw `LEADING` iterations of a step and then `count` that count."""
    profiler = profile(activities=supported_activities())  # type: ignore[no-untyped-call]
    with profiler:
        for _ in range(LEADING + count):
            step.isolated(_marked(step))
    step.tidy()
    return profiler


@contextmanager
def _marked(step: Step) -> Iterator[None]:
    """Have the profiler mark what happens inside, until the device has finished it."""
    with record_function(MARK):
        yield
        if step.subject.device.type != "cpu":
            step.clock()


def list_iterations(events: Iterable[Any]) -> list[tuple[Span, list[Any]]]:
    """Return the span of each iteration that was marked, with the events that began in it, in order.

    Args:
        events: torch's `FunctionEvent`, in any order; what lies in no mark is left out.
    """
    listed = list(events)
    marks = sorted(span_of(event) for event in listed if event.name == MARK and is_on_host(event))
    begins = [begin for begin, _ in marks]
    inside: list[list[Any]] = [[] for _ in marks]
    for event in listed:
        index = bisect_right(begins, event.time_range.start) - 1
        if event.name != MARK and index >= 0 and event.time_range.start < marks[index][1]:
            inside[index].append(event)
    return list(zip(marks, inside, strict=True))


def span_of(event: Any) -> Span:
    """Return when an event began and ended, in the profiler's microseconds."""
    return event.time_range.start, event.time_range.end


def is_on_host(event: Any) -> bool:
    """Whether a processor ran it, and not a device."""
    return bool(event.device_type.name == "CPU")


def keep_middle(iterations: Sequence[Item], length: Callable[[Item], float]) -> list[Item]:
    """Return the middle half of iterations by their length, over which means are taken: they add up, unlike medians."""
    ordered = sorted(iterations, key=length)
    cut = len(ordered) // 4
    return ordered[cut : len(ordered) - cut]
