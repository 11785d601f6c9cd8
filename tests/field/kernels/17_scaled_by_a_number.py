"""Python's numbers, a word and None among the inputs, which no device or dtype changes."""

import torch
from torch import Tensor, nn

batch_size = 10
width = 30


class Model(nn.Module):
    """A linear layer, whose output is scaled, clamped and reduced as its inputs say."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor, scale: float, dim: int, how: str, bias: Tensor | None) -> Tensor:
        y = self.linear(x) * scale  # (B, W)
        y = y if bias is None else y + bias
        return y.clamp(min=-1.0).mean(dim) if how == "mean" else y.sum(dim)


def get_inputs():
    return [torch.randn(batch_size, width), 0.5, 1, "mean", None]


def get_init_inputs():
    return [width]
