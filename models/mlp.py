"""The multilayer perceptron of PyTorch's tutorial "Build the Neural Network".

Source: https://docs.pytorch.org/tutorials/beginner/basics/buildmodel_tutorial.html
"""

from __future__ import annotations

from torch import Tensor, nn

IMAGE = (1, 28, 28)
PIXELS = 28 * 28
CLASSES = 10


class NeuralNetwork(nn.Module):
    """Flatten, then three linear layers with a ReLU between them; `hidden` is 512 in the tutorial."""

    def __init__(self, hidden: int = 512) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.linear_relu_stack = nn.Sequential(
            nn.Linear(PIXELS, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, CLASSES),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits: (B, 1, 28, 28) -> (B, 10)."""
        x = self.flatten(x)  # (B, 1, 28, 28) -> (B, 784)
        logits: Tensor = self.linear_relu_stack(x)  # (B, 784) -> (B, hidden) -> (B, hidden) -> (B, 10)
        return logits


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Return the most probable class of each image, as the tutorial does: (B, 1, 28, 28) -> (B,)."""
    logits = model(images)  # (B, 10)
    probabilities = nn.Softmax(dim=1)(logits)  # (B, 10), rows sum to 1
    classes: Tensor = probabilities.argmax(1)  # (B,)
    return classes
