"""What a network of images is fed: FashionMNIST's test images through torchvision, or random ones of their shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.mlp import CLASSES, IMAGE


def fashion_mnist(root: Path, count: int) -> tuple[Tensor, Tensor]:
    """Return the first `count` test images, from the start again after 10,000, and their labels.

    Args:
        root: torchvision's root, holding ``FashionMNIST/raw``.
        count: how many images, B.

    Returns:
        Images (B, 1, 28, 28), float32 in [0, 1], and labels (B,), int64 in 0..9, on the CPU.

    Raises:
        RuntimeError: if torchvision cannot be imported or does not find the files.
    """
    with torch.device("cpu"):
        dataset = _open_test_images(root, download=False)
    distinct = min(count, len(dataset))
    pixels = dataset.data[:distinct].reshape(distinct, *IMAGE)  # (10000, 28, 28) -> (min(B, 10000), 1, 28, 28), uint8
    images = pixels.to(torch.float32) / 255  # as ToTensor does for each, in torch's default dtype
    labels = dataset.targets[:distinct].to(torch.int64)
    wrapped = torch.arange(count, device="cpu") % distinct
    return images[wrapped].contiguous(), labels[wrapped].contiguous()


def random_images(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return `count` random images and labels of FashionMNIST's shapes, types and ranges; see `fashion_mnist`."""
    generator = torch.Generator("cpu").manual_seed(seed)
    images = torch.rand((count, *IMAGE), generator=generator, dtype=torch.float32, device="cpu")
    labels = torch.randint(CLASSES, (count,), generator=generator, dtype=torch.int64, device="cpu")
    return images, labels


def download(root: Path) -> None:
    """Fetch FashionMNIST below `root` through torchvision.

    Raises:
        RuntimeError, OSError: if it cannot be fetched.
    """
    _open_test_images(root, download=True)


def _open_test_images(root: Path, *, download: bool) -> Any:
    """Return torchvision's data set; only who wants real images needs torchvision."""
    try:
        from torchvision.datasets import FashionMNIST
    except Exception as error:  # one that was built for another torch raises what it likes
        raise RuntimeError(
            f"FashionMNIST is read by torchvision, which cannot be imported ({error}); "
            "install the one for this torch, or use --data random"
        ) from error
    return FashionMNIST(str(root), train=False, download=download)
