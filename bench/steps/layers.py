"""Timing a network layer by layer: each by itself, on what it is given in the whole network, in turn with the whole.

A layer is a call of a module in which no other module is called. What a network computes between its layers, such as
a sum with what was skipped, is in none of them, and so in the whole alone.
A forward is timed as in use (`eval`, inference mode), a backward as in training, both queued: a graph is made once for
each slice, untimed, and differentiated again and again. Weights and values may be moved by that: nothing is verified
here, and the process does nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from bench.devices.clock import Clock
from bench.record.layers import Layer, Layers, Pass
from bench.steps.flops import count_flops
from bench.steps.prepare import WARM_SLICE_SECONDS, warm_up
from bench.steps.step import count_bytes, watch_saved
from bench.steps.subject import Subject
from bench.steps.verify import list_tensors

SLICES = 5
"""So many slices of each layer, one after the other over all layers: the median of them stands for the process."""

LOSS = "(loss)"
"""The loss is no module of the network; its backward is the first part of every backward."""

NO_TENSOR = "—"

NO_GRADIENT = "nothing in it is differentiated"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call of a layer that was watched.

    Attributes:
        name: of the module in the network.
        module: the layer.
        arguments, named: what it was given, detached; those that a gradient went to require one.
        inputs, output: shapes, as text.
        overwrites: whether it writes into what it is given.
    """

    name: str
    module: nn.Module
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    inputs: str
    output: str
    overwrites: bool


@dataclass(slots=True, kw_only=True)
class _Open:
    """A call that has not ended: which it is, and whether another module was called in it."""

    versions: list[int]
    calls_others: bool = False


@dataclass(slots=True, kw_only=True)
class _Timed:
    """What is timed between two reads of the clock.

    Attributes:
        make: returns one iteration of it with its arguments, made ready; nothing in it is timed.
        mode: the context in which it runs.
        clock: of its device.
        iterations: of a slice.
        seconds: per iteration, one for each slice.
    """

    make: Callable[[], partial[Any]]
    mode: Callable[[], AbstractContextManager[object]]
    clock: Clock
    iterations: int = 1
    seconds: list[float] = field(default_factory=list)

    def timed(self, iterations: int, lead: int = 1) -> float:
        """Return the seconds of so many iterations, after `lead` that are not timed."""
        clock = self.clock
        with self.mode():
            run = self.make()
            for _ in repeat(None, lead):
                run()
            begin = clock()
            for _ in repeat(None, iterations):
                run()
            return clock() - begin

    def isolated(self, watch: AbstractContextManager[object]) -> None:
        """Run one iteration inside a context that watches it."""
        with self.mode():
            run = self.make()
            with watch:
                run()


def time_layers(subject: Subject, clock: Clock) -> Layers:
    """Return what each layer of an eager network takes forward and backward, and what the whole takes.

    Raises:
        Exception: whatever the network raises.
    """
    network = subject.network
    used = _watch_calls(subject, train=False)
    trained = _watch_calls(subject, train=True)
    forwards = [_forward(call, subject, clock) for call in used]
    backwards = [_backward(call, subject, clock) for call in trained]
    loss, whole_backward = _backward_of_loss(subject, clock), _whole_backward(subject, clock)
    whole = _Timed(make=lambda: partial(subject.call, subject.inputs), mode=torch.inference_mode, clock=clock)
    network.eval()
    _time_in_turn([whole, *forwards])
    network.train()
    _time_in_turn([timed for timed in (whole_backward, *backwards, loss) if timed is not None])
    paired = _pair(used, trained)
    layers = [
        Layer(
            name=call.name,
            kind=type(call.module).__name__,
            inputs=call.inputs,
            output=call.output,
            parameters=sum(parameter.numel() for parameter in call.module.parameters()),
            forward=_summarize(forward, _forward_bytes(call, forward)),
            backward=_summarize_backward(None if index is None else backwards[index]),
        )
        for (call, index), forward in zip(paired, forwards, strict=True)
    ]
    if loss is not None:
        layers.append(_describe_loss(subject, loss))
    return Layers(
        layers=tuple(layers),
        forward_seconds=median(whole.seconds),
        backward_seconds=None if whole_backward is None else median(whole_backward.seconds),
        backward_reason=NO_GRADIENT if whole_backward is None else None,
        remarks=subject.remarks,
    )


def _watch_calls(subject: Subject, *, train: bool) -> list[_Call]:
    """Return the calls of layers in one forward, in the order in which they end."""
    network = subject.network.train(train)
    calls: list[_Call] = []
    with _watched(network, calls), torch.enable_grad() if train else torch.inference_mode():
        subject.call(subject.inputs)
    return calls


@contextmanager
def _watched(network: nn.Module, calls: list[_Call]) -> Iterator[None]:
    """Note every call of a layer while the block runs."""
    stack: list[_Open] = []

    def enter(_module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        if stack:
            stack[-1].calls_others = True
        stack.append(_Open(versions=_versions(arguments, named)))

    def leave(name: str) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any], Any], None]:
        def note(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], output: Any) -> None:
            opened = stack.pop()
            if not opened.calls_others:
                calls.append(
                    _Call(
                        name=name,
                        module=module,
                        arguments=tree_map(_detach, arguments),
                        named=tree_map(_detach, named),
                        inputs=_show_shapes((arguments, named)),
                        output=_show_shapes(output),
                        overwrites=_versions(arguments, named) != opened.versions,
                    )
                )

        return note

    hooks = []
    for name, module in network.named_modules():
        hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True))
        hooks.append(module.register_forward_hook(leave(name), with_kwargs=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _versions(*values: Any) -> list[int]:
    """Return how often each tensor was written; torch does not count it in inference mode."""
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    return [tensor._version for tensor in tensors if not tensor.is_inference()]  # noqa: SLF001  torch has no other word


def _detach(leaf: Any) -> Any:
    return leaf.detach().requires_grad_(leaf.requires_grad) if isinstance(leaf, Tensor) else leaf


def _show_shapes(values: Any) -> str:
    shapes = [str(tuple(leaf.shape)) for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    return " ".join(shapes) or NO_TENSOR


def _forward(call: _Call, subject: Subject, clock: Clock) -> _Timed:
    """Return the forward of a layer as what is timed."""
    module, arguments, named = subject.autocast(call.module), call.arguments, call.named
    return _Timed(make=lambda: partial(module, *arguments, **named), mode=torch.inference_mode, clock=clock)


def _forward_bytes(call: _Call, timed: _Timed) -> int:
    """Return what the forward of a layer must read and write at least."""
    with timed.mode():
        output = timed.make()()
    return count_bytes(*call.module.parameters(), *call.module.buffers(), call.arguments, dict(call.named), output)


def _backward(call: _Call, subject: Subject, clock: Clock) -> _Timed | None:
    """Return the backward of a layer as what is timed; None where nothing in it is differentiated."""
    module = subject.autocast(call.module)
    leaves = list_tensors((call.arguments, dict(call.named)))

    def run() -> Any:
        if not call.overwrites:
            return module(*call.arguments, **call.named)
        arguments, named = tree_map(_copy, (call.arguments, dict(call.named)))  # no leaf may be written
        return module(*arguments, **named)

    return _differentiate(run, [*leaves, *call.module.parameters()], clock)


def _copy(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, Tensor) else leaf


def _backward_of_loss(subject: Subject, clock: Clock) -> _Timed | None:
    """Return the backward of the loss alone as what is timed: from its value to the network's output."""
    output = tree_map(_detach, subject.call(subject.inputs))
    return _differentiate(lambda: subject.loss(output, subject.target), list_tensors(output), clock)


def _whole_backward(subject: Subject, clock: Clock) -> _Timed | None:
    """Return the backward of the whole network as what is timed."""
    parameters = list(subject.network.parameters())
    return _differentiate(lambda: subject.loss(subject.call(subject.inputs), subject.target), parameters, clock)


def _differentiate(run: Callable[[], Any], sources: Sequence[Tensor], clock: Clock) -> _Timed | None:
    """Return the gradients of what `run` makes, by its sources, as what is timed."""
    wanted = [tensor for tensor in sources if tensor.requires_grad]

    def list_differentiable() -> list[Tensor]:
        return [tensor for tensor in list_tensors(run()) if tensor.requires_grad]

    def make() -> partial[Any]:
        outputs = list_differentiable()
        gradients = [torch.ones_like(output) for output in outputs]
        return partial(torch.autograd.grad, outputs, wanted, gradients, retain_graph=True, allow_unused=True)

    if not wanted or not list_differentiable():
        return None
    return _Timed(make=make, mode=torch.enable_grad, clock=clock)


def _time_in_turn(several: Sequence[_Timed]) -> None:
    """Warm each up, then time a slice of each in turn, there and back, several times."""
    for timed in several:
        estimate, _ = warm_up(timed)
        timed.iterations = max(1, round(WARM_SLICE_SECONDS / estimate))
    for number in range(SLICES):
        for timed in several if number % 2 else reversed(several):
            timed.seconds.append(timed.timed(timed.iterations) / timed.iterations)


def _pair(used: Sequence[_Call], trained: Sequence[_Call]) -> list[tuple[_Call, int | None]]:
    """Return each call of a forward with the number of the same call in training, which may call others."""
    numbers: dict[tuple[str, int], int] = {}
    seen: dict[str, int] = {}
    for number, call in enumerate(trained):
        seen[call.name] = seen.get(call.name, 0) + 1
        numbers[call.name, seen[call.name]] = number
    seen.clear()
    paired = []
    for call in used:
        seen[call.name] = seen.get(call.name, 0) + 1
        paired.append((call, numbers.get((call.name, seen[call.name]))))
    return paired


def _summarize(timed: _Timed, least_bytes: int) -> Pass:
    flops, why = count_flops(timed.isolated)
    return Pass(seconds=median(timed.seconds), flops=flops, flops_reason=why, least_bytes=least_bytes)


def _summarize_backward(timed: _Timed | None) -> Pass | None:
    """Return a backward: what was kept for it and the gradients of its outputs are read, all others are written."""
    if timed is None:
        return None
    with timed.mode(), watch_saved() as saved:
        run = timed.make()
    _, _, gradients = run.args
    return _summarize(timed, sum(saved.values()) + count_bytes(gradients, run()))


def _describe_loss(subject: Subject, timed: _Timed) -> Layer:
    output = subject.call(subject.inputs)
    return Layer(
        name=LOSS,
        kind="loss",
        inputs=_show_shapes(output),
        output=_show_shapes(subject.loss(output, subject.target)),
        parameters=0,
        forward=None,
        backward=_summarize_backward(timed),
    )
