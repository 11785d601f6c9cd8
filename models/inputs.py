"""What a network of images is fed: FashionMNIST's test images through torchvision, or random ones of their shape."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor

from models.mlp import CLASSES, IMAGE


def fashion_mnist(root: Path, count: int) -> tuple[Tensor, Tensor]:
    """Return the first `count` test images, from the start again after 10,000, and their labels.

    Args:
        root: torchvision's root, holding ``FashionMNIST/raw``.
        count: how many images, B.

    Returns:
        Images (B, 1, 28, 28), float32 in [0, 1], and labels (B,), int64 in 0..9, on the CPU.

    Raises:
        RuntimeError: if torchvision does not find the files.
    """
    dataset = FashionMNIST(str(root), train=False, download=False, transform=ToTensor())
    distinct = min(count, len(dataset))
    pairs = [dataset[index] for index in range(distinct)]
    images = torch.stack([image for image, _ in pairs])  # (min(B, 10000), 1, 28, 28)
    labels = torch.tensor([label for _, label in pairs])
    wrapped = torch.arange(count) % distinct
    return images[wrapped].contiguous(), labels[wrapped].contiguous()


def random_images(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return `count` random images and labels of FashionMNIST's shapes, types and ranges; see `fashion_mnist`."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand((count, *IMAGE), generator=generator)
    labels = torch.randint(CLASSES, (count,), generator=generator)
    return images, labels


def download(root: Path) -> None:
    """Fetch FashionMNIST below `root` through torchvision.

    Raises:
        RuntimeError, OSError: if it cannot be fetched.
    """
    FashionMNIST(str(root), train=False, download=True)
