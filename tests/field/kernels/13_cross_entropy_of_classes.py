"""A loss as a network: the cross entropy of predictions and classes, which are whole numbers; its output is scalar."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

batch_size = 32
features, classes = 20, 10


class Model(nn.Module):
    """A linear classifier and its loss in one."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.classify = nn.Linear(features, classes)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(self.classify(x), labels, label_smoothing=0.1)  # (B, F), (B,) -> ()


def get_inputs():
    return [torch.randn(batch_size, features), torch.randint(classes, (batch_size,))]


def get_init_inputs():
    return [features, classes]
