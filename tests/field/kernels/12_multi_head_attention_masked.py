"""Attention with several heads from scratch: a mask that is a buffer, and dropout in training."""

import torch
from torch import Tensor, nn

batch_size = 2
tokens, width, heads, dropout = 16, 32, 4, 0.1


class Model(nn.Module):
    """Projects, splits into heads, masks what is to come, and projects back."""

    def __init__(self, tokens: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.back = nn.Linear(width, width)
        self.drop = nn.Dropout(dropout)
        self.register_buffer("future", torch.ones(tokens, tokens, dtype=torch.bool).triu(1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        split = self.project(x).view(batch, tokens, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # each (B, H, T, W/H)
        scores = query @ key.transpose(-2, -1) / (width // self.heads) ** 0.5  # -> (B, H, T, T)
        weights = self.drop(scores.masked_fill(self.future, float("-inf")).softmax(dim=-1))
        return self.back((weights @ value).transpose(1, 2).reshape(batch, tokens, width))


def get_inputs():
    return [torch.randn(batch_size, tokens, width)]


def get_init_inputs():
    return [tokens, width, heads, dropout]
