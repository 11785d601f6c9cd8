"""Forward, backward, train: making one case ready, and timing n iterations of it between two reads of the clock."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import repeat

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from bench.devices import Clock
from bench.dtypes import TORCH_DTYPES, Dtype
from bench.record.case import BACKEND_PREFIX, Case
from bench.verify import LEARNING_RATE, Answer, collect, exact
from models import Model

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A network on its device, in its dtype, compiled or not, with what it is fed.

    Attributes:
        network: the module that owns the weights.
        call: what is timed: the module itself, its compiled form, or either under autocast.
        images: (B, 1, 28, 28), in the storage dtype, on the device.
        labels: (B,), int64, on the device.
        loss: of logits and labels.
    """

    network: nn.Module
    call: Callable[[Tensor], Tensor]
    images: Tensor
    labels: Tensor
    loss: Loss


def build(
    case: Case, model: Model, device: torch.device, images: Tensor, labels: Tensor, *, seed: int, compiled: bool
) -> Subject:
    """Return the subject of a case.

    Args:
        case: what to build.
        model: its entry in the registry.
        device: where.
        images: (B, 1, 28, 28), float32, on the CPU.
        labels: (B,), int64, on the CPU.
        seed: of the weights: the same for every case, so that all compute the same function.
        compiled: whether to honour the case's compile mode; an eager twin serves to count operations.
    """
    dtype = TORCH_DTYPES[case.dtype]
    torch.manual_seed(seed)
    network = model.build().to(device=device, dtype=dtype.storage)
    call: Callable[[Tensor], Tensor] = network
    if compiled and case.compiled:
        call = compiled_by(case.compile, network)
    if dtype.amp:
        call = _under_autocast(call, device, dtype)
    return Subject(
        network=network,
        call=call,
        images=images.to(device=device, dtype=dtype.storage),
        labels=labels.to(device),
        loss=_under_autocast(model.loss, device, dtype) if dtype.amp else model.loss,
    )


def compiled_by(compile_: str, network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return a network compiled as a value of the compile axis says."""
    if compile_.startswith(BACKEND_PREFIX):
        return torch.compile(network, dynamic=False, backend=compile_.removeprefix(BACKEND_PREFIX))
    return torch.compile(network, dynamic=False, mode=None if compile_ == "on" else compile_)


def _under_autocast(call: Callable[..., Tensor], device: torch.device, dtype: Dtype) -> Callable[..., Tensor]:
    def cast(*arguments: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype=dtype.compute):
            return call(*arguments)

    return cast


class Step(ABC):
    """One way to use a network, and how its iterations are timed.

    `iterate` runs one iteration, `timed` runs n of them and returns their seconds.
    """

    def __init__(self, subject: Subject, clock: Clock) -> None:
        self.subject = subject
        self.clock = clock

    @abstractmethod
    def iterate(self) -> tuple[Tensor, Tensor]:
        """Run one whole iteration; return logits and loss, still on the device."""

    @abstractmethod
    def timed(self, iterations: int) -> float:
        """Return the seconds of `iterations` iterations, after one that is not timed."""

    def restore(self) -> None:  # noqa: B027  most steps change nothing
        """Undo what iterations changed, so that the next one computes what the first did."""

    def answer(self, logits: Tensor, loss: Tensor) -> Answer:
        """Return what the latest iteration computed, given what `iterate` returned."""
        return Answer(logits=exact(logits), loss=exact(loss))

    @abstractmethod
    def isolated(self, watch: AbstractContextManager[object]) -> None:
        """Run what `timed` times of one iteration, and nothing else, inside a context that watches it."""

    @abstractmethod
    def minimal_bytes(self) -> int:
        """Return what must be read and written at least in what `timed` times of one iteration, in bytes.

        Everything that is there before is read once, everything that is left afterwards is written once; what lies
        between, a perfect cache would hold.
        """

    def flops(self) -> int:
        """Return the floating-point operations of what `timed` times in one iteration, as torch's counter sees them."""
        counter = FlopCounterMode(display=False)
        self.isolated(counter)
        return int(counter.get_total_flops())


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


def size(*tensors: Tensor) -> int:
    """Return the bytes that tensors' elements take."""
    return sum(one.numel() * one.element_size() for one in tensors)


STEP_CLASSES: dict[str, type[Step]] = {"forward": Forward, "backward": Backward, "train": Train}
