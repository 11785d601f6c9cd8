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


def lay_out(network: nn.Module, inputs: Nested, layout: str) -> Nested:
    """Put a network's weights of four dimensions into a layout, and return its inputs with those likewise.

    Raises:
        SkipError: if no input has four dimensions, and the layout is not torch's own, in which everything is already.
    """
    if layout == DEFAULT_LAYOUT:
        return inputs
    if not any(tensor.dim() == IMAGE_DIMENSIONS for tensor in list_tensors(inputs)):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in list_tensors(inputs))
        raise SkipError(f"{layout} is an order of four dimensions, and no input has so many: {shapes}")
    memory_format = MEMORY_FORMATS[layout]
    network.to(memory_format=memory_format)

    def order(leaf: object) -> object:
        if isinstance(leaf, Tensor) and leaf.dim() == IMAGE_DIMENSIONS:
            return leaf.contiguous(memory_format=memory_format)
        return leaf

    return tree_map(order, inputs)
