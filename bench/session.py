"""What any measuring needs before its first case: what the network is fed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.host.folders import ROOT
from bench.processes.pool import Opening
from bench.request import Options, SetupError
from models import dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Where images come from.

    Attributes:
        root: torchvision's root of the real ones; None for random ones.
        source: ``fashion-mnist`` or ``random``.
        reason: why this source.
    """

    root: str | None
    source: str
    reason: str


def located(options: Options, scratch: Path) -> Images:
    """Return what the options ask for; packed files are unpacked below `scratch`.

    Raises:
        SetupError: if they cannot be fetched.
        OSError: if a file cannot be read.
    """
    if options.data == "random":
        return Images(root=None, source="random", reason="asked for")
    if options.download:
        download(options.data_root)
    folder = dataset.find(options.data_root)
    if folder is None:
        return Images(root=None, source="random", reason=f"no FashionMNIST files in {options.data_root}")
    root = dataset.torchvision_root(folder, scratch / "data")
    return Images(root=str(root), source="fashion-mnist", reason=f"found in {folder}")


def opening_of(options: Options, images: Images) -> Opening:
    """Return what every worker of a run is told first."""
    return Opening(
        seed=options.settings.seed,
        data_root=images.root,
        left_out=options.unsteady,
        timeout_seconds=options.settings.timeout_seconds,
        memory_bytes=psutil.virtual_memory().total,
    )


def download(root: Path) -> None:
    """Fetch FashionMNIST in a process of its own, since that imports torch.

    Raises:
        SetupError: if it cannot be fetched.
    """
    command = [sys.executable, "-m", "models", "--download", str(root.resolve())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError((done.stderr.strip().splitlines() or ["the download failed"])[-1])
