"""A BatchNorm whose running statistics move in training, a GroupNorm, and a scale that is learned for both."""

import torch
from torch import Tensor, nn

batch_size = 8
channels, groups, side = 8, 4, 6


class Model(nn.Module):
    """Normalises by the batch, then by groups of channels."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.by_batch = nn.BatchNorm2d(channels)
        self.by_group = nn.GroupNorm(groups, channels)
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.by_group(torch.relu(self.by_batch(x)))  # (B, C, S, S)
        return self.scale * x * x


def get_inputs():
    return [2 * torch.rand(batch_size, channels, side, side) + 1]


def get_init_inputs():
    return [channels, groups]
