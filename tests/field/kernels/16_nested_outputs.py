"""An output of tuples, lists and numbers in a dict, and an input that is a list of tensors."""

import torch
from torch import Tensor, nn

batch_size = 7
width = 10


class Model(nn.Module):
    """A trunk with two heads, of which one says how many examples it saw."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.trunk = nn.Linear(2 * width, width)
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in (1, 3))

    def forward(self, parts: list[Tensor], mask: Tensor):
        hidden = torch.tanh(self.trunk(torch.cat(parts, dim=1))) * mask  # (B, W), (B, W) -> (B, W)
        value, choice = (head(hidden) for head in self.heads)
        return {
            "heads": (value, [choice, choice.argmax(dim=1)]),
            "hidden": {"last": hidden, "none": None},
            "examples": len(mask),
        }


def get_inputs():
    return [[torch.randn(batch_size, width), torch.randn(batch_size, width)], torch.rand(batch_size, width) > 0.3]


def get_init_inputs():
    return [width]
