"""What every step has in common: a network on its device with what it is fed, and how its iterations are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from bench.devices.clock import Clock
from bench.devices.dtypes import TORCH_DTYPES, Dtype
from bench.record.case import Case
from bench.steps.compiling import compiled_by
from bench.steps.verify import Answer, exact
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


def size(*tensors: Tensor) -> int:
    """Return the bytes that tensors' elements take."""
    return sum(one.numel() * one.element_size() for one in tensors)
