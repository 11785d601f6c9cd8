"""The same cases as a plain pytest-benchmark suite, the way one would write it first: what we are compared with.

Run by `repeatability.py`; by hand: ``pytest tests/field/plain_suite.py --benchmark-json plain.json``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest
import torch

from bench.devices.dtypes import TORCH_DTYPES
from models import MODELS
from models.inputs import fashion_mnist, random_images


def images(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images that the suite under gate uses too."""
    root = os.environ.get("FIELD_DATA_ROOT")
    return fashion_mnist(Path(root), batch) if root else random_images(batch, 0)


@pytest.mark.parametrize("compile_", ["off", "on"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("batch", [1, 64, 1024])
@pytest.mark.parametrize("step", ["forward", "backward"])
def test_plain(benchmark: Any, step: str, batch: int, dtype: str, compile_: str) -> None:
    """One case, timed by pytest-benchmark as it comes."""
    torch.manual_seed(0)
    storage = TORCH_DTYPES[dtype].storage
    network = MODELS["mlp"].build().to(storage)
    call: Callable[[torch.Tensor], torch.Tensor] = torch.compile(network) if compile_ == "on" else network
    x, y = images(batch)
    x = x.to(storage)
    if step == "forward":
        with torch.inference_mode():
            for _ in range(3):  # the first, cold call would decide the number of rounds
                call(x)
            benchmark(call, x)
        return

    def fresh_graph() -> tuple[tuple[torch.Tensor], dict[str, object]]:
        network.zero_grad(set_to_none=True)
        return (MODELS["mlp"].loss(call(x), y),), {}

    for _ in range(3):
        fresh_graph()[0][0].backward()
    seconds = float(os.environ.get("FIELD_CASE_SECONDS", "1"))
    rounds = max(5, int(seconds / _once(lambda: fresh_graph()[0][0])))
    benchmark.pedantic(lambda loss: loss.backward(), setup=fresh_graph, rounds=rounds)


def _once(call: Callable[[], torch.Tensor]) -> float:
    """Return the median seconds of five backwards, to choose the number of rounds."""
    seconds = []
    for _ in range(5):
        loss = call()
        begin = perf_counter()
        loss.backward()
        seconds.append(perf_counter() - begin)
    return median(seconds)
