"""Did what was timed compute what it should? One more short slice, by the timed code, whose last answer is verified.

A network can answer rightly when it is first called and wrongly later, or wrongly only while it is timed: from its
120th call on, while Python's garbage collector is off, when it has seen its input before.
So the slice runs in the surroundings of a timed one, from restored state, with dropout off, which would differ from
the reference's.
Just before its last iteration the other of two inputs takes the place of the one before, in the same memory and
unseen by version counters, so that a remembered answer is a wrong one.
The last output is copied at once: whoever fills it in later, from a thread or on a read, is too late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from bench.steps.step import Step
from bench.steps.subject import Subject, map_tensors
from bench.steps.verify import Answer, Nested, check_output

ITERATIONS = 1
"""Timed iterations of that slice; one that is not timed goes before them, as in any slice."""

DROPPING_INSIDE = (nn.RNNBase, nn.MultiheadAttention)
"""These layers drop by a number of their own, and not by a layer inside them."""

DROPPING_BY_NAME = ("dropout", "droppath", "dropblock", "stochasticdepth")
"""torchvision and timm call layers of their own so, which leave out whole branches at random."""

CALLS = 1 + ITERATIONS
"""Calls of the network in it: after so many steps of training the weights are compared."""


class _Watched:
    """Stands for a subject's call and loss during one slice, and keeps a copy of what the last of them answered."""

    def __init__(self, subject: Subject, *, on_host: bool) -> None:
        self.output: Nested | None = None
        self.loss: Tensor | None = None
        self._subject = subject
        self._on_host = on_host
        self._calls = 0

    def answer(self, inputs: Nested) -> Nested:
        self._calls += 1
        if self._calls < CALLS:
            return self._subject.call(inputs)
        self._subject.take(1)
        output = self._subject.call(inputs)
        check_output(output, self._subject.device, on_host=self._on_host)
        self.output = _copy(output)
        return output

    def compare(self, output: Nested, target: Nested) -> Tensor:
        loss = self._subject.loss(output, target)
        if self._calls == CALLS:
            self.loss = loss.detach().clone()
        return loss


def last_answer(step: Step, collect: Callable[[Answer], Answer] | None = None) -> Answer:
    """Return what the last iteration of one more slice computed on the second of the two inputs.

    Args:
        step: takes the slice.
        collect: puts the answers of several ranks together; None in one process.

    Raises:
        WrongResultError: if it is no plain tensor on the device.
    """
    subject = step.subject
    subject.take(0)
    step.restore()
    watched = _Watched(subject, on_host=step.answers_on_host)
    step.subject = replace(subject, call=watched.answer, loss=watched.compare)
    try:
        with without_dropout(subject.network):
            step.timed(ITERATIONS)
        output = watched.output
        loss = watched.loss if watched.loss is not None else subject.loss(output, subject.target)
        answer = step.answer(output, loss)
        return answer if collect is None else collect(answer)
    finally:
        step.subject = subject
        step.tidy()
        subject.take(0)


@contextmanager
def without_dropout(network: nn.Module) -> Iterator[None]:
    """Switch dropout off for the length of the block: it is random, and no reference can match it.

    A layer that drops inside keeps its mode, in which alone some can compute gradients, and drops nothing.
    """
    layers = [module for module in network.modules() if _drops(module) and module.training]
    inside = [(module, module.dropout) for module in network.modules() if isinstance(module, DROPPING_INSIDE)]
    for layer in layers:
        layer.training = False
    for module, _ in inside:
        module.dropout = 0.0
    try:
        yield
    finally:
        for layer in layers:
            layer.training = True
        for module, dropout in inside:
            module.dropout = dropout


def drops(network: nn.Module) -> bool:
    """Whether a network drops at random in the mode in which it is."""
    return any(
        module.training and (_drops(module) or (isinstance(module, DROPPING_INSIDE) and module.dropout > 0))
        for module in network.modules()
    )


def _drops(module: nn.Module) -> bool:
    """Whether a layer is there to be random in training, by its kind or by how the zoos call their own."""
    if isinstance(module, _DropoutNd | nn.RReLU):
        return True
    name = type(module).__name__.lower()
    return any(word in name for word in DROPPING_BY_NAME) and next(module.parameters(), None) is None


def _copy(output: Nested) -> Nested:
    return map_tensors(lambda tensor: tensor.detach().clone(), output)
