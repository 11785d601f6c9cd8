"""A layout reaches every tensor of four dimensions, changes no answer, and is skipped where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from bench.devices.dtypes import TORCH_DTYPES
from bench.record.case import BUILTIN_STEPS, Case
from bench.steps.catalogue import define_built_in
from bench.steps.find_step import STEPS
from bench.steps.layout import lay_out_inputs
from bench.steps.references import compute_references, draw_eager
from bench.steps.standard import MeasuredStandard
from bench.steps.step import Step
from bench.steps.subject import build
from bench.steps.support import SkipError
from models import MODELS
from tests.makers.subjects import BATCH, CPU, case_of, feeds_of, no_clock


def build_convolution() -> nn.Module:
    """Return a network whose weights have four, two and one dimensions."""
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(4 * 24 * 24, 10))


CONVOLUTION = define_built_in(replace(MODELS["mlp"], build=build_convolution))


def step_in(layout: str, step: str = "forward") -> tuple[Case, Step]:
    """Return a case of the convolution in a layout, and its step."""
    case = replace(case_of(step), model="convolution", layout=layout)
    return case, STEPS[step](build(case, CONVOLUTION, CPU, feeds_of(case), seed=0, compiled=False), no_clock)


@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_answer_in_channels_last_is_the_references(step: str) -> None:
    """The reference is computed in torch's own layout: both store the same numbers in another order."""
    case, mine = step_in("channels_last", step)
    right = compute_references(case, CONVOLUTION, feeds_of(case), seed=0)
    draws = draw_eager(case_of(step), CONVOLUTION, CPU, no_clock, feeds_of(case), right, seed=0)
    standard = MeasuredStandard(dtype=TORCH_DTYPES["float32"], draws=draws)
    assert right.first is not None
    assert standard.check_first(mine.answer(*mine.iterate()), right.first)["logits"] < 1e-5


def test_weights_of_four_dimensions_and_what_they_answer_are_in_channels_last() -> None:
    """A convolution of several channels then computes without a change of order in between."""
    _, mine = step_in("channels_last")
    weight = mine.subject.network[2].weight  # type: ignore[index]
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert not weight.is_contiguous()
    hidden = mine.subject.network[:3](mine.subject.inputs)  # type: ignore[index]
    assert hidden.is_contiguous(memory_format=torch.channels_last)
    assert mine.subject.inputs.stride() == (784, 1, 28, 1)
    _, host = step_in("channels_last", "predict")
    assert host.subject.inputs.stride() == (784, 1, 28, 1)
    _, other = step_in("contiguous")
    assert other.subject.network[2].weight.is_contiguous()  # type: ignore[index]


def test_inputs_keep_their_layout_when_the_other_feed_is_put_in_place() -> None:
    """Slices take turns between two feeds in the same memory."""
    images = torch.rand(BATCH, 3, 5, 7)
    placed = lay_out_inputs((images, torch.rand(BATCH, 3)), "channels_last")
    assert isinstance(placed, tuple)
    assert [tensor.is_contiguous(memory_format=torch.channels_last) for tensor in placed[:1]] == [True]
    placed[0].data.copy_(2 * images)
    assert placed[0].is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(placed[0], 2 * images)


def test_image_of_one_channel_has_the_strides_of_its_layout() -> None:
    """With equal strides the compiler would find the other layout's code, compile nothing and look like eager."""
    (images, _), _ = feeds_of(case_of())
    placed = lay_out_inputs(images, "channels_last")
    assert (images.stride(), placed.stride()) == ((784, 784, 28, 1), (784, 1, 28, 1))
    assert torch.equal(images, placed)


def test_inputs_without_four_dimensions_are_a_skip_that_says_which_they_have() -> None:
    """Nothing would be in another order, and the figure would claim that it was."""
    words = torch.zeros(BATCH, 3)
    assert lay_out_inputs(words, "contiguous") is words
    with pytest.raises(SkipError, match=r"channels_last is an order of four dimensions, .*: \(4, 3\)"):
        lay_out_inputs(words, "channels_last")
