"""What is timed is the tutorial's network, to the letter."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models import MODELS
from models.mlp import NeuralNetwork, predict

TUTORIAL = """\
NeuralNetwork(
  (flatten): Flatten(start_dim=1, end_dim=-1)
  (linear_relu_stack): Sequential(
    (0): Linear(in_features=784, out_features=512, bias=True)
    (1): ReLU()
    (2): Linear(in_features=512, out_features=512, bias=True)
    (3): ReLU()
    (4): Linear(in_features=512, out_features=10, bias=True)
  )
)"""
"""Printed on docs.pytorch.org/tutorials/beginner/basics/buildmodel_tutorial.html."""


def parameters(network: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


def test_network_prints_as_in_the_tutorial() -> None:
    """A reader recognises it at once."""
    assert str(NeuralNetwork()) == str(MODELS["mlp"].build()) == TUTORIAL


@pytest.mark.parametrize(("name", "expected"), [("mlp", 669_706), ("mlp-wide", 20_037_642)])
def test_parameters_are_counted_by_hand(name: str, expected: int) -> None:
    """784 h + h, h h + h, 10 h + 10."""
    hidden = {"mlp": 512, "mlp-wide": 4096}[name]
    assert expected == 785 * hidden + (hidden + 1) * hidden + (hidden + 1) * 10
    assert parameters(MODELS[name].build()) == expected


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", ["mlp", "mlp-wide"])
def test_logits_and_loss_have_their_shapes(name: str, batch: int) -> None:
    """(B, 1, 28, 28) -> (B, 10) -> a scalar."""
    model = MODELS[name]
    logits = model.build()(torch.zeros(batch, 1, 28, 28))
    assert logits.shape == (batch, 10)
    assert logits.dtype == torch.float32
    assert model.loss(logits, torch.zeros(batch, dtype=torch.int64)).shape == ()


def test_network_computes_what_its_layers_say() -> None:
    """Three products with a maximum between them."""
    torch.manual_seed(1)
    network = NeuralNetwork(8)
    images = torch.rand(2, 1, 28, 28)
    first, _, second, _, third = network.linear_relu_stack
    x = images.reshape(2, 784)
    for layer in (first, second):
        x = (x @ layer.weight.T + layer.bias).clamp(min=0)
    torch.testing.assert_close(network(images), x @ third.weight.T + third.bias)


def test_loss_is_the_mean_cross_entropy() -> None:
    """The tutorial's next chapter; the logarithm of ten where nothing is known."""
    loss = MODELS["mlp"].loss(torch.zeros(4, 10), torch.arange(4))
    assert loss.item() == pytest.approx(2.302585, rel=1e-5)


def test_predict_is_the_most_probable_class() -> None:
    """Softmax over dimension 1, then argmax, as in the tutorial."""

    class Echo(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    logits = torch.tensor([[0.0, 3.0, 1.0], [2.0, -1.0, 1.0]])
    assert predict(Echo(), logits).tolist() == [1, 0]
    assert predict(NeuralNetwork(), torch.rand(3, 28, 28)).shape == (3,)
