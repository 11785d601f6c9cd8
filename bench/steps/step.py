"""What every step has in common: how its iterations are asked for, and what it says of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from bench.devices.clock import Clock
from bench.steps.flops import count_flops
from bench.steps.subject import Subject
from bench.steps.verify import Answer, Nested, list_tensors

NO_COPIES = "its inputs lie on the device before it begins, and its answer stays there"


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """What is right, in float64, or in float32 where a network cannot compute in that.

    Attributes:
        first: of the first iteration, on the first of two feeds; None if nobody asks for it.
        last: of the one after it, on the second feed; a step that trains starts it from the first one's weights.
    """

    first: Answer | None
    last: Answer


class Step(ABC):
    """One way to use a network, and how its iterations are timed.

    `iterate` runs one iteration, `timed` runs n of them and returns their seconds.

    Attributes:
        queued: whether an accelerator is given an iteration before the one before it has ended; only then do the
            rate of many iterations and the latency of one differ.
        moves_weights: whether an iteration begins from the weights that the one before it left.
        trains: whether the network is in training mode, in which a BatchNorm normalises by the batch and dropout drops;
            otherwise it is as it answers in use.
        starts_over: whether its second right answer takes its first iteration once more, in the same network, since an
            iteration may leave more than weights and buffers.
        answers_on_host: whether its answer may lie in the host's memory instead of the device's.
        differentiates: whether an iteration is a forward, a loss and a backward, and what may follow.
        clock_pairs_per_iteration: pairs of clock reads in each iteration; 0 where one pair stands around all of them.
    """

    queued: ClassVar[bool] = True
    moves_weights: ClassVar[bool] = False
    trains: ClassVar[bool] = True
    starts_over: ClassVar[bool] = False
    answers_on_host: ClassVar[bool] = False
    differentiates: ClassVar[bool] = False
    clock_pairs_per_iteration: ClassVar[int] = 0

    def __init__(self, subject: Subject, clock: Clock) -> None:
        self.subject = subject
        self.clock = clock
        self._turn = 0
        subject.network.train(self.trains)
        named = subject.network.named_parameters() if self.moves_weights else ()
        self._initial = {name: tensor.detach().clone() for name, tensor in (*named, *subject.network.named_buffers())}

    @abstractmethod
    def iterate(self) -> tuple[Nested, Tensor | None]:
        """Run one whole iteration; return output and loss, if it has one, still on the device."""

    @abstractmethod
    def timed(self, iterations: int, lead: int = 1) -> float:
        """Return the seconds of `iterations` iterations, after `lead` that are not timed."""

    def tidy(self) -> None:  # noqa: B027  most steps leave nothing
        """Let go of what a slice left behind and the next one does not need."""

    def swap(self) -> None:
        """Put the other of the two feeds in place."""
        self._turn = 1 - self._turn
        self.subject.take(self._turn)

    @staticmethod
    @abstractmethod
    def reference(subject: Subject) -> Answer:
        """Return the right answer of one iteration, written out by hand, on what is in place; it is in float64.

        Raises:
            SkipError: if the step asks for gradients and there is nothing to differentiate.
        """

    @classmethod
    def reference_after(cls, subject: Subject) -> Answer:
        """Return the right answer of the iteration after it, on what is in place; see `starts_over`.

        The weights and buffers are those that the first one left, unless it starts over: the first is `feeds[1]` then.
        """
        return cls.reference(subject)

    def restore(self) -> None:
        """Undo what iterations changed, weights and buffers, so that the next one computes what the first did."""
        if not self._initial:
            return
        network = self.subject.network
        now = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        with torch.no_grad():
            for name, initial in self._initial.items():
                now[name].copy_(initial)

    def answer(self, output: Nested, loss: Tensor | None) -> Answer:
        """Return what the latest iteration computed, given what `iterate` returned."""
        return Answer.of(self.subject.network, output, loss)

    @abstractmethod
    def isolated(self, watch: AbstractContextManager[object]) -> None:
        """Run what `timed` times of one iteration, and nothing else, inside a context that watches it."""

    @abstractmethod
    def minimal_bytes(self) -> int:
        """Return what must be read and written at least in what `timed` times of one iteration, in bytes.

        Everything that is there before is read once, everything that is left afterwards is written once; what lies
        between, a perfect cache would hold.
        """

    def time_copies(self, iterations: int) -> tuple[float | None, str | None]:  # noqa: ARG002  most steps copy nothing
        """Return the seconds per iteration of the copies alone between host and device, or None and the reason.

        Args:
            iterations: of one timing of them.
        """
        return None, NO_COPIES

    def flops(self) -> tuple[int | None, str | None]:
        """Return the floating-point operations of what `timed` times in one iteration, or None and the reason."""
        return count_flops(self.isolated)


def count_bytes(*values: Nested) -> int:
    """Return the bytes that tensors' elements take."""
    return sum(tensor.numel() * tensor.element_size() for value in values for tensor in list_tensors(value))


@contextmanager
def watch_saved() -> Iterator[dict[int, int]]:
    """Collect the bytes of every storage that is kept for a backward while the block runs, each storage once."""
    bytes_by_storage: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        bytes_by_storage[storage._cdata] = storage.nbytes()  # noqa: SLF001  not every backend has addresses
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        yield bytes_by_storage
