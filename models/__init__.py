"""What is timed. `MODELS` names every network; importing this does not import torch.

To add one: a file in this folder that builds it, and a line in `MODELS`.
A network that is fed something else than images, or has another loss, says so in that line too.

This folder is a contract: with ``--against`` the workers of today's bench import it as it was in an old commit.
So a field that is added to `Model` has a default, here and in `bench/steps/subject.py`, and no name that a worker
uses is taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn

    Tensors = Tensor | tuple[Tensor, ...]
    """A network takes one tensor or several, and answers one or several; floating or whole numbers."""


def images(batch: int, seed: int, data_root: Path | None) -> tuple[Tensor, Tensor]:
    """Return FashionMNIST's test images (B, 1, 28, 28) and their labels (B,), or random ones of the same shapes.

    Args:
        batch: how many images, B.
        seed: of the random ones.
        data_root: torchvision's root of the real ones; None for random ones.
    """
    from models.inputs import fashion_mnist, random_images

    return random_images(batch, seed) if data_root is None else fashion_mnist(data_root, batch)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross entropy of classes: ((B, C), (B,)) -> scalar."""
    from torch.nn.functional import cross_entropy as mean_cross_entropy

    return mean_cross_entropy(logits, labels)


def next_tokens(batch: int, seed: int, data_root: Path | None) -> tuple[Tensor, Tensor]:  # noqa: ARG001  one contract
    """Return random tokens (B, 64), int64 in 0..255, and the token after each of them (B, 64).

    Args:
        batch: how many examples, B.
        seed: of the tokens.
        data_root: where images would be; it is not looked at.
    """
    from models.tokens import random_tokens

    return random_tokens(batch, seed)


def cross_entropy_of_tokens(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross entropy over all tokens: ((B, T, C), (B, T)) -> scalar, in float32 or better.

    In float16 the sum over some ten thousand tokens is infinite, and bfloat16 keeps two digits of a logarithm.
    """
    from torch import float32, promote_types

    rows = logits.flatten(0, 1).to(promote_types(logits.dtype, float32))  # (B, T, C) -> (B T, C)
    return cross_entropy(rows, targets.flatten())  # and (B, T) -> (B T,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A network that can be timed.

    Attributes:
        summary: one line for help texts.
        build: makes it with fresh float32 weights on the CPU; seed torch before.
        inputs: (batch, seed, data root or None) -> (what the network is fed, what its loss compares with), on the CPU.
            Floating numbers are float32 and are cast to the dtype that is timed; whole numbers stay as they are.
            A tuple is handed to the network as so many arguments.
        loss: (the network's output, what it is compared with) -> scalar.
        is_perceptron: whether it is one of three layers, whose rounding is derived. What rounding does to any other
            network is measured, on eager in the same dtype.
        tolerance: (unit roundoff of the dtype that products are computed in, batch) -> how far an answer may be off,
            relative in norm, by quantity: ``output``, ``loss``, ``gradients``. None, and a quantity that is left out,
            stand for what is derived. A network that is no perceptron needs none.
    """

    summary: str
    build: Callable[[], nn.Module]
    inputs: Callable[[int, int, Path | None], tuple[Tensors, Tensors]] = images
    loss: Callable[[Any, Any], Tensor] = cross_entropy
    is_perceptron: bool = False
    tolerance: Callable[[float, int], Mapping[str, float]] | None = None


def _mlp(hidden: int) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from models.mlp import NeuralNetwork

        return NeuralNetwork(hidden)

    return build


def _gpt() -> nn.Module:
    from models.gpt import GPT

    return GPT()


MODELS = {
    "mlp": Model(
        summary="the tutorial's network: 784-512-512-10, 669,706 parameters",
        build=_mlp(512),
        is_perceptron=True,
    ),
    "mlp-wide": Model(
        summary="the same with 4096 hidden units, so that an accelerator has something to chew on",
        build=_mlp(4096),
        is_perceptron=True,
    ),
    "gpt": Model(
        summary="a small GPT: 4 blocks 128 wide with 4 heads, 64 tokens of 256 symbols, 867,072 parameters",
        build=_gpt,
        inputs=next_tokens,
        loss=cross_entropy_of_tokens,
    ),
}
