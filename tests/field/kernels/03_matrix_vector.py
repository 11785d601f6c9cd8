"""A matrix of parameters times one vector, whose length is not the number of examples."""

import torch
from torch import Tensor, nn

outputs, inputs = 300, 200


class Model(nn.Module):
    """y = W x + b of a vector without a batch in front."""

    def __init__(self, outputs: int, inputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.mv(self.weight, x) + self.bias  # (I,) -> (O,)


def get_inputs():
    return [torch.randn(inputs)]


def get_init_inputs():
    return [outputs, inputs]
