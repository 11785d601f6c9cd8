"""Maximum with indices, average and adaptive pooling of the same images, without parameters."""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, max_pool2d

batch_size = 5
channels, side, window = 4, 24, 3


class Model(nn.Module):
    """Answers with floating and with whole numbers."""

    def __init__(self, window: int) -> None:
        super().__init__()
        self.window = window

    def forward(self, x: Tensor) -> list[Tensor]:
        largest, places = max_pool2d(x, self.window, return_indices=True)  # (B, C, S, S) -> (B, C, S/3, S/3)
        return [largest, places, avg_pool2d(x, self.window), adaptive_avg_pool2d(x, 1).flatten(1)]


def get_inputs():
    return [torch.randn(batch_size, channels, side, side)]


def get_init_inputs():
    return [window]
