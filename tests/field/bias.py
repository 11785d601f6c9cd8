"""Is a slice what it says? A slice against a bare loop of the same step in the same process, in turn.

``python -m tests.field.bias [--pairs 400]`` prints the median ratio with a 95 % interval for forward at batch 1.
The bare loop is what a person writes: a clock, a for loop over the model, a clock.
A slice is what a worker does: the other input goes in place before it, and its last answer is verified after it, which
a worker does after the last slice of a launch only.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Sequence
from math import log
from random import Random
from time import perf_counter

import torch

from bench.devices.backend import load
from bench.devices.clock import clock as clock_of
from bench.devices.clock import clock_cost
from bench.devices.dtypes import TORCH_DTYPES
from bench.record.case import Case
from bench.steps.find_step import STEPS
from bench.steps.prepare import warm_up
from bench.steps.recheck import last_answer
from bench.steps.subject import build, feed_twice
from models import MODELS, images
from reports.stats.intervals import summarize_logs
from tests.field.program import end_with

BLOCKS = 20
"""Pairs are split into so many blocks, fewer if there are fewer pairs; each block's median is one replicate."""


def main(argv: Sequence[str]) -> int:
    """Measure and print the bias."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=400)
    options = parser.parse_args(argv)
    case = Case(model="mlp", step="forward", batch=1, device="cpu", dtype="float32", compile="off")
    device = load(case.device)
    clock = clock_of(device)
    subject = build(case, MODELS[case.model], device, feed_twice(images, case.batch, 0, None), seed=0, compiled=True)
    step = STEPS[case.step](subject, clock)
    estimate, _ = warm_up(step)
    iterations = max(1, round(0.01 / estimate))

    def bare(count: int) -> float:
        model, x = subject.network, subject.inputs
        with torch.inference_mode():
            model(x)
            begin = perf_counter()
            for _ in range(count):
                model(x)
            return perf_counter() - begin

    def slice_() -> float:
        step.swap()
        seconds = step.timed(iterations)
        last_answer(step)
        return seconds

    random = Random(0)
    logs: list[float] = []
    gc.disable()
    for _ in range(options.pairs):
        if random.random() < 0.5:
            ours = slice_()
            logs.append(log(ours / bare(iterations)))
        else:
            theirs = bare(iterations)
            logs.append(log(slice_() / theirs))
    count = min(BLOCKS, len(logs))
    size = len(logs) // count
    blocks = [sorted(logs[at : at + size])[size // 2] for at in range(0, size * count, size)]
    bias = summarize_logs(blocks)
    low, high = (None, None) if bias.low is None or bias.high is None else (bias.low - 1, bias.high - 1)
    interval = "" if low is None or high is None else f" [{low:+.2%}, {high:+.2%}]"
    cost = clock_cost(clock) / (iterations * estimate)
    print(f"slice against bare loop, forward at batch 1, {iterations} iterations: {bias.centre - 1:+.2%}{interval}")
    print(f"one pair of clock reads is {cost:.4%} of a slice; dtype {TORCH_DTYPES[case.dtype].compute}")
    return 0


if __name__ == "__main__":
    end_with(main)
