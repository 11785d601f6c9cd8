"""Networks of torchvision by their name, with random weights, random images and cross entropy over their classes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.record.spec import ModelSpec
from bench.steps.imported import ImportedError
from bench.steps.subject import Definition, Fed, Loss
from bench.steps.verify import Nested, list_tensors

IMAGE = (3, 224, 224)
"""What torchvision's classifiers were trained on; see the table of their weights in its documentation."""

CLASSES = 1000
"""Classes of ImageNet, which a network without weights has too."""

OTHERS = {
    "detection": "lists of images with boxes",
    "segmentation": "a class for each pixel as its target",
    "video": "clips of five dimensions",
    "optical_flow": "two images",
    "quantization": "calibrated integers",
}
"""Folders of torchvision's other networks, and what those want that classes of images do not give."""


def define_zoo(spec: ModelSpec, shape: tuple[int, ...] | None) -> Definition:
    """Return the definition of a classifier of torchvision.

    Args:
        spec: whose place is its name there.
        shape: of one image, if another than `IMAGE`.

    Raises:
        ImportedError: if there is no such network, or it classifies no images.
    """
    try:
        from torchvision.models import get_model, get_model_builder, list_models
    except ImportError as error:
        raise ImportedError(
            f"{spec.text}: torchvision cannot be imported ({error}); install it beside torch"
        ) from error
    if spec.place not in list_models():
        raise ImportedError(f"{spec.text}: torchvision has no network of that name; it has {_nearest(spec.place)}")
    folder = get_model_builder(spec.place).__module__.split(".")[2]
    if folder in OTHERS:
        raise ImportedError(
            f"{spec.text} is one of torchvision's {folder} networks and wants {OTHERS[folder]}: name a factory of your "
            "own with example_inputs and loss"
        )
    size = IMAGE if shape is None else shape

    def build() -> nn.Module:
        network: nn.Module = get_model(spec.place, weights=None)
        return network

    def feed(batch: int, seed: int, _data_root: Path | None) -> Fed:
        generator = torch.Generator("cpu").manual_seed(seed)
        images = torch.randn((batch, *size), generator=generator, dtype=torch.float32, device="cpu")
        labels = torch.randint(CLASSES, (batch,), generator=generator, dtype=torch.int64, device="cpu")
        return images, labels

    def find_loss(_network: nn.Module) -> tuple[Loss, str | None]:
        return _loss_of_classes, None

    return Definition(build=build, feed=feed, find_loss=find_loss)


def _loss_of_classes(output: Nested, labels: Nested) -> Tensor:
    """Return the mean cross entropy of the main output; some networks have auxiliary ones in training."""
    return cross_entropy(list_tensors(output)[0], labels)


def _nearest(name: str) -> str:
    """Return the names that begin alike, or say how to list all."""
    from torchvision.models import list_models

    alike = [known for known in list_models() if known[:3] == name[:3]]
    return ", ".join(alike[:5]) or "those that torchvision.models.list_models() returns"
