"""Is the cause of a slowdown named? Networks with one thing changed, each profiled against the one without it.

``python -m tests.field.causes [--pairs 6] [--batch 64]`` prints, for each planted cause, the first three rows of the
table that a gate shows, and whether one of them is the cause. Arms take turns in one process here, and nothing is
timed without a profiler: a gate has a process for each, and says what share of the timed change is explained.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from bench.devices.backend import load
from bench.devices.clock import clock as clock_of
from bench.record.arm import Side
from bench.record.case import Case
from bench.record.profile import Profiled
from bench.steps.catalogue import define_built_in
from bench.steps.compiling import allow_variants
from bench.steps.find_step import STEPS
from bench.steps.profile import show_kernels, take_profile
from bench.steps.step import Step
from bench.steps.subject import build, feed_twice
from models import MODELS, images
from reports.figures.why import Explanation, explain
from reports.show.units import seconds
from reports.stats.ratio import Mean
from tests.field.program import end_with

ROWS = 3
"""A cause further down is not seen."""

UNTIMED = Mean(value=0.0, error=None, n=1)
"""Nothing is timed without a profiler here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Something that makes a network slower.

    Attributes:
        name: what it is.
        plant: changes a network in place.
        shows: a regular expression that the name of its row has.
        compile: the compile mode in which it is planted.
    """

    name: str
    plant: Callable[[nn.Module], object]
    shows: str
    compile: str = "off"


def _before(change: Callable[[Tensor], Tensor]) -> Callable[[nn.Module], object]:
    """Return what has a network's input changed first."""

    def plant(network: nn.Module) -> object:
        forward = network.forward
        network.forward = lambda x: forward(change(x))  # type: ignore[method-assign]
        return network

    return plant


def _spin(x: Tensor) -> Tensor:
    for number in range(2000):
        _ = number * number
    return x


def _wait(x: Tensor) -> Tensor:
    for _ in range(20):
        x.sum().item()
    return x


def _break(x: Tensor) -> Tensor:
    torch._dynamo.graph_break()
    return x


def _hook(network: nn.Module) -> object:
    def look(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        _spin(inputs[0])

    return [module.register_forward_pre_hook(look) for module in network.modules()]


def _widen(network: nn.Module) -> object:
    layers = network.linear_relu_stack
    assert isinstance(layers, nn.Sequential)
    layers[0], layers[2], layers[4] = nn.Linear(784, 1024), nn.Linear(1024, 1024), nn.Linear(1024, 10)
    return network


def _lay_out_badly(network: nn.Module) -> object:
    layers = network.linear_relu_stack
    assert isinstance(layers, nn.Sequential)
    for index in (0, 2):
        weight = layers[index].weight
        wide = torch.zeros(weight.shape[0], 2 * weight.shape[1])
        wide[:, ::2] = weight.detach()
        layers[index].weight = nn.Parameter(wide[:, ::2])  # every other element: no product reads it as it is
    return network


CAUSES = (
    Cause(name="an extra clone", plant=_before(Tensor.clone), shows="clone|copy_"),
    Cause(name="a transposed copy", plant=_before(lambda x: x.mT.contiguous().mT.contiguous()), shows="clone|copy_"),
    Cause(name="a float64 detour", plant=_before(lambda x: (x.double() * 1.0).float()), shows="_to_copy|copy_|mul"),
    Cause(name="a Python loop", plant=_before(_spin), shows="in no operator"),
    Cause(name="hooks of layers", plant=_hook, shows="in no operator"),
    Cause(name="a synchronisation", plant=_before(_wait), shows="item|_local_scalar_dense|sum"),
    Cause(name="a larger hidden layer", plant=_widen, shows="addmm|clamp_min"),
    Cause(name="a worse layout of weights", plant=_lay_out_badly, shows="addmm|copy_"),
    Cause(name="one more layer", plant=_before(torch.tanh), shows="tanh"),
    Cause(
        name="a graph break", plant=_before(_break), shows="Torch-Compiled|CompiledFxGraph|no operator", compile="on"
    ),
    Cause(name="one more kernel", plant=_before(lambda x: x.cumsum(3)), shows="cumsum|cpp_fused", compile="on"),
)
"""What is planted, one at a time."""


def main(argv: Sequence[str]) -> int:
    """Profile every cause and print what is named; return 1 if fewer than nine in ten are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--batch", type=int, default=64)
    options = parser.parse_args(argv)
    allow_variants()
    show_kernels()
    print("| cause | first rows | named |", "|---|---|---|", sep="\n")
    named = 0
    for cause in CAUSES:
        rows, found = try_cause(cause, batch=options.batch, pairs=options.pairs)
        named += found
        print(f"| {cause.name} | {'; '.join(rows) or 'none'} | {'yes' if found else 'no'} |", flush=True)
    print(f"\n{named} of {len(CAUSES)} are named")
    return 0 if named >= 0.9 * len(CAUSES) else 1


def try_cause(cause: Cause, *, batch: int, pairs: int) -> tuple[list[str], bool]:
    """Return the first rows of what differs, and whether one of them is the cause."""
    case = Case(model="mlp", step="forward", batch=batch, device="cpu", dtype="float32", compile=cause.compile)
    steps = {Side.BASE: make_step(case, None), Side.HEAD: make_step(case, cause)}
    profiles = [
        Profiled(case=case, side=side, replicate=replicate, profile=take_profile(step), reason=None)
        for replicate in range(1, pairs + 1)
        for side, step in steps.items()
    ]
    explanation = explain(profiles, case, UNTIMED)
    assert isinstance(explanation, Explanation)
    first = explanation.differences[:ROWS]
    rows = [f"{row.name} {seconds(row.change.value)} ({row.kind})" for row in first]
    return rows, any(re.search(cause.shows, row.name) for row in first)


def make_step(case: Case, cause: Cause | None) -> Step:
    """Return the forward of the tutorial's network, with a cause planted in it."""
    definition = define_built_in(MODELS[case.model])

    def make() -> nn.Module:
        network = definition.build()
        if cause is not None:
            cause.plant(network)
        return network

    device = load(case.device)
    feeds = feed_twice(images, case.batch, 0, None)
    subject = build(case, replace(definition, build=make), device, feeds, seed=0, compiled=True)
    return STEPS[case.step](subject, clock_of(device))


if __name__ == "__main__":
    end_with(main)
