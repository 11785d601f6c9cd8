"""Watching the compiler: what the first calls of a case take longer than later ones, and what torch tells of it.

The process has compiled nothing before. What torch tells of single frames is private to it: it is read by name, and
what is not there is absent with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from bench.devices.backend import first_line
from bench.record.compiling import Compiling, Frame, GraphBreak
from bench.steps.compiling import CompileCounts, SilentEagerError
from bench.steps.step import Step

COMPILER = ("torch._dynamo.utils", "torch._inductor.compile_fx", "torch._inductor.codecache")
"""Importing these takes seconds, which are no compiling."""

LATER = 5
"""So many iterations follow the first one, on both feeds in turn; the fastest of them is what a first call is held
against."""

MOST_REASON = 300
"""Characters of a reason that are kept; torch explains some of them over a page."""

NOT_TOLD = "this torch tells nothing of the frames that it compiles: {reason}"


def import_compiler() -> float:
    """Import the compiler; return the seconds that it took."""
    begin = perf_counter()
    for name in COMPILER:
        import_module(name)
    return perf_counter() - begin


def account_compiling(step: Step, import_seconds: float) -> Compiling:
    """Return what compiling a step takes, whose network has not been called yet.

    Raises:
        SilentEagerError: if nothing was compiled.
    """
    before, kernels = CompileCounts.now(), _count_kernels()
    first = _time_calls(step)
    graphs = CompileCounts.now().since(before).graphs
    if not graphs:
        raise SilentEagerError("torch.compile compiled no graph for this case: it ran eagerly")
    later = []
    for _ in range(LATER):
        step.swap()
        later.append(_time_calls(step))
    counts = CompileCounts.now().since(before)
    seconds = [max(0.0, first[part] - min(calls[part] for calls in later)) for part in range(len(first))]
    frames, why_none = _read_frames()
    return Compiling(
        import_seconds=import_seconds,
        forward_seconds=seconds[0],
        backward_seconds=seconds[1] if step.differentiates else None,
        graphs=graphs,
        recompiles=counts.graphs - graphs,
        kernels=_count_kernels() - kernels,
        cache_hits=counts.hits,
        cache_misses=counts.misses,
        breaks=tuple(list_breaks()),
        frames=frames,
        frames_reason=why_none,
    )


def _time_calls(step: Step) -> tuple[float, ...]:
    """Return the seconds of a forward with its loss and of a backward; of a step without one, of an iteration."""
    subject, clock = step.subject, step.clock
    begin = clock()
    if not step.differentiates:
        step.iterate()
        return (clock() - begin,)
    subject.network.zero_grad(set_to_none=True)
    loss = subject.loss(subject.call(subject.inputs), subject.target)
    middle = clock()
    loss.backward()  # type: ignore[no-untyped-call]
    return middle - begin, clock() - middle


def _count_kernels() -> int:
    from torch._inductor import metrics

    return int(metrics.generated_kernel_count)


def list_breaks() -> Iterator[GraphBreak]:
    """Yield the places in this process where the compiler gave up, each once."""
    utils = import_module("torch._dynamo.utils")
    told = [reason for reason in getattr(utils, "graph_break_reasons", ()) if getattr(reason, "graph_break", True)]
    breaks = dict.fromkeys((_shorten(reason.reason), _find_place(reason.user_stack)) for reason in told)
    if not breaks:  # of some it tells the reason alone
        breaks = dict.fromkeys((_shorten(reason), None) for reason in utils.counters["graph_break"])
    for reason, place in breaks:
        yield GraphBreak(reason=reason, place=place)


def _find_place(stack: Iterable[Any]) -> str | None:
    """Return the innermost line of code in a stack, without the folder of its file."""
    frames = list(stack)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else None


def _shorten(reason: object) -> str:
    line = next(iter(str(reason).strip().splitlines()), "it gives no reason").strip()
    return line[:MOST_REASON]


def _read_frames() -> tuple[tuple[Frame, ...], str | None]:
    """Return what torch tells of each frame that it compiled in this process, or why it tells nothing."""
    try:
        told = import_module("torch._dynamo.utils").get_compilation_metrics()
        frames = tuple(_read_frame(metrics) for metrics in told if not getattr(metrics, "is_runtime", False))
    except Exception as error:  # noqa: BLE001  private to torch: whatever is not there any more
        return (), NOT_TOLD.format(reason=first_line(error))
    return frames, None if frames else NOT_TOLD.format(reason=f"torch {torch.__version__} lists none")


def _read_frame(metrics: Any) -> Frame:
    def seconds(name: str) -> float | None:
        microseconds = getattr(metrics, f"{name}_cumulative_compile_time_us", None)
        return None if microseconds is None else 1e-6 * microseconds

    reason = getattr(metrics, "recompile_reason", None)
    return Frame(
        forward=getattr(metrics, "is_forward", None),
        dynamo_seconds=seconds("dynamo"),
        aot_seconds=seconds("aot_autograd"),
        inductor_seconds=seconds("inductor"),
        code_gen_seconds=seconds("inductor_code_gen"),
        guards=getattr(metrics, "guard_count", None),
        recompile_reason=None if reason is None else _shorten(reason),
    )
