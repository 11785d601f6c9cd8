"""``python -m models``: the tutorial's walk through each network, as tables."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from models import MODELS, cross_entropy, dataset
from models.inputs import download
from models.mlp import predict

if TYPE_CHECKING:
    from models import Tensors

BROKEN_PIPE = 141
"""Exit code when the reader of our output left early, as a shell reports SIGPIPE."""

BATCH = 3
"""The tutorial shows three images."""


def main(argv: Sequence[str]) -> int:
    """Print the walk, or fetch the images; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models", description="Show each network layer by layer.")
    parser.add_argument("name", nargs="*", metavar="MODEL", help=f"which to show (default: {' '.join(MODELS)})")
    parser.add_argument("--download", type=Path, metavar="DIR", help="fetch FashionMNIST into DIR and stop")
    options = parser.parse_args(argv)
    if options.download is not None:
        return fetch(options.download)
    if strangers := [name for name in options.name if name not in MODELS]:
        parser.error(f"unknown model {strangers[0]!r}; known: {', '.join(MODELS)}")
    try:
        print("\n\n".join(walk(name) for name in options.name or MODELS), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter's own flush complains
        return BROKEN_PIPE
    return 0


def fetch(root: Path) -> int:
    """Download the images; return the exit code."""
    try:
        download(root)
    except (RuntimeError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        print(f"download failed ({reason}). {dataset.missing(root)}", file=sys.stderr)
        return 2
    return 0


def walk(name: str) -> str:
    """Return one network's description: layers with shapes for a batch of 3, then its parameters."""
    torch.manual_seed(0)
    model = MODELS[name]
    with torch.device("cpu"):
        network = model.build().to(dtype=torch.float32)  # as what it is fed is
    inputs, _ = model.inputs(BATCH, 0, None)
    rows = layers(network, inputs if isinstance(inputs, tuple) else (inputs,))
    total = sum(parameter.numel() for parameter in network.parameters())
    parameters = [
        [key, shape(parameter), " ".join(f"{value:+.4f}" for value in parameter.flatten()[:3].tolist())]
        for key, parameter in network.named_parameters()
    ]
    lines = [
        f"{name}: {model.summary}",
        str(network),
        "",
        *align([["layer", "input", "output", "parameters"], *rows, ["total", "", "", f"{total:,}"]]),
        "",
        *align([["parameter", "shape", "first values"], *parameters]),
    ]
    if model.loss is cross_entropy and isinstance(inputs, Tensor):  # it tells classes apart
        lines += ["", f"predicted classes of {BATCH} random images: {predict(network, inputs).tolist()}"]
    return "\n".join(lines)


def layers(network: nn.Module, inputs: tuple[Tensor, ...]) -> list[list[str]]:
    """Return one row a layer that has no layers inside it: name and kind, input and output shape, parameters."""
    rows: list[list[str]] = []

    def note(label: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensors], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensors) -> None:
            count = sum(parameter.numel() for parameter in module.parameters())
            rows.append([f"{label} {type(module).__name__}", shape(inputs), shape(output), f"{count:,}"])

        return hook

    hooks = [
        module.register_forward_hook(note(label))
        for label, module in network.named_modules()
        if not list(module.children())
    ]
    try:
        with torch.inference_mode():
            network(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return rows


def shape(tensors: Tensors) -> str:
    """Return the shape of a tensor, or of each of several, as text: ``(3, 784)``."""
    return " ".join(map(shape, tensors)) if isinstance(tensors, tuple) else str(tuple(tensors.shape))


def align(rows: list[list[str]]) -> list[str]:
    """Return rows of cells as lines whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
