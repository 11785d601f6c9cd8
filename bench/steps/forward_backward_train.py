"""Forward, backward, train: n iterations of each between two reads of the clock."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import repeat

import torch
from torch import Tensor

from bench.devices.clock import Clock
from bench.steps.step import Step, count_bytes, watch_saved
from bench.steps.subject import Subject
from bench.steps.support import check_gradient
from bench.steps.verify import LEARNING_RATE, Answer, Nested


class Forward(Step):
    """Output from inputs, as in use: `eval`, inference mode; n iterations are queued, the clock waits for the last."""

    trains = False

    def iterate(self) -> tuple[Nested, Tensor]:
        with torch.inference_mode():
            output = self.subject.call(self.subject.inputs)
            return output, self.subject.loss(output, self.subject.target)

    def timed(self, iterations: int, lead: int = 1) -> float:
        call, inputs, clock = self.subject.call, self.subject.inputs, self.clock
        with torch.inference_mode():
            for _ in repeat(None, lead):
                call(inputs)
            begin = clock()
            for _ in repeat(None, iterations):
                call(inputs)
            return clock() - begin

    @staticmethod
    def reference(subject: Subject) -> Answer:
        with torch.no_grad():
            output = subject.call(subject.inputs)
            return Answer.of(subject.network, output, subject.loss(output, subject.target))

    def isolated(self, watch: AbstractContextManager[object]) -> None:
        with torch.inference_mode(), watch:
            self.subject.call(self.subject.inputs)

    def minimal_bytes(self) -> int:
        subject = self.subject
        with torch.inference_mode():
            output = subject.call(subject.inputs)
        return count_bytes(*subject.network.parameters(), *subject.network.buffers(), subject.inputs, output)


class Backward(Step):
    """Gradients of the loss; each backward has a fresh graph, built untimed, and no gradient before it."""

    queued = False
    differentiates = True
    clock_pairs_per_iteration = 1

    def iterate(self) -> tuple[Nested, Tensor]:
        subject = self.subject
        subject.network.zero_grad(set_to_none=True)
        output = subject.call(subject.inputs)
        loss = subject.loss(output, subject.target)
        loss.backward()  # type: ignore[no-untyped-call]
        return output, loss

    def timed(self, iterations: int, lead: int = 1) -> float:
        subject, clock = self.subject, self.clock
        clear = subject.network.zero_grad
        for _ in repeat(None, lead):
            self.iterate()
        seconds = 0.0
        for _ in repeat(None, iterations):
            clear(set_to_none=True)
            loss = subject.loss(subject.call(subject.inputs), subject.target)
            begin = clock()
            loss.backward()  # type: ignore[no-untyped-call]
            seconds += clock() - begin
        return seconds

    def tidy(self) -> None:
        self.subject.network.zero_grad(set_to_none=True)

    @staticmethod
    def reference(subject: Subject) -> Answer:
        output = subject.call(subject.inputs)
        loss = subject.loss(output, subject.target)
        check_gradient(subject.network, loss)
        loss.backward()  # type: ignore[no-untyped-call]
        return Answer.of(subject.network, output, loss, gradients=True)

    def answer(self, output: Nested, loss: Tensor | None) -> Answer:
        return Answer.of(self.subject.network, output, loss, gradients=True)

    def isolated(self, watch: AbstractContextManager[object]) -> None:
        subject = self.subject
        subject.network.zero_grad(set_to_none=True)
        loss = subject.loss(subject.call(subject.inputs), subject.target)
        with watch:
            loss.backward()  # type: ignore[no-untyped-call]

    def minimal_bytes(self) -> int:
        subject = self.subject
        with watch_saved() as bytes_by_storage:
            loss = subject.loss(subject.call(subject.inputs), subject.target)
        del loss
        return sum(bytes_by_storage.values()) + count_bytes(*subject.network.parameters())


class Train(Step):
    """One step of training: clear gradients, forward, loss, backward, SGD; every slice starts from the same weights."""

    moves_weights = True
    differentiates = True

    def __init__(self, subject: Subject, clock: Clock) -> None:
        super().__init__(subject, clock)
        self.optimizer = torch.optim.SGD(subject.network.parameters(), lr=LEARNING_RATE)

    def iterate(self) -> tuple[Nested, Tensor]:
        subject = self.subject
        self.optimizer.zero_grad(set_to_none=True)
        output = subject.call(subject.inputs)
        loss = subject.loss(output, subject.target)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return output, loss

    def timed(self, iterations: int, lead: int = 1) -> float:
        self.restore()
        clock, iterate = self.clock, self.iterate
        for _ in repeat(None, lead):
            iterate()
        begin = clock()
        for _ in repeat(None, iterations):
            iterate()
        return clock() - begin

    @staticmethod
    def reference(subject: Subject) -> Answer:
        right = Backward.reference(subject)
        assert right.gradients is not None, "a backward has gradients"
        weights = {
            name: parameter.detach() - LEARNING_RATE * right.gradients.get(name, torch.zeros_like(parameter))
            for name, parameter in subject.network.named_parameters()
        }
        return replace(right, weights=weights)

    def isolated(self, watch: AbstractContextManager[object]) -> None:
        self.restore()
        with watch:
            self.iterate()

    def minimal_bytes(self) -> int:
        subject = self.subject
        weights = count_bytes(*subject.network.parameters())
        return 3 * weights + count_bytes(*subject.network.buffers(), subject.inputs, subject.target)

    def answer(self, output: Nested, loss: Tensor | None) -> Answer:
        return Answer.of(self.subject.network, output, loss, gradients=True, weights=True)
