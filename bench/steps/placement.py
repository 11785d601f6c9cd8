"""Putting what a network reads into other memory, so that no figure is that of one place.

Which pages a process was given decides how its weights share the caches, for as long as it lives: on a two-core Xeon
two processes of the same code, which forward one image, differ by 4.0 % of their time (standard deviation), and by
1.2 % where their weights move between quads. A case that moves is timed in many places and is the mean of none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from bench.steps.subject import Subject
from bench.steps.verify import list_tensors

HELD = 4
"""The places of so many moves are held, or the next one would be the first again."""

MOST_BYTES = 256 << 20
"""A network of which a move takes more than this is moved to and fro between two places."""


class Placement:
    """Moves the weights, the buffers and the inputs of a subject on a CPU; an accelerator's stay where they are.

    What another tensor shares memory with stays, too: a view that a network keeps of its weights would be left behind.

    Args:
        subject: whose.
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._held: deque[list[Tensor]] = deque(maxlen=HELD)

    def move(self) -> None:
        """Put everything that may move into memory that it was not in during the last moves."""
        if self._subject.device.type != "cpu":
            return
        left = []
        for tensor in self._list_movable():
            left.append(tensor.data)
            tensor.data = tensor.data.clone(memory_format=torch.preserve_format)
        if sum(tensor.nbytes for tensor in left) > MOST_BYTES:
            self._held.clear()
        self._held.append(left)

    def _list_movable(self) -> Iterator[Tensor]:
        """Yield each tensor whose memory is its own."""
        network, fed = self._subject.network, (self._subject.inputs, self._subject.target)
        tensors = [
            *network.parameters(),
            *network.buffers(),
            *(tensor for part in fed for tensor in list_tensors(part)),
        ]
        for tensor in {id(tensor): tensor for tensor in tensors}.values():
            if tensor.layout is torch.strided and tensor.numel() and count_owners(tensor) == ALONE > 0:
                yield tensor


def count_owners(tensor: Tensor) -> int:
    """Return how many tensors hold a tensor's memory, whoever asks included; 0 where this torch does not tell."""
    count = getattr(torch._C, "_storage_Use_Count", None)  # noqa: SLF001  torch has no other word
    return 0 if count is None else int(count(tensor.untyped_storage()._cdata))  # noqa: SLF001  likewise


ALONE = count_owners(torch.empty(1))
"""So many hold the memory of a tensor that nobody shares; 0 where this torch does not tell, and then nothing moves."""
