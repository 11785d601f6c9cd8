"""Products of a batch of matrices with transposed ones, without parameters."""

import torch
from torch import Tensor, nn

batch_size = 6
rows, inner, columns = 48, 32, 40


class Model(nn.Module):
    """Multiplies each left matrix with the transpose of each right one."""

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return torch.bmm(left, right.transpose(1, 2))  # (B, M, K), (B, N, K) -> (B, M, N)


def get_inputs():
    return [torch.randn(batch_size, rows, inner), torch.randn(batch_size, columns, inner)]


def get_init_inputs():
    return []
