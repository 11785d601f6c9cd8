"""Forward, backward, train: n iterations of each between two reads of the clock."""

from __future__ import annotations

from contextlib import AbstractContextManager
from itertools import repeat

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from bench.devices.clock import Clock
from bench.steps.step import Step, Subject, size
from bench.steps.verify import LEARNING_RATE, Answer, collect, exact


class Forward(Step):
    """Logits from images, in inference mode; n iterations are queued and the clock waits for the last."""

    def iterate(self) -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            logits = self.subject.call(self.subject.images)
            return logits, self.subject.loss(logits, self.subject.labels)

    def timed(self, iterations: int) -> float:
        call, images, clock = self.subject.call, self.subject.images, self.clock
        with torch.inference_mode():
            call(images)
            begin = clock()
            for _ in repeat(None, iterations):
                call(images)
            return clock() - begin

    def isolated(self, watch: AbstractContextManager[object]) -> None:
        with torch.inference_mode(), watch:
            self.subject.call(self.subject.images)

    def minimal_bytes(self) -> int:
        subject = self.subject
        with torch.inference_mode():
            logits = subject.call(subject.images)
        return size(*subject.network.parameters(), *subject.network.buffers(), subject.images, logits)


class Backward(Step):
    """Gradients of the loss; each backward has a fresh graph, built untimed, and no gradient before it."""

    def iterate(self) -> tuple[Tensor, Tensor]:
        subject = self.subject
        subject.network.zero_grad(set_to_none=True)
        logits = subject.call(subject.images)
        loss = subject.loss(logits, subject.labels)
        loss.backward()  # type: ignore[no-untyped-call]
        return logits, loss

    def timed(self, iterations: int) -> float:
        subject, clock = self.subject, self.clock
        clear = subject.network.zero_grad
        self.iterate()
        seconds = 0.0
        for _ in repeat(None, iterations):
            clear(set_to_none=True)
            loss = subject.loss(subject.call(subject.images), subject.labels)
            begin = clock()
            loss.backward()  # type: ignore[no-untyped-call]
            seconds += clock() - begin
        clear(set_to_none=True)
        return seconds

    def answer(self, logits: Tensor, loss: Tensor) -> Answer:
        return Answer(logits=exact(logits), loss=exact(loss), gradients=collect(self.subject.network, gradients=True))

    def isolated(self, watch: AbstractContextManager[object]) -> None:
        subject = self.subject
        subject.network.zero_grad(set_to_none=True)
        loss = subject.loss(subject.call(subject.images), subject.labels)
        with watch:
            loss.backward()  # type: ignore[no-untyped-call]

    def minimal_bytes(self) -> int:
        kept: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            kept[storage._cdata] = storage.nbytes()  # noqa: SLF001  not every backend has addresses
            return tensor

        with saved_tensors_hooks(pack, lambda tensor: tensor):
            loss = self.subject.loss(self.subject.call(self.subject.images), self.subject.labels)
        del loss
        return sum(kept.values()) + size(*self.subject.network.parameters())


class Train(Step):
    """One step of training: clear gradients, forward, loss, backward, SGD; every slice starts from the same weights."""

    def __init__(self, subject: Subject, clock: Clock) -> None:
        super().__init__(subject, clock)
        self.optimizer = torch.optim.SGD(subject.network.parameters(), lr=LEARNING_RATE)
        self.initial = [parameter.detach().clone() for parameter in subject.network.parameters()]

    def iterate(self) -> tuple[Tensor, Tensor]:
        subject = self.subject
        self.optimizer.zero_grad(set_to_none=True)
        logits = subject.call(subject.images)
        loss = subject.loss(logits, subject.labels)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return logits, loss

    def timed(self, iterations: int) -> float:
        self.restore()
        clock, iterate = self.clock, self.iterate
        iterate()
        begin = clock()
        for _ in repeat(None, iterations):
            iterate()
        return clock() - begin

    def isolated(self, watch: AbstractContextManager[object]) -> None:
        self.restore()
        with watch:
            self.iterate()

    def minimal_bytes(self) -> int:
        subject = self.subject
        weights = size(*subject.network.parameters())
        return 3 * weights + size(*subject.network.buffers(), subject.images, subject.labels)

    def answer(self, logits: Tensor, loss: Tensor) -> Answer:
        network = self.subject.network
        return Answer(
            logits=exact(logits),
            loss=exact(loss),
            gradients=collect(network, gradients=True),
            weights=collect(network, gradients=False),
        )

    def restore(self) -> None:
        with torch.no_grad():
            for parameter, initial in zip(self.subject.network.parameters(), self.initial, strict=True):
                parameter.copy_(initial)


STEP_CLASSES: dict[str, type[Step]] = {"forward": Forward, "backward": Backward, "train": Train}
