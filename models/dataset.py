"""Where FashionMNIST's files are on this machine. Does not import torch, so that a wrong path is found at once."""

from __future__ import annotations

import errno
import gzip
import shutil
from pathlib import Path

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
RAW = Path("FashionMNIST", "raw")
"""Where torchvision wants the files below its root."""

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist puts the packed files."""


def find(root: Path) -> Path | None:
    """Return the folder that holds all four files, packed or not: below `root`, else where Debian puts them."""
    for folder in (root / RAW, root, DEBIAN):
        if all((folder / name).is_file() or (folder / f"{name}.gz").is_file() for name in FILES):
            return folder
    return None


def missing(root: Path) -> str:
    """Return the sentence that says how to get the files."""
    return (
        f"FashionMNIST is not in {root}: (1) let --download fetch it, (2) point --data-root at a folder that has "
        f"{RAW}/{FILES[0]} and its three siblings (.gz will do), or (3) install Debian's package dataset-fashion-mnist"
    )


def torchvision_root(folder: Path, scratch: Path) -> Path:
    """Return a root from which torchvision loads the files in `folder`; packed files are unpacked below `scratch`.

    Raises:
        OSError: if a file cannot be read or `scratch` cannot be written.
    """
    if folder.parts[-2:] == RAW.parts and all((folder / name).is_file() for name in FILES):
        return folder.parent.parent
    raw = scratch / RAW
    raw.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        plain, packed = folder / name, folder / f"{name}.gz"
        with plain.open("rb") if plain.is_file() else gzip.open(packed) as source, (raw / name).open("wb") as target:
            try:
                shutil.copyfileobj(source, target)
            except EOFError as error:
                raise OSError(errno.EIO, "the packed file ends too early", str(packed)) from error
    return scratch
