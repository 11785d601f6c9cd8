"""Small networks of other kinds than the tutorial's: with a BatchNorm, whose bias before it has no effect."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.devices.dtypes import TORCH_DTYPES
from bench.record.case import Case
from bench.steps.find_step import find_step
from bench.steps.imported import mean_of_outputs
from bench.steps.recheck import without_dropout
from bench.steps.references import compute_references, draw_eager
from bench.steps.standard import MeasuredStandard
from bench.steps.step import Step
from bench.steps.subject import Definition, Fed, build, feed_twice
from tests.makers.subjects import CPU, no_clock

BATCH, SIDE, CLASSES = 4, 8, 5


class Normed(nn.Module):
    """A convolution whose bias a BatchNorm takes away again, dropout, and a head of two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(6 * SIDE * SIDE, 16)
        self.out = nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.conv(x)))  # (B, 3, 8, 8) -> (B, 6, 8, 8)
        logits: Tensor = self.out(torch.relu(self.head(self.drop(x).flatten(1))))  # -> (B, 5)
        return logits


def pictures(batch: int, seed: int, _data_root: Path | None) -> Fed:
    """Return images (B, 3, 8, 8) and their classes (B,)."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn((batch, 3, SIDE, SIDE), generator=generator),
        torch.randint(CLASSES, (batch,), generator=generator),
    )


def cross_entropy_of(_network: nn.Module) -> tuple[Callable[[Tensor, Tensor], Tensor], None]:
    """Return the usual loss of classes."""
    return nn.functional.cross_entropy, None


NORMED = Definition(build=Normed, feed=pictures, find_loss=cross_entropy_of)


def mean_of(_network: nn.Module) -> tuple[Callable[..., Tensor], str]:
    """Return the loss of a network that has none."""
    return mean_of_outputs, "the mean"


def broken(break_it: Callable[[nn.Module], None], model: Definition = NORMED) -> Definition:
    """Return a model with one thing wrong with its network; its seed gives the same weights as ever."""

    def make() -> nn.Module:
        network = model.build()
        break_it(network)
        return network

    return replace(model, build=make)


def step_of_model(case: Case, model: Definition, *, seed: int = 0) -> Step:
    """Return the step of a case, on its model's inputs."""
    subject = build(case, model, CPU, feed_twice(model.feed, case.batch, seed, None), seed=seed, compiled=case.compiled)
    return find_step(case.step)(subject, no_clock)


def errors_of_variant(
    case: Case, variant: Definition, model: Definition = NORMED, *, seed: int = 0, as_eager: bool = False
) -> dict[str, float]:
    """Return how far a variant is off, held against eager's error of the model as it should be.

    Args:
        case: what is computed.
        variant: whose answers are looked at, the first and the last.
        model: whose are right.
        seed: of weights and inputs.
        as_eager: whether the variant is eager itself.

    Raises:
        WrongResultError: if it is wrong.
    """
    feeds = feed_twice(model.feed, case.batch, seed, None)
    right = compute_references(case, model, feeds, seed=seed)
    eager = replace(case, compile="off")
    draws = [] if as_eager else draw_eager(eager, model, CPU, no_clock, feeds, right, seed=seed)
    standard = MeasuredStandard(dtype=TORCH_DTYPES[case.dtype], draws=draws)
    step = step_of_model(case, variant, seed=seed)
    assert right.first is not None
    with without_dropout(step.subject.network):
        standard.check_first(step.answer(*step.iterate()), right.first)
        step.swap()
        return standard.check_last(step.answer(*step.iterate()), right.last, 2)
