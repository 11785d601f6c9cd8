"""A product of two square matrices, without parameters."""

import torch
from torch import Tensor, nn

N = 192


class Model(nn.Module):
    """C = A @ B."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b  # (N, N), (N, N) -> (N, N)


def get_inputs():
    return [torch.rand(N, N), torch.rand(N, N)]


def get_init_inputs():
    return []
