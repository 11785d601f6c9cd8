"""Exact counts of a case: what one iteration dispatches, computes and keeps. They explain a change of time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

from bench.record.gate import FIRST_FLOPS
from bench.steps.step import Step, watch_saved

ITERATIONS = 3
"""After so many compiled iterations every graph that a case ever needs has been compiled."""


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operators that reach the dispatcher, views included, by name."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names[func.name()] += 1
        return func(*args, **(kwargs or {}))


def eager_counts(step: Step) -> tuple[dict[str, int], str | None]:
    """Return the counts of one eager iteration of `step`, and why ``flops`` is not among them, if that has a reason.

    Names:
        flops: floating-point operations; absent, with the reason, where an operator has no formula.
        flops_of_first_iteration: likewise of the first one, where that is another number.
        operators: dispatched operators; each kind under its own name, such as ``aten::addmm``.
        saved_bytes: tensors kept for the backward, each storage once; absent where nothing is differentiated.
        parameters: of the network.
    """
    first, _ = step.flops()  # the first iteration may dispatch what later ones do not
    operators = _Operators()
    flops, why_no_flops = step.flops()
    with watch_saved() as saved:
        step.isolated(operators)
    counts = {
        "flops": flops or 0,
        FIRST_FLOPS: first if first is not None and first != flops else 0,
        "operators": operators.names.total(),
        "saved_bytes": sum(saved.values()),
        "parameters": sum(parameter.numel() for parameter in step.subject.network.parameters()),
        **dict(sorted(operators.names.items())),
    }
    return {name: count for name, count in counts.items() if count}, why_no_flops


def compiled_counts(step: Step) -> dict[str, int]:
    """Return the counts of compiling `step`, whose network has not been called yet in this process.

    Names:
        graphs: compiled in the first iteration.
        recompiles: graphs that later iterations needed.
        graph_breaks: places where the compiler gave up and went on.
        kernels: that inductor generated, whether now or for its disk cache.
    """
    from torch._dynamo.utils import counters
    from torch._inductor import metrics

    counters.clear()
    before = metrics.generated_kernel_count
    step.iterate()
    graphs = counters["stats"]["unique_graphs"]
    for _ in range(ITERATIONS - 1):
        step.iterate()
    return {
        "graphs": graphs,
        "recompiles": counters["stats"]["unique_graphs"] - graphs,
        "graph_breaks": sum(counters["graph_break"].values()),
        "kernels": metrics.generated_kernel_count - before,
    }
