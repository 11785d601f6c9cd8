"""The layout axis: in which order the elements of tensors of four dimensions lie in memory."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from bench.record.case import DEFAULT_LAYOUT
from bench.steps.support import SkipError
from bench.steps.verify import Nested, list_tensors

IMAGE_DIMENSIONS = 4
"""Batch, channel, height and width: torch has the order of the axis for tensors of so many dimensions only."""

MEMORY_FORMATS = {"channels_last": torch.channels_last}
"""Says what torch calls every layout of the record but its own, in which everything is made."""


def lay_out_inputs(inputs: Nested, layout: str) -> Nested:
    """Return a network's inputs with those of four dimensions in a layout, which copies of them keep.

    Raises:
        SkipError: if no input has four dimensions, and the layout is not torch's own, in which everything is already.
    """
    if layout == DEFAULT_LAYOUT:
        return inputs
    if not any(tensor.dim() == IMAGE_DIMENSIONS for tensor in list_tensors(inputs)):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in list_tensors(inputs))
        raise SkipError(f"{layout} is an order of four dimensions, and no input has so many: {shapes}")
    memory_format = MEMORY_FORMATS[layout]

    def order(leaf: object) -> object:
        if isinstance(leaf, Tensor) and leaf.dim() == IMAGE_DIMENSIONS:
            # contiguous() leaves the strides of one channel as they are, and the compiler takes both layouts for one
            return torch.empty_like(leaf, memory_format=memory_format).copy_(leaf)
        return leaf

    return tree_map(order, inputs)


def lay_out_weights(network: nn.Module, layout: str) -> None:
    """Put a network's weights of four dimensions into a layout."""
    if layout != DEFAULT_LAYOUT:
        network.to(memory_format=MEMORY_FORMATS[layout])
