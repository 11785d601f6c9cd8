"""Whole numbers alone as inputs: the mean of embeddings, and a gathered column of their projection."""

import torch
from torch import Tensor, nn

batch_size = 12
words, width, length = 200, 16, 9


class Model(nn.Module):
    """Looks words up, projects their mean, and takes the column that each example asks for."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(words, width, mode="mean")
        self.project = nn.Linear(width, width)

    def forward(self, tokens: Tensor, columns: Tensor) -> Tensor:
        projected = self.project(self.bag(tokens))  # (B, L) -> (B, W)
        return projected.gather(1, columns.unsqueeze(1)).squeeze(1)  # -> (B,)


def get_inputs():
    return [torch.randint(words, (batch_size, length)), torch.randint(width, (batch_size,))]


def get_init_inputs():
    return [words, width]
