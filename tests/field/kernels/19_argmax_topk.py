"""An output of whole numbers alone: the best class and the places of the next ones; nothing can be differentiated."""

import torch
from torch import Tensor, nn

batch_size = 64
features, classes, best = 24, 50, 3


class Model(nn.Module):
    """Has parameters, of which its output is no differentiable function."""

    def __init__(self, features: int, classes: int, best: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, classes)
        self.best = best

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.score(x)  # (B, F) -> (B, C)
        return scores.argmax(dim=1), scores.topk(self.best, dim=1).indices


def get_inputs():
    return [torch.randn(batch_size, features)]


def get_init_inputs():
    return [features, classes, best]
