"""A convolution of each channel by itself, then one over the channels, with a BatchNorm after each."""

import torch
from torch import Tensor, nn

batch_size = 4
inputs, outputs, side = 12, 24, 16


class Model(nn.Module):
    """The block of mobile networks; the initial inputs are named."""

    def __init__(self, *, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.ReLU6(inplace=True),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # (B, I, S, S) -> (B, O, S, S)


def get_inputs():
    return [torch.randn(batch_size, inputs, side, side)]


def get_init_inputs():
    return {"inputs": inputs, "outputs": outputs}
