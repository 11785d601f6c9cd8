"""What is timed. `MODELS` names every network; importing this does not import torch.

To add one: a file in this folder that builds it, and a line in `MODELS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A network that can be timed.

    Attributes:
        summary: one line for help texts.
        build: makes it with fresh float32 weights on the CPU; seed torch before.
        loss: (logits (B, 10), labels (B,)) -> scalar.
    """

    summary: str
    build: Callable[[], nn.Module]
    loss: Callable[[Tensor, Tensor], Tensor]


def _mlp(hidden: int) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from models.mlp import NeuralNetwork

        return NeuralNetwork(hidden)

    return build


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    from torch.nn.functional import cross_entropy

    return cross_entropy(logits, labels)


MODELS = {
    "mlp": Model(
        summary="the tutorial's network: 784-512-512-10, 669,706 parameters",
        build=_mlp(512),
        loss=_cross_entropy,
    ),
    "mlp-wide": Model(
        summary="the same with 4096 hidden units, so that an accelerator has something to chew on",
        build=_mlp(4096),
        loss=_cross_entropy,
    ),
}
