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
from bench.steps.find_step import STEPS
from bench.steps.prepare import compute_references
from bench.steps.step import Step
from bench.steps.subject import build, feed_twice, find_feed, find_tolerance
from bench.steps.verify import WrongResultError, check, derive_tolerance
from models import MODELS, Model, images
from tests.makers.subjects import BATCH, CPU, case_of, no_clock, step_of

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


TOWERS = Model(summary="two towers", build=TwoTowers, inputs=sentences, loss=squares)


@pytest.fixture(autouse=True)
def towers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one model more."""
    monkeypatch.setattr("models.MODELS", {**MODELS, "towers": TOWERS})


def towers_step(case: Case, model: Model = TOWERS, *, compiled: bool = False) -> Step:
    """Return the step of a case of the two towers."""
    feeds = feed_twice(model.inputs, case.batch, 0, None)
    return STEPS[case.step](build(case, model, CPU, feeds, seed=0, compiled=compiled), no_clock)


def errors_of(case: Case, step: Step) -> Mapping[str, float]:
    """Return how far a step's answer is off."""
    right = compute_references(case, feed_twice(sentences, case.batch, 0, None), seed=0).first
    assert right is not None
    return check(step.answer(*step.iterate()), right, find_tolerance(TOWERS, case))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("step", BUILTIN_STEPS)
def test_several_inputs_and_outputs_are_timed_and_verified(step: str, dtype: str) -> None:
    """Words are whole numbers and stay so, weights are cast; every tensor of the output is compared."""
    case = replace(case_of(step, dtype), model="towers")
    mine = towers_step(case)
    assert {"logits", "loss"} <= errors_of(case, mine).keys()
    words, weights = mine.subject.inputs
    assert (words.dtype, weights.dtype) == (torch.int64, TORCH_DTYPES[dtype].storage)
    assert mine.timed(2) == 0.0  # on a clock that stands still
    assert mine.minimal_bytes() > 0


def test_several_inputs_reach_a_compiled_network() -> None:
    """The compiled form takes them as the module does."""
    case = replace(case_of(compile_="backend:eager"), model="towers")
    assert errors_of(case, towers_step(case, compiled=True))["logits"] < 1e-5
    torch.compiler.reset()


def test_wrong_second_output_is_a_wrong_result() -> None:
    """The first one alone would not show it."""
    case = replace(case_of(), model="towers")
    mine = towers_step(case)
    (score, pooled), loss = mine.iterate()
    right = compute_references(case, feed_twice(sentences, case.batch, 0, None), seed=0).first
    assert right is not None
    with pytest.raises(WrongResultError, match=r"logits\[1\]: relative error"):
        check(mine.answer((score, 2 * pooled), loss), right, find_tolerance(TOWERS, case))


def test_single_tensor_is_handed_to_the_network_itself() -> None:
    """A function between them would be timed."""
    subject = step_of(case_of()).subject
    assert subject.call is subject.network


def test_model_says_how_far_it_may_be_off() -> None:
    """What it leaves out is derived, and what is no quantity of an answer is refused."""
    case = case_of(dtype="bfloat16")
    derived = derive_tolerance(TORCH_DTYPES["bfloat16"], BATCH)
    assert find_tolerance(MODELS["mlp"], case) == derived
    asked: list[tuple[float, int]] = []
    own = replace(TOWERS, tolerance=lambda roundoff, batch: asked.append((roundoff, batch)) or {"output": 0.5})
    assert find_tolerance(own, case) == replace(derived, output=0.5)
    assert asked == [(2**-8, BATCH)]
    with pytest.raises(TypeError, match="logits"):
        find_tolerance(replace(TOWERS, tolerance=lambda *_: {"logits": 0.5}), case)


def test_old_model_is_fed_images_and_allowed_what_is_derived() -> None:
    """A Model of an old commit has neither field."""
    old = SimpleNamespace(summary="old", build=MODELS["mlp"].build, loss=MODELS["mlp"].loss)
    fed, expected = find_feed(old)(BATCH, 3, None), images(BATCH, 3, None)  # type: ignore[arg-type]
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(fed, expected, strict=True))  # type: ignore[arg-type]
    assert find_tolerance(old, case_of()) == find_tolerance(MODELS["mlp"], case_of())  # type: ignore[arg-type]
