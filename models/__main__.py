"""``python -m models``: the tutorial's walk through each network, as tables."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from models import MODELS, cross_entropy, dataset, images
from models.inputs import download
from models.mlp import predict
from models.walk import walk_network

BROKEN_PIPE = 141
"""Exit code when the reader of our output left early, as a shell reports SIGPIPE."""

BATCH = 3
"""The tutorial shows three images; networks of other examples are shown with three of them, too."""


def main(argv: Sequence[str]) -> int:
    """Print the walk, or fetch the images; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models", description="Show each network layer by layer.")
    parser.add_argument(
        "name",
        nargs="*",
        metavar="MODEL",
        help=f"which to show, as for --model of pytest bench (default: {' '.join(MODELS)})",
    )
    parser.add_argument("--shape", metavar="SIZES", help="of one example of a network of your own, such as 3,224,224")
    parser.add_argument("--src", metavar="DIR", help="the folder that packages of your own lie in, such as src")
    parser.add_argument("--download", type=Path, metavar="DIR", help="fetch FashionMNIST into DIR and stop")
    options = parser.parse_args(argv)
    if options.download is not None:
        return fetch(options.download)
    try:
        shape = None if options.shape is None else tuple(map(int, options.shape.split(",")))
        walks = [
            walk(name) if name in MODELS else walk_own(name, shape, options.src) for name in options.name or MODELS
        ]
    except Exception as error:  # noqa: BLE001  whatever a network of the user's own raises is one line
        parser.error((str(error).splitlines() or [type(error).__name__])[0])
    try:
        print("\n\n".join(walks), flush=True)
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
    """Return one network's description for a batch of 3; of a classifier of images also what it takes them for."""
    torch.manual_seed(0)
    model = MODELS[name]
    with torch.device("cpu"):
        network = model.build().to(dtype=torch.float32)  # as what it is fed is
    inputs, _ = model.inputs(BATCH, 0, None)
    walked = walk_network(f"{name}: {model.summary}", network, inputs if isinstance(inputs, tuple) else (inputs,))
    if isinstance(inputs, Tensor) and model.inputs is images and model.loss is cross_entropy:
        walked += f"\n\npredicted classes of {BATCH} random images: {predict(network, inputs).tolist()}"
    return walked


def walk_own(text: str, shape: tuple[int, ...] | None, src: str | None) -> str:
    """Return the description of a network that is not built in.

    Args:
        text: its spec; paths and imports are relative to the working directory.
        shape: of one example, where the network says nothing of its inputs.
        src: the folder below the working directory that packages lie in.
    """
    from bench.steps.example import make_example

    example = make_example(text, MODELS, batch=BATCH, shape=shape, folder=Path.cwd(), src=src)
    return walk_network(text, example.network, example.arguments, example.named)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
