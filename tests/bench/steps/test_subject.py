"""A model whose inputs, loss or output are others than the tutorial's is one entry, and is verified like any other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from bench.devices.dtypes import TORCH_DTYPES
from bench.record.case import BUILTIN_STEPS, DTYPES, Case
from bench.steps.catalogue import define_built_in
from bench.steps.find_step import STEPS
from bench.steps.references import compute_references, draw_eager
from bench.steps.standard import MeasuredStandard
from bench.steps.step import Step
from bench.steps.subject import Fed, build, feed_twice
from bench.steps.verify import Answer, WrongResultError, derive_tolerance
from models import MODELS, Model, images
from tests.makers.subjects import BATCH, CPU, PERCEPTRON, case_of, no_clock, step_of

WORDS, WIDTH = 50, 16


class TwoTowers(nn.Module):
    """Looks words up, weighs them by numbers, and answers with a score and with what it is made from."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(WORDS, WIDTH)
        self.linear = nn.Linear(WIDTH, 1)

    def forward(self, words: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        pooled = (self.embedding(words) * weights.unsqueeze(-1)).sum(1)  # (B, 3), (B, 3) -> (B, 16)
        return self.linear(pooled), pooled  # (B, 1), (B, 16)


def sentences(batch: int, seed: int, _data_root: Path | None) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Return words (B, 3) with their weights (B, 3), and scores (B, 1)."""
    generator = torch.Generator().manual_seed(seed)
    words = torch.randint(WORDS, (batch, 3), generator=generator)
    return (words, torch.rand((batch, 3), generator=generator)), torch.rand((batch, 1), generator=generator)


def squares(output: tuple[Tensor, Tensor], scores: Tensor) -> Tensor:
    """Return the mean square of what is missed, and a share of what the score is made from."""
    score, pooled = output
    return ((score - scores) ** 2).mean() + 0.1 * (pooled**2).mean()


MODEL = Model(summary="two towers", build=TwoTowers, inputs=sentences, loss=squares)
TOWERS = define_built_in(MODEL)


def towers_step(case: Case, *, compiled: bool = False) -> Step:
    """Return the step of a case of the two towers."""
    return STEPS[case.step](build(case, TOWERS, CPU, feeds(case), seed=0, compiled=compiled), no_clock)


def feeds(case: Case) -> tuple[Fed, Fed]:
    """Return what the two towers are fed, twice."""
    return feed_twice(sentences, case.batch, 0, None)


def errors_of(case: Case, answer: Answer) -> Mapping[str, float]:
    """Return how far an answer is off, held against what eager is."""
    right = compute_references(case, TOWERS, feeds(case), seed=0)
    draws = draw_eager(replace(case, compile="off"), TOWERS, CPU, no_clock, feeds(case), right, seed=0)
    assert right.first is not None
    return MeasuredStandard(dtype=TORCH_DTYPES[case.dtype], draws=draws).check_first(answer, right.first)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_several_inputs_and_outputs_are_timed_and_verified(step: str, dtype: str) -> None:
    """Words are whole numbers and stay so, weights are cast; every tensor of the output is compared."""
    case = replace(case_of(step, dtype), model="towers")
    mine = towers_step(case)
    assert {"logits", "loss"} <= errors_of(case, mine.answer(*mine.iterate())).keys()
    words, weights = mine.subject.inputs
    assert (words.dtype, weights.dtype) == (torch.int64, TORCH_DTYPES[dtype].storage)
    assert mine.timed(2) == 0.0  # on a clock that stands still
    assert mine.minimal_bytes() > 0


def test_several_inputs_reach_a_compiled_network() -> None:
    """The compiled form takes them as the module does."""
    case = replace(case_of(compile_="backend:eager"), model="towers")
    mine = towers_step(case, compiled=True)
    assert errors_of(case, mine.answer(*mine.iterate()))["logits"] < 1e-5
    torch.compiler.reset()


def test_wrong_second_output_is_a_wrong_result() -> None:
    """The first one alone would not show it."""
    case = replace(case_of(), model="towers")
    mine = towers_step(case)
    (score, pooled), loss = mine.iterate()
    with pytest.raises(WrongResultError, match=r"logits\[1\]: relative error"):
        errors_of(case, mine.answer((score, 2 * pooled), loss))


def test_single_tensor_is_handed_to_the_network_itself() -> None:
    """A function between them would be timed."""
    subject = step_of(case_of()).subject
    assert subject.call is subject.network


def test_model_says_how_far_it_may_be_off() -> None:
    """What it leaves out is derived, and what is no quantity of an answer is refused."""
    case = case_of(dtype="bfloat16")
    derived = derive_tolerance(TORCH_DTYPES["bfloat16"], BATCH)
    assert PERCEPTRON.find_tolerance(case) == derived
    asked: list[tuple[float, int]] = []
    own = replace(PERCEPTRON, tolerance=lambda roundoff, batch: asked.append((roundoff, batch)) or {"output": 0.5})
    assert own.find_tolerance(case) == replace(derived, output=0.5)
    assert asked == [(2**-8, BATCH)]
    with pytest.raises(TypeError, match="logits"):
        replace(PERCEPTRON, tolerance=lambda *_: {"logits": 0.5}).find_tolerance(case)


def test_old_model_is_fed_images_and_allowed_what_is_derived() -> None:
    """A Model of an old commit has none of the later fields, and was a perceptron."""
    old = define_built_in(SimpleNamespace(summary="old", build=MODELS["mlp"].build, loss=MODELS["mlp"].loss))  # type: ignore[arg-type]
    fed, expected = old.feed(BATCH, 3, None), images(BATCH, 3, None)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(fed, expected, strict=True))
    assert old.is_perceptron
    assert old.find_tolerance(case_of()) == PERCEPTRON.find_tolerance(case_of())
