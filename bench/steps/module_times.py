"""Which module of an eager network the time of an iteration's operators belongs to, in passes of the profiler apart.

Each call of a module is marked by hooks, so nothing but own times of operators is read here: what the hooks take is in
none of them. An operator of a forward belongs to the innermost module that called it. One of a backward belongs to the
module whose forward made its node of the graph: torch gives both the same number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from statistics import fmean
from typing import Any, NamedTuple

from torch import nn
from torch.profiler import record_function

from bench.record.profile import ModuleTime
from bench.steps.profiler_events import LEADING, is_on_host, keep_middle, list_iterations, record
from bench.steps.step import Step

MODULE = "accelbench: module "
"""This, before the name of a module, is what the profiler is told to call the time of a call of it."""

NODE = "autograd::engine::evaluate_function: "
"""This, before the name of a node, is what torch calls the time in which it carries out a node of a backward."""

KEEPING = "AccumulateGrad"
"""In such a node's name: it keeps the gradient of a parameter, and no forward has its number."""

OPTIMIZER = "Optimizer."

WHOLE = "(the network itself)"
OUTSIDE = "(outside the network)"
KEPT = "(keeping gradients)"
STEPPED = "(optimizer)"

Node = tuple[int, int]
"""The thread of the forward, and its number there."""


class _Owner(NamedTuple):
    """Whose the time of an operator is, and on which way."""

    name: str
    backward: bool


def find_module_times(step: Step, count: int) -> tuple[ModuleTime, ...]:
    """Return the own times of the operators of each module in an iteration, forward and backward, in calling order.

    Args:
        step: of an eager network, warmed up.
        count: how many iterations are profiled.

    Raises:
        Exception: whatever the step, or torch's profiler on this backend, raises.
    """
    kinds = {name or WHOLE: type(module).__name__ for name, module in step.subject.network.named_modules()}
    with _marked(step.subject.network):
        events = list(record(step, count).events())  # type: ignore[no-untyped-call]
    return read_module_times(events, kinds)


@contextmanager
def _marked(network: nn.Module) -> Iterator[None]:
    """Have the profiler mark each call of each module while the block runs."""
    opened: list[Any] = []
    hooks = []
    for name, module in network.named_modules():

        def enter(*_: Any, mark: str = MODULE + (name or WHOLE)) -> None:
            opened.append(record_function(mark))
            opened[-1].__enter__()

        def leave(*_: Any) -> None:
            opened.pop().__exit__(None, None, None)

        hooks += [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def read_module_times(events: Iterable[Any], kinds: Mapping[str, str]) -> tuple[ModuleTime, ...]:
    """Return what the profiler's events say of each module, the mean over the middle half of the iterations.

    Args:
        events: torch's `FunctionEvent`, of all iterations and of what lies between them.
        kinds: the class of each module, by name.
    """
    listed = [event for event in events if is_on_host(event)]
    makers = _find_makers(listed)
    iterations = keep_middle(list_iterations(events)[LEADING:], lambda iteration: iteration[0][1] - iteration[0][0])
    host: dict[_Owner, list[float]] = defaultdict(lambda: [0.0] * len(iterations))
    device: dict[_Owner, list[float]] = defaultdict(lambda: [0.0] * len(iterations))
    for index, (_, inside) in enumerate(iterations):
        for event in inside:
            if not is_on_host(event) or event.name.startswith(MODULE):
                continue
            owner = _find_owner(event, makers)
            host[owner][index] += max(0.0, event.self_cpu_time_total)
            device[owner][index] += sum(kernel.duration for kernel in event.kernels)
    order = [*kinds, OUTSIDE, KEPT, STEPPED]
    return tuple(
        ModuleTime(
            name=owner.name,
            kind=kinds.get(owner.name),
            backward=owner.backward,
            host_seconds=1e-6 * fmean(host[owner]),
            device_seconds=1e-6 * fmean(device[owner]),
        )
        for owner in sorted(host, key=lambda owner: (order.index(owner.name), owner.backward))
    )


def _find_makers(events: Iterable[Any]) -> Mapping[Node, str]:
    """Return the module whose forward made each node: the last operator with a number is the one that used it."""
    makers: dict[Node, str] = {}
    for event in sorted(events, key=lambda event: event.time_range.start):
        if event.sequence_nr >= 0 and not event.name.startswith(NODE) and not event.fwd_thread:
            makers[event.thread, event.sequence_nr] = _find_caller(event)
    return makers


def _find_caller(event: Any) -> str:
    """Return the innermost module that an event lies in."""
    for ancestor in _list_ancestors(event):
        if ancestor.name.startswith(MODULE):
            return str(ancestor.name[len(MODULE) :])
    return OUTSIDE


def _find_owner(event: Any, makers: Mapping[Node, str]) -> _Owner:
    for ancestor in _list_ancestors(event):
        name = str(ancestor.name)
        if name.startswith(MODULE):
            return _Owner(name[len(MODULE) :], backward=False)
        if name.startswith(OPTIMIZER):
            return _Owner(STEPPED, backward=False)
        if name.startswith(NODE):
            if KEEPING in name:
                return _Owner(KEPT, backward=True)
            return _Owner(makers.get((ancestor.fwd_thread, ancestor.sequence_nr), OUTSIDE), backward=True)
    return _Owner(OUTSIDE, backward=False)


def _list_ancestors(event: Any) -> Iterator[Any]:
    """Yield an event, what called it, and what called that, to the outermost."""
    while event is not None:
        yield event
        event = event.cpu_parent
