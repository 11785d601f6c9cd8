"""A LayerNorm of torch beside a root mean square that is written out, both over the features of tokens."""

import torch
from torch import Tensor, nn

batch_size = 3
tokens, features = 20, 48


class Model(nn.Module):
    """The sum of two normalisations; the second multiplies by the inverse root of the mean square."""

    def __init__(self, features: int, epsilon: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.weight = nn.Parameter(torch.ones(features))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        mean_square = x.pow(2).mean(dim=-1, keepdim=True)  # (B, T, F) -> (B, T, 1)
        return self.norm(x) + self.weight * x * torch.rsqrt(mean_square + self.epsilon)


def get_inputs():
    return [torch.randn(batch_size, tokens, features)]


def get_init_inputs():
    return [features, 1e-6]
