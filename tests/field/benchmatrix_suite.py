"""Forward at three batch sizes as a benchmatrix suite, the way its quickstart has it: what we are compared with.

Run by `rival_jobs.py`, in a virtual environment that has benchmatrix.
"""

from __future__ import annotations

import torch
from benchmatrix import BenchmarkCase, make_benchmark_test

from models import MODELS
from models.inputs import random_images

torch.manual_seed(0)
NETWORK = MODELS["mlp"].build()
IMAGES = {batch: random_images(batch, 0)[0] for batch in (1, 64, 1024)}


def forward(x: torch.Tensor) -> torch.Tensor:
    """Return the logits."""
    with torch.inference_mode():
        return NETWORK(x)


for images in IMAGES.values():
    for _ in range(3):  # the first, cold call would decide the number of rounds
        forward(images)

test_forward = make_benchmark_test(
    {"mlp": forward},
    [
        BenchmarkCase.from_values(f"b{batch}", images, work_units=batch, work_unit_name="images")
        for batch, images in IMAGES.items()
    ],
    metrics=("single_call_latency",),  # its throughput is the same figure, and its tail takes time of its own
)
