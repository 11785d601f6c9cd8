"""The walk shows networks that are fed and answer in other ways than the tutorial's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from models.walk import NO_TENSOR, list_layers, walk_network

BATCH = 2


class Shift(nn.Module):
    """Is called with nothing at all, and has a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.zeros(3))

    def forward(self) -> Tensor:
        return self.amount


class Mix(nn.Module):
    """Is called with two tensors by position, one by name and a flag; answers with a dict of a list."""

    def forward(self, x: Tensor, y: Tensor, *, scale: Tensor, negate: bool) -> dict[str, list[Tensor]]:
        return {"parts": [x * scale, -y if negate else y]}


class Silent(nn.Module):
    """Answers with nothing."""

    def forward(self, x: Tensor) -> None:
        pass


class Odd(nn.Module):
    """Reads whole numbers, holds a parameter beside layers, and uses the weights of a layer that it does not call."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 3)
        self.shift = Shift()
        self.mix = Mix()
        self.silent = Silent()
        self.unused = nn.Linear(3, 4, bias=False)
        self.last = nn.Parameter(torch.ones(5))

    def forward(self, tokens: Tensor, ratio: float) -> tuple[Tensor, dict[str, Any]]:
        x = self.embedding(tokens) + self.shift()
        mixed = self.mix(x, x[:, 0], scale=torch.tensor(ratio), negate=True)
        self.silent(x)
        return x @ self.unused.weight.T, mixed


def test_layers_of_any_call_have_their_shapes() -> None:
    """Whole numbers, several tensors or none, by position and by name, nested answers; scalars have no shape."""
    torch.manual_seed(0)
    rows = list_layers(Odd(), (torch.arange(2 * 4).reshape(2, 4), 0.5), {})
    assert rows == [
        ["embedding Embedding", "(2, 4)", "(2, 4, 3)", "30"],
        ["shift Shift", NO_TENSOR, "(3,)", "3"],
        ["mix Mix", "(2, 4, 3) (2, 3) ()", "(2, 4, 3) (2, 3)", "0"],
        ["silent Silent", "(2, 4, 3)", NO_TENSOR, "0"],
        ["Odd", "(2, 4)", "(2, 4, 4) (2, 4, 3) (2, 3)", "5"],
        ["unused Linear", "not called", "", "12"],
    ]


def test_parameters_of_the_rows_add_up_to_the_total() -> None:
    """Torch's attention has weights beside a layer that it does not call."""
    encoder = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
    rows = list_layers(encoder, (torch.zeros(BATCH, 5, 8),), {})
    total = sum(parameter.numel() for parameter in encoder.parameters())
    assert sum(int(count.replace(",", "")) for *_, count in rows) == total
    assert {name: shown for name, shown, *_ in rows}[
        "self_attn.out_proj NonDynamicallyQuantizableLinear"
    ] == "not called"


def test_walk_leaves_the_network_as_it_was() -> None:
    """No hook stays, also where the call fails, and no gradient is kept."""
    network = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    walk_network("title", network, (torch.zeros(BATCH, 3),))
    try:
        walk_network("title", network, (torch.zeros(BATCH, 5),))
    except RuntimeError:
        pass
    else:
        raise AssertionError("a product of shapes that do not fit must fail")
    assert not any(module._forward_hooks for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_walk_begins_with_the_title_and_needs_no_parameters() -> None:
    """A network loaded elsewhere may be a single layer without any."""
    lines = walk_network("mine: a single layer", nn.ReLU(), (torch.zeros(BATCH, 3),)).splitlines()
    assert lines == [
        "mine: a single layer",
        "ReLU()",
        "",
        "layer  input   output  parameters",
        "ReLU   (2, 3)  (2, 3)  0",
        "total                  0",
        "",
        "parameter  shape  first values",
    ]
