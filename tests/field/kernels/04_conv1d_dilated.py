"""Two dilated convolutions over a sequence, with padding on the left so that no output sees the future."""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

batch_size = 4
channels, length, kernel, dilation = 8, 64, 3, 4


class Model(nn.Module):
    """A causal block with a residual path."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.left = dilation * (kernel - 1)
        self.first = nn.Conv1d(channels, 2 * channels, kernel, dilation=dilation)
        self.second = nn.Conv1d(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = gelu(self.first(pad(x, (self.left, 0))))  # (B, C, L) -> (B, 2C, L)
        return x + self.second(hidden)  # -> (B, C, L)


def get_inputs():
    return [torch.randn(batch_size, channels, length)]


def get_init_inputs():
    return [channels, kernel, dilation]
